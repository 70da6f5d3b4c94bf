"""Tornado's WebSocket, with fewer turns of the loop: frames are read many at a time, and written together.

Reading replaces a method of Tornado's that isn't public: a release that no longer calls it reads in its own way.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from tornado.iostream import IOStream
from tornado.websocket import WebSocketProtocol13

READ = 64 * 2**10
"""Bytes that are read at once, and kept for the frames after this one."""

FINAL_BINARY = 0x82
"""First byte of a message in one frame (RFC 6455, section 5.2)."""


class Protocol(WebSocketProtocol13):
    """The server's side of one WebSocket; made by ``get_websocket_protocol``."""

    stream: IOStream
    _ahead, _at = b"", 0

    async def _read_bytes(self, n: int) -> bytes:
        # Tornado asks three times a frame, and each of its reads is a future.
        while (lack := self._at + n - len(self._ahead)) > 0:
            rest = self._ahead[self._at :]
            more = self.stream.read_bytes(lack) if lack > READ else self.stream.read_bytes(READ, partial=True)
            self._ahead, self._at = rest + await more, 0
        data = self._ahead[self._at : self._at + n]
        self._at += n
        if self._at == len(self._ahead):
            self._ahead, self._at = b"", 0  # an idle connection keeps nothing
        self._wire_bytes_in += n
        return data

    def send_now(self, messages: Sequence[bytes]) -> bool:
        """Write binary messages if nothing waits before them; return whether they were written.

        Raises
        ------
        StreamClosedError
            The connection is gone.
        """
        if self.stream.writing():
            return False
        framed = b"".join(part for message in messages for part in (_head(len(message)), message))
        self.stream.write(framed)
        return True


def _head(size: int) -> bytes:
    """Return the head of a server's frame: unmasked, its size in one, two or eight bytes."""
    if size < 126:
        return struct.pack("!BB", FINAL_BINARY, size)
    if size < 1 << 16:
        return struct.pack("!BBH", FINAL_BINARY, 126, size)
    return struct.pack("!BBQ", FINAL_BINARY, 127, size)
