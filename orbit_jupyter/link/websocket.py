"""The dialling end of a WebSocket; the bridge's end is Tornado's, in `orbit_jupyter.bridge`."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from typing import Any, NoReturn

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, InvalidURI, WebSocketException
from websockets.frames import DATA_OPCODES, Frame
from websockets.protocol import Event, State

from orbit_jupyter.protocol import (
    MAX_FRAME,
    BridgeConnectionError,
    ForbiddenError,
    OrbitError,
    UnauthenticatedError,
)

from .address import Address
from .transport import TransportClosedError
from .unsent import keep_little_unsent

CLOSE_TIME = 3.0
"""Seconds that a goodbye may take, what waits before it included."""


class _Connection(ClientConnection):
    """A connection that hands each message on as it comes.

    The library's own way is a coroutine that waits for each, which costs a turn of the loop a message.
    """

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._parts: list[bytes] = []
        self._came: deque[bytes] = deque()
        self._news = asyncio.Event()
        self._take: Callable[[bytes], None] = self._keep

    def _keep(self, message: bytes) -> None:
        self._came.append(message)
        self._news.set()

    def process_event(self, event: Event) -> None:
        if not isinstance(event, Frame) or event.opcode not in DATA_OPCODES:
            super().process_event(event)
        elif event.fin and not self._parts:
            self._take(bytes(event.data))
        else:  # in pieces, as proxies on the way may send it
            self._parts.append(bytes(event.data))
            if event.fin:
                whole = b"".join(self._parts)
                self._parts.clear()
                self._take(whole)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._news.set()

    async def next_message(self) -> bytes:
        """Return the next message; until `deliver` takes them."""
        while not self._came:
            if self.state is State.CLOSED:
                raise self.protocol.close_exc
            self._news.clear()
            await self._news.wait()
        return self._came.popleft()

    async def deliver(self, take: Callable[[bytes], None]) -> None:
        """Have `take` called with each message from now on; returns when the connection is closed."""
        self._take = take
        while self._came:
            take(self._came.popleft())
        await self.wait_closed()


class WebSocketTransport:
    """A transport over a `websockets` connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, data: bytes) -> None:
        try:
            await self._connection.send(data)
        except ConnectionClosed as error:
            raise _closed(error) from None

    def send_now(self, *messages: bytes) -> bool:
        connection = self._connection
        if connection.transport.get_write_buffer_size():
            return False
        if connection.state is not State.OPEN:
            raise TransportClosedError("the connection was lost")
        for data in messages:
            connection.protocol.send_binary(data)
        # The library's own writes each message by itself.
        connection.transport.write(b"".join(connection.protocol.data_to_send()))
        return True

    async def receive(self) -> bytes:
        connection = self._connection
        try:
            if isinstance(connection, _Connection):
                return await connection.next_message()
            data = await connection.recv()
        except ConnectionClosed as error:
            raise _closed(error) from None
        return data if isinstance(data, bytes) else data.encode()

    async def deliver(self, take: Callable[[bytes], None]) -> NoReturn:
        if isinstance(self._connection, _Connection):
            await self._connection.deliver(take)
        while True:
            take(await self.receive())

    async def close(self, code: int = 1000, reason: str = "") -> None:
        closing = self._connection.close(code, reason.encode()[:120].decode(errors="ignore"))
        try:
            await asyncio.wait_for(closing, CLOSE_TIME)
        except asyncio.TimeoutError:
            # The library waits for its buffer to go out first: of a half-open socket that is full it never does.
            self._connection.transport.abort()


async def dial(address: Address, path: str, timeout: float = 20.0) -> WebSocketTransport:
    """Open the WebSocket at `path` under the bridge's URL.

    Parameters
    ----------
    address
        Where, with which certificate and token.
    path
        ``register`` or ``client``.
    timeout
        Seconds that the connection may take.

    Raises
    ------
    UnauthenticatedError, ForbiddenError
        The bridge refuses the token.
    BridgeConnectionError
        There is no connection, or no bridge at that URL. ``transient`` says whether trying again can help.
    """
    url = f"{address.websocket_url}/{path}"
    try:
        connection = await connect(
            url,
            additional_headers=address.headers,
            ssl=address.ssl_context(),
            open_timeout=timeout,
            close_timeout=2,
            ping_interval=None,  # the link has pings of its own, which measure both ends
            compression=None,  # bodies here are small or compressed already
            max_size=MAX_FRAME,
            create_connection=_Connection,
            **address.way,
        )
    except InvalidStatus as error:
        raise _refused(address, error.response.status_code) from None
    except ssl.SSLError as error:
        raise BridgeConnectionError(
            f"the TLS certificate of {address.url} isn't trusted: {error}; give the bridge's own certificate with "
            "--cert, RADICAL_ORBIT_BRIDGE_CERT or ~/.radical/orbit/bridge_cert.pem",
            transient=False,
        ) from None
    except InvalidURI as error:
        raise BridgeConnectionError(f"{address.url} is no URL of a bridge: {error}", transient=False) from None
    except (OSError, WebSocketException, TimeoutError) as error:
        raise BridgeConnectionError(
            f"no connection to the bridge at {address.url}: {error or 'timed out'}"
        ) from None
    keep_little_unsent(connection.transport.get_extra_info("socket"))
    return WebSocketTransport(connection)


def _refused(address: Address, status: int) -> OrbitError:
    if status == 401:
        return UnauthenticatedError(
            f"the bridge at {address.url} doesn't know this token (from {address.token_from}); "
            "it may be revoked or expired"
        )
    if status == 403:
        return ForbiddenError(f"the bridge at {address.url} refuses this token (from {address.token_from})")
    if status == 404:
        return BridgeConnectionError(
            f"there is no Orbit bridge at {address.url}; is orbit-jupyter installed beside that Jupyter server, "
            "and does the URL end in /orbit?"
        )
    return BridgeConnectionError(f"the server at {address.url} answers {status} to a WebSocket")


def _closed(error: ConnectionClosed) -> TransportClosedError:
    if error.rcvd is None:
        return TransportClosedError("the connection was lost")
    return TransportClosedError(error.rcvd.reason, error.rcvd.code)
