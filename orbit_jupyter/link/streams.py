"""A body as it comes and as it goes, for coroutines that don't want all of it at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from orbit_jupyter.protocol import CHUNK, WINDOW, OrbitError


class Inflow:
    """A body that comes in pieces; what is read makes room for more.

    Parameters
    ----------
    grant
        Tells the sender that so many more bytes may come.
    """

    def __init__(self, grant: Callable[[int], None]) -> None:
        self._grant = grant
        self._pieces: deque[bytes] = deque()
        self._read = 0
        self._ended = False
        self._error: OrbitError | None = None
        self._more = asyncio.Event()

    def feed(self, data: bytes, end: bool) -> None:
        """Take a piece."""
        if data:
            self._pieces.append(data)
        self._ended = self._ended or end
        self._more.set()

    def fail(self, error: OrbitError) -> None:
        """Have the reader raise, once it has read what came before."""
        if not self._ended and self._error is None:
            self._error = error
        self._more.set()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while not self._pieces:
            if self._ended:
                raise StopAsyncIteration
            if self._error is not None:
                raise self._error
            self._more.clear()
            await self._more.wait()
        piece = self._pieces.popleft()
        self._read += len(piece)
        # Not for every small piece: a frame of credit costs as much as a frame of data.
        if not self._ended and (self._read >= CHUNK or not self._pieces):
            self._grant(self._read)
            self._read = 0
        return piece


class Outflow:
    """A body that goes out in pieces, as the reader asks for them.

    Parameters
    ----------
    send
        Takes a piece, and whether it is the last.
    """

    def __init__(self, send: Callable[[bytes, bool], None]) -> None:
        self._send = send
        self._credit = WINDOW
        self._error: OrbitError | None = None
        self._room: asyncio.Event | None = None  # made by the first who waits: most answers are short

    def grant(self, size: int) -> None:
        """Note that the reader takes so many more bytes."""
        self._credit += size
        if self._credit > 0 and self._room is not None:
            self._room.set()

    def fail(self, error: OrbitError) -> None:
        """Have whoever writes raise: nobody reads any more."""
        self._error = error
        if self._room is not None:
            self._room.set()

    async def write(self, data: bytes) -> None:
        """Send some of the body; returns when all of it is on its way.

        Raises
        ------
        OrbitError
            The call has ended meanwhile.
        """
        rest = memoryview(data)
        while rest:
            while self._credit <= 0 and self._error is None:
                self._room = asyncio.Event()
                await self._room.wait()
            if self._error is not None:
                raise self._error
            piece = bytes(rest[: min(CHUNK, self._credit)])
            rest = rest[len(piece) :]
            self._credit -= len(piece)
            self._send(piece, False)

    def end(self) -> None:
        """Say that this was all."""
        if self._error is None:
            self._send(b"", True)
