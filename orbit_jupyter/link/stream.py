"""Messages over a byte stream: between an endpoint and its plugin hosts, on a socket pair.

Each message is its length as four bytes, big-endian, and then itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import NoReturn

from orbit_jupyter.protocol import MAX_FRAME

from .transport import TransportClosedError

_HEAD = 4


class StreamTransport:
    """A transport over a pair of asyncio streams; `connect_socket` makes one."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def send(self, data: bytes) -> None:
        try:
            self._writer.write(len(data).to_bytes(_HEAD, "big") + data)
            await self._writer.drain()
        except (OSError, RuntimeError) as error:
            raise TransportClosedError(str(error)) from None

    def send_now(self, *messages: bytes) -> bool:
        if self._writer.transport.get_write_buffer_size():
            return False
        if self._writer.transport.is_closing():
            raise TransportClosedError("the other process closed the connection")
        self._writer.write(b"".join(len(data).to_bytes(_HEAD, "big") + data for data in messages))
        return True

    async def receive(self) -> bytes:
        try:
            size = int.from_bytes(await self._reader.readexactly(_HEAD), "big")
            if size > MAX_FRAME:
                raise TransportClosedError(f"a message of {size} bytes is over the limit of {MAX_FRAME}", 1009)
            return await self._reader.readexactly(size)
        except (OSError, asyncio.IncompleteReadError) as error:
            raise TransportClosedError("the other process closed the connection") from error

    async def deliver(self, take: Callable[[bytes], None]) -> NoReturn:
        while True:
            take(await self.receive())

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


async def connect_socket(end: socket.socket) -> StreamTransport:
    """Return the transport over a connected stream socket, which it owns from then on."""
    return StreamTransport(*await asyncio.open_connection(sock=end))
