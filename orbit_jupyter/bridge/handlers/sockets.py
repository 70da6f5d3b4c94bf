"""The two WebSockets: endpoints dial ``/register``, native clients dial ``/client``."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

from jupyter_server.auth.decorator import allow_unauthenticated, ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from tornado import web, websocket
from tornado.iostream import StreamClosedError

from orbit_jupyter.link import Link, TransportClosedError, keep_little_unsent
from orbit_jupyter.protocol import (
    PROTOCOL,
    Bye,
    Hello,
    Principal,
    UnreadableFrameError,
    choose_version,
    decode,
    encode,
    refuse_version,
)

from .. import other_release
from ..border import credentials
from ..client_session import ClientSession
from ..registry import Entry, Grant
from .base import OrbitMixin
from .framing import Protocol

GREETING_TIME = 20.0
"""Seconds in which a dialler says Hello."""


class _Transport:
    """A Tornado WebSocket as a link's transport; what comes in is pushed to the link by the handler."""

    def __init__(self, handler: websocket.WebSocketHandler) -> None:
        self._handler = handler

    async def send(self, data: bytes) -> None:
        try:
            await self._handler.write_message(data, binary=True)
        except (websocket.WebSocketClosedError, StreamClosedError):
            raise TransportClosedError("the WebSocket is closed") from None

    def send_now(self, *messages: bytes) -> bool:
        connection = self._handler.ws_connection
        if connection is None or connection.is_closing():
            raise TransportClosedError("the WebSocket is closed")
        # Tornado's public way makes a task for each message, which costs a third of all calls a second.
        try:
            return isinstance(connection, Protocol) and connection.send_now(messages)
        except StreamClosedError:
            raise TransportClosedError("the WebSocket is closed") from None

    async def receive(self) -> bytes:
        raise NotImplementedError("Tornado pushes messages")

    async def deliver(self, take: Callable[[bytes], None]) -> NoReturn:
        raise NotImplementedError("Tornado pushes messages")

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self._handler.close(code, reason.encode()[:120].decode(errors="ignore"))


