"""The WebSocket of such an endpoint: text and binary messages, and pings of the protocol's own."""

from __future__ import annotations

import asyncio
import contextlib
import socket

from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from orbit_jupyter.link import TransportClosedError


class Socket:
    """A Tornado WebSocket, as `OtherReleaseLink` writes to it.

    Parameters
    ----------
    handler
        Its handler; what comes in is pushed to the link by that.
    """

    def __init__(self, handler: WebSocketHandler) -> None:
        self._handler = handler
        self.waiting = 0

    def send(self, message: bytes, binary: bool) -> None:
        try:
            written = self._handler.write_message(message, binary)
        except (WebSocketClosedError, StreamClosedError):
            raise TransportClosedError("the WebSocket is closed") from None
        self.waiting += len(message)
        written.add_done_callback(lambda done: self._written(len(message), done))

    def _written(self, size: int, done: asyncio.Future[None]) -> None:
        self.waiting -= size
        if not done.cancelled():
            done.exception()  # that the connection is gone is told by its end

    def ping(self, data: bytes) -> None:
        with contextlib.suppress(WebSocketClosedError, StreamClosedError):
            self._handler.ping(data)

    def give_up_after(self, seconds: float) -> None:
        connection = self._handler.ws_connection
        stream = getattr(connection, "stream", None)
        if hasattr(socket, "TCP_USER_TIMEOUT") and stream is not None and stream.socket is not None:
            with contextlib.suppress(OSError):
                stream.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))

    def close(self, code: int, reason: str) -> None:
        self._handler.close(code, reason.encode()[:120].decode(errors="ignore"))
