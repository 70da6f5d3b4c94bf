"""Events that wait for the bridge's acknowledgement. No I/O; one thread at a time."""

from __future__ import annotations

from collections import deque

from orbit_jupyter.protocol import Event, Events


class Outbox:
    """Numbers events, keeps them until they are acknowledged, and sends again what wasn't.

    Parameters
    ----------
    epoch
        Within it, numbers grow by one.
    max_events, max_bytes
        The bounds. Beyond them the oldest are given up; the bridge sees the hole in the numbers and says so.
    """

    BATCH_EVENTS, BATCH_BYTES = 256, 512 * 2**10

    def __init__(self, epoch: str, max_events: int = 100_000, max_bytes: int = 64 * 2**20) -> None:
        self.epoch = epoch
        self._max_events, self._max_bytes = max_events, max_bytes
        self._kept: deque[Event] = deque()
        self._bytes = 0
        self._last = 0
        self._sent = 0

    @property
    def _first(self) -> int:
        return self._last - len(self._kept) + 1

    def append(self, event: Event) -> None:
        """Add an event."""
        self._last += 1
        self._kept.append(event)
        self._bytes += len(event.data)
        while len(self._kept) > self._max_events or self._bytes > self._max_bytes:
            self._drop()

    def acknowledged(self, epoch: str, sequence: int) -> None:
        """Forget what the bridge holds."""
        while epoch == self.epoch and self._kept and self._first <= sequence:
            self._drop()

    def rewind(self, last_seen: int) -> None:
        """Begin again after a reconnect, behind what the bridge has seen."""
        self.acknowledged(self.epoch, last_seen)
        self._sent = min(self._sent, self._first - 1)

    def next(self) -> Events | None:
        """Return the next batch to send, or None."""
        start = max(self._sent + 1, self._first)
        batch: list[Event] = []
        size = 0
        for index in range(start - self._first, len(self._kept)):
            event = self._kept[index]
            if batch and (len(batch) == self.BATCH_EVENTS or size + len(event.data) > self.BATCH_BYTES):
                break
            batch.append(event)
            size += len(event.data)
        if not batch:
            return None
        self._sent = start + len(batch) - 1
        return Events(self.epoch, start, batch)

    def _drop(self) -> None:
        self._bytes -= len(self._kept.popleft().data)