class _OrbitSocket(OrbitMixin, WebSocketMixin, websocket.WebSocketHandler, JupyterHandler):
    """What both sockets have in common: a Hello first, then a link."""

    # The link pings by itself, on every kind of transport alike.
    ping_interval = 0
    ping_timeout = 0
    link: Link | None = None
    _transport: _Transport | None = None
    _user = ""
    """Who has dialled, for the audit log."""
    _deadline: asyncio.TimerHandle | None = None

    def get_websocket_protocol(self) -> websocket.WebSocketProtocol | None:
        usual = super().get_websocket_protocol()
        return Protocol(self, False, usual.params) if isinstance(usual, websocket.WebSocketProtocol13) else usual

    def open(self, *args: Any, **more: Any) -> None:
        # Not super().open(): it would begin Jupyter's own pings, in milliseconds.
        keep_little_unsent(getattr(getattr(self.ws_connection, "stream", None), "socket", None))
        self.set_nodelay(True)  # a small answer must not wait for the far side's delayed acknowledgement
        self._deadline = asyncio.get_running_loop().call_later(GREETING_TIME, self.close, 1002, "no greeting came")

    def on_message(self, message: str | bytes) -> Awaitable[None] | None:
        data = message.encode() if isinstance(message, str) else message
        if self.link is None:
            return self._greet(data)
        self.link.feed(data, self._transport)  # no coroutine: Tornado would make a task for every message
        return None

    async def _greet(self, data: bytes) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        try:
            hello = decode(data)
        except UnreadableFrameError as error:
            await self._refuse(Bye(str(error), code=error.code))
            return
        if not isinstance(hello, Hello):
            await self._refuse(Bye("the first frame must be a Hello", code="protocol-error"))
        elif choose_version(PROTOCOL, hello.protocol) is None:
            await self._refuse(refuse_version(PROTOCOL, hello.protocol), hello.name)
        else:
            # It may have hung up meanwhile, or been refused and go on talking.
            with contextlib.suppress(websocket.WebSocketClosedError, StreamClosedError):
                await self._greeted(hello)

    async def _greeted(self, hello: Hello) -> None:
        raise NotImplementedError

    async def _refuse(self, bye: Bye, name: str = "") -> None:
        door = self.request.path[len(self.orbit.base_path) - 1 :]
        self.orbit.audit.refused_at_socket(door, name, bye.code, self._user)
        with contextlib.suppress(websocket.WebSocketClosedError, StreamClosedError):
            await self.write_message(encode(bye), binary=True)
        self.close(1008, bye.reason.encode()[:120].decode(errors="ignore"))

    def on_close(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        if self.link is not None and self._transport is not None:
            self.link.lost(self._transport, self.close_reason or "its connection was closed")
            self.orbit.hub.sessions.limit(self._user)

    async def _resumed(self, hello: Hello) -> bool:
        """Go on with the connection that the dialler names; return whether there was one."""
        hub = self.orbit.hub
        link = hub.resumable(hello, self._user)
        if link is None:
            return False
        await self.write_message(encode(hub.welcome(hello, self._user, hello.session, link)), binary=True)
        self._transport = _Transport(self)
        if link.attach(self._transport, hello.received):
            self.link = link
        else:  # its time was over meanwhile
            self.close(1001, "the connection is gone; dial again")
        return True


class RegisterSocket(_OrbitSocket):
    """Where endpoints dial in, with a token of Orbit's own."""

    _grant: Grant
    needs_login = False

    @allow_unauthenticated
    async def get(self, *args: Any, **more: Any) -> None:
        secret = credentials(self.request.headers.get("Authorization", ""))
        # A look into a small file, off the loop: homes are on slow file systems.
        grant = await asyncio.to_thread(self.orbit.tokens.verify, secret) if secret else None
        if grant is None:
            raise web.HTTPError(401, "this endpoint token is unknown, revoked or expired")
        self._grant, self._user = grant, grant.owner
        await websocket.WebSocketHandler.get(self, *args, **more)

    _other: other_release.OtherReleaseLink | None = None
    """The link of an endpoint of another release, in place of `link`."""

    def on_message(self, message: str | bytes) -> Awaitable[None] | None:
        if self._other is None:
            return super().on_message(message)
        self._other.feed(message.encode() if isinstance(message, str) else message)
        return None

    async def _greet(self, data: bytes) -> None:
        if not other_release.spoken_in(data):
            await super()._greet(data)
            return
        socket = other_release.Socket(self)
        joined = await other_release.join(data, self.orbit.hub, self._grant, socket, self.orbit.link_limits())
        if isinstance(joined, other_release.Refusal):
            self.orbit.audit.refused_at_socket("/register", joined.name, joined.bye.code, self._user)
        elif joined is not None:
            self._other = joined
            if self._deadline is not None:
                self._deadline.cancel()

    def on_pong(self, data: bytes) -> None:
        if self._other is not None:
            self._other.pong(data)

    def on_close(self) -> None:
        super().on_close()
        if self._other is not None:
            self._other.hung_up(self.close_code or 1006, self.close_reason or "its connection was closed")

    async def _greeted(self, hello: Hello) -> None:
        hub = self.orbit.hub
        if hello.role != "endpoint":
            await self._refuse(Bye("only endpoints register here; clients dial /client", retry=False), hello.name)
            return
        if await self._resumed(hello):
            return
        refused = await hub.admit(hello, self._grant)
        if refused is not None:
            await self._refuse(refused, hello.name)
            return
        session = hub.sessions.new_name()
        await self.write_message(encode(hub.welcome(hello, self._grant.owner, session)), binary=True)
        refused = hub.refusal(hello, self._grant)  # another may have taken the name meanwhile
        if refused is not None:
            await self._refuse(refused, hello.name)
            return
        self._transport = _Transport(self)
        self.link = Link(
            self._transport,
            on_call=lambda call, answer: hub.endpoint_call(entry, call, answer),
            on_frame=lambda frame: hub.endpoint_frame(entry, frame),
            on_state=lambda state: hub.endpoint_state(entry, state),
            lost_error=lambda reason: hub.lost_error(hello.name, reason),
            limits=self.orbit.link_limits(),
        )
        entry = Entry(hello.name, hello, self._grant, self.link, since=time.time())
        self.link.finish_by_itself()
        hub.sessions.add(session, self._user, self.link, limited=False)
        hub.endpoint_up(entry)


class ClientSocket(_OrbitSocket):
    """Where notebooks and scripts dial in, behind Jupyter's login."""

    _principal: Principal

    @ws_authenticated
    async def get(self, *args: Any, **more: Any) -> None:
        self._principal = await self.principal()
        self.require(self._principal, "read")
        self._user = self._principal.user
        await websocket.WebSocketHandler.get(self, *args, **more)

    async def _greeted(self, hello: Hello) -> None:
        hub = self.orbit.hub
        hub.first_use()
        if await self._resumed(hello):
            return
        session = hub.sessions.new_name()
        await self.write_message(encode(hub.welcome(hello, self._user, session)), binary=True)
        self._transport = _Transport(self)
        self.link = ClientSession(hub, self._principal, self._transport, self.orbit.link_limits()).link
        self.link.finish_by_itself()
        hub.sessions.add(session, self._user, self.link)
