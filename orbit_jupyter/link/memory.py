"""Two ends of a link inside one event loop: a transport like any other, for tests and for plugin authors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NoReturn

from .transport import TransportClosedError


class MemoryTransport:
    """One end; make both with `memory_pair`."""

    def __init__(self, room: int) -> None:
        self._inbox: asyncio.Queue[bytes | None] = asyncio.Queue(room)
        self._closed = asyncio.Event()
        self._reason = ""
        self._putting = False
        self.peer: MemoryTransport = self

    async def send(self, data: bytes) -> None:
        if self._closed.is_set():
            raise TransportClosedError(self._reason, 1000)
        try:
            self.peer._inbox.put_nowait(data)
        except asyncio.QueueFull:
            await self._put_or_closed(data)

    def send_now(self, *messages: bytes) -> bool:
        if self._closed.is_set():
            raise TransportClosedError(self._reason, 1000)
        inbox = self.peer._inbox
        # It would overtake what waits for room.
        if self._putting or inbox.qsize() + len(messages) > inbox.maxsize:
            return False
        for message in messages:
            inbox.put_nowait(message)
        return True

    async def _put_or_closed(self, data: bytes) -> None:
        self._putting = True
        put = asyncio.ensure_future(self.peer._inbox.put(data))
        closed = asyncio.ensure_future(self._closed.wait())
        try:
            await asyncio.wait({put, closed}, return_when=asyncio.FIRST_COMPLETED)
            if not put.done():
                raise TransportClosedError(self._reason, 1000)
        finally:
            self._putting = False
            put.cancel()
            closed.cancel()

    async def receive(self) -> bytes:
        if self._closed.is_set() and self._inbox.empty():
            raise TransportClosedError(self._reason, 1000)
        data = await self._inbox.get()
        if data is None:
            raise TransportClosedError(self._reason, 1000)
        return data

    async def deliver(self, take: Callable[[bytes], None]) -> NoReturn:
        while True:
            take(await self.receive())

    async def close(self, code: int = 1000, reason: str = "") -> None:
        for end in (self, self.peer):
            if not end._closed.is_set():
                end._reason = reason
                end._closed.set()
                if not end._inbox.full():
                    end._inbox.put_nowait(None)


def memory_pair(room: int = 256) -> tuple[MemoryTransport, MemoryTransport]:
    """Return two connected ends, each with room for so many messages under way."""
    left, right = MemoryTransport(room), MemoryTransport(room)
    left.peer, right.peer = right, left
    return left, right
