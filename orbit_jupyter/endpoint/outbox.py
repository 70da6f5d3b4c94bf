"""Events that wait for the bridge's acknowledgement; one thread at a time.

They are kept in segments. What the memory has no room for goes to disk, a segment at once: the newest, since the
oldest are sent and acknowledged first.
"""

from __future__ import annotations

from array import array
from collections import deque
from pathlib import Path

from orbit_jupyter.protocol import Event, Events

from .spill import Spill, UnreadableError

SEGMENT_EVENTS, SEGMENT_BYTES = 1000, 2**20
"""Of events in a segment, at most; it is written to disk at once."""


class _Segment:
    """Events with numbers that follow each other."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.sizes = array("L")
        self.gone = 0
        """How many of its oldest are acknowledged, or given up."""
        self.bytes = 0
        """Of those that aren't."""
        self.whole = 0
        self.events: list[Event] | None = []
        """None: on disk."""

    @property
    def last(self) -> int:
        return self.first + len(self.sizes) - 1

    def append(self, event: Event) -> None:
        assert self.events is not None
        self.events.append(event)
        self.sizes.append(len(event.data))
        self.bytes += len(event.data)
        self.whole += len(event.data)

    def drop(self) -> int:
        """Forget the oldest event and return its size."""
        size = self.sizes[self.gone]
        self.gone += 1
        self.bytes -= size
        return size

    @property
    def full(self) -> bool:
        return len(self.sizes) >= SEGMENT_EVENTS or self.whole >= SEGMENT_BYTES


class Outbox:
    """Numbers events, keeps them until they are acknowledged, and sends again what wasn't.

    Parameters
    ----------
    epoch
        Within it, numbers grow by one.
    folder
        Where to put on disk what is more than `memory_events` and `memory_bytes`; None: all is in memory.
    max_events, max_bytes
        The bounds of all. Beyond them the oldest are given up; the bridge sees the hole in the numbers and says
        so. `max_bytes` None: 256 MiB with a folder, 64 MiB without.
    memory_events, memory_bytes
        The bounds of what is in memory, but for one segment. Where the disk takes no more, the oldest are given up
        at these.
    """

    BATCH_EVENTS, BATCH_BYTES = 256, 512 * 2**10

    def __init__(
        self,
        epoch: str,
        folder: Path | None = None,
        *,
        max_events: int = 100_000,
        max_bytes: int | None = None,
        memory_events: int = 10_000,
        memory_bytes: int = 8 * 2**20,
    ) -> None:
        self.epoch = epoch
        self._max_events = max_events
        self._max_bytes = max_bytes if max_bytes is not None else (64 if folder is None else 256) * 2**20
        self._memory_events, self._memory_bytes = memory_events, memory_bytes
        self._spill = Spill(folder) if folder is not None else None
        self._segments: deque[_Segment] = deque()
        self._count = self._bytes = 0
        self._in_memory = self._bytes_in_memory = 0
        self._last = 0
        self._sent = 0
        self._read: tuple[_Segment, list[Event]] | None = None

    def append(self, event: Event) -> None:
        """Add an event."""
        self._last += 1
        if not self._segments or self._segments[-1].events is None or self._segments[-1].full:
            self._segments.append(_Segment(self._last))
        self._segments[-1].append(event)
        self._count += 1
        self._bytes += len(event.data)
        self._in_memory += 1
        self._bytes_in_memory += len(event.data)
        if self._segments[-1].full and self._spill is not None and self._memory_full():
            self._make_room(self._spill)
        while self._count > self._max_events or self._bytes > self._max_bytes:
            self._drop()

    def acknowledged(self, epoch: str, sequence: int) -> None:
        """Forget what the bridge holds."""
        while epoch == self.epoch and self._segments and self._first <= sequence:
            self._drop()

    def rewind(self, last_seen: int) -> None:
        """Begin again after a reconnect, behind what the bridge has seen."""
        self.acknowledged(self.epoch, last_seen)
        self._sent = min(self._sent, self._first - 1)

    def next(self) -> Events | None:
        """Return the next batch to send, or None."""
        for segment in list(self._segments):
            start = max(self._sent + 1, segment.first + segment.gone)
            if start > segment.last:
                continue
            try:
                events = self._events(segment)
            except UnreadableError:
                self._lose(segment)
                continue
            batch: list[Event] = []
            size = 0
            for event in events[start - segment.first :]:
                if batch and (len(batch) == self.BATCH_EVENTS or size + len(event.data) > self.BATCH_BYTES):
                    break
                batch.append(event)
                size += len(event.data)
            self._sent = start + len(batch) - 1
            return Events(self.epoch, start, batch)
        return None

    def close(self) -> None:
        """Remove what is on disk; what wasn't acknowledged is gone."""
        if self._spill is not None:
            self._spill.close()

    @property
    def _first(self) -> int:
        return self._segments[0].first + self._segments[0].gone if self._segments else self._last + 1

    def _memory_full(self) -> bool:
        return self._in_memory > self._memory_events or self._bytes_in_memory > self._memory_bytes

    def _make_room(self, spill: Spill) -> None:
        """Put the newest segment on disk; where it takes no more, give the oldest up."""
        newest = self._segments[-1]
        assert newest.events is not None
        while not spill.write(newest.first, newest.events):
            # What is given up may have been on disk, and leaves room there.
            oldest = self._segments[0]
            on_disk = oldest.events is None
            if oldest is newest or not self._memory_full():
                return
            for _ in range(len(oldest.sizes) - oldest.gone):
                self._drop()
            if not on_disk and not self._memory_full():
                return
        newest.events = None
        self._in_memory -= len(newest.sizes) - newest.gone
        self._bytes_in_memory -= newest.bytes

    def _events(self, segment: _Segment) -> list[Event]:
        if segment.events is not None:
            return segment.events
        if self._read is None or self._read[0] is not segment:
            assert self._spill is not None
            self._read = (segment, self._spill.read(segment.first, len(segment.sizes)))
        return self._read[1]

    def _drop(self) -> None:
        """Forget the oldest event."""
        segment = self._segments[0]
        size = segment.drop()
        self._count -= 1
        self._bytes -= size
        if segment.events is not None:
            self._in_memory -= 1
            self._bytes_in_memory -= size
        if segment.gone == len(segment.sizes):
            self._segments.popleft()
            self._forget(segment)

    def _lose(self, segment: _Segment) -> None:
        """Give up a segment that can't be read."""
        self._segments.remove(segment)
        self._count -= len(segment.sizes) - segment.gone
        self._bytes -= segment.bytes
        self._forget(segment)

    def _forget(self, segment: _Segment) -> None:
        if self._read is not None and self._read[0] is segment:
            self._read = None
        if segment.events is None and self._spill is not None:
            self._spill.remove(segment.first)
