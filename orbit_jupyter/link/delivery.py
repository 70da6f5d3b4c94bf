"""Which frames have arrived, and which are kept to be sent again over the next socket. No I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

TELL_FRAMES, TELL_BYTES = 32, 256 * 2**10
"""After so many frames or bytes the far side is told that they have come; a ping tells it, too."""

HOLD = 8 * 2**20
"""Bytes that are kept at most, about: then the writer waits until the far side says that some have come."""


class Delivery:
    """Counts what comes and keeps what goes, for one connection that may go on over another socket."""

    __slots__ = ("_first", "_kept", "_untold", "_untold_bytes", "kept_bytes", "received")

    def __init__(self) -> None:
        self.received = 0
        self.kept_bytes = 0
        self._kept: deque[bytes] = deque()
        self._first = 1  # number of the oldest frame that is kept
        self._untold = 0
        self._untold_bytes = 0

    def sent(self, data: bytes) -> None:
        """Keep a frame that goes out."""
        self._kept.append(data)
        self.kept_bytes += len(data)

    def arrived(self, size: int) -> bool:
        """Count a frame that has come; return whether it is time to tell."""
        self.received += 1
        self._untold += 1
        self._untold_bytes += size
        return self._untold >= TELL_FRAMES or self._untold_bytes >= TELL_BYTES

    def told(self) -> int:
        """Return how many have come, for the frame that says it."""
        self._untold = self._untold_bytes = 0
        return self.received

    def acknowledged(self, received: int) -> None:
        """Forget what the far side has."""
        while self._kept and self._first <= received:
            self.kept_bytes -= len(self._kept.popleft())
            self._first += 1

    def possible(self, received: int) -> bool:
        """Whether the far side can have got so many: else it speaks of another connection."""
        return self._first - 1 <= received < self._first + len(self._kept)

    def again(self, received: int) -> Iterable[bytes]:
        """Return what the far side hasn't got, in order. It stays kept."""
        self.acknowledged(received)
        return list(self._kept)
