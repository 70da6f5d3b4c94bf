"""All routes but the sockets, the event stream and the page: the bridge's own, and the proxy to endpoints."""

from __future__ import annotations

import asyncio
import logging
import re
from urllib.parse import unquote

from jupyter_server.base.handlers import APIHandler
from tornado import httputil, web
from tornado.iostream import StreamClosedError

from orbit_jupyter.link import TRACE, Inflow, Onward, ends_call, new_trace
from orbit_jupyter.protocol import (
    BadRequestError,
    Call,
    CallCancelledError,
    Cancel,
    Credit,
    Data,
    Fail,
    InvalidFieldError,
    OrbitError,
    Reply,
    TooLargeError,
    error_from,
)

from .. import border
from .base import OrbitMixin

log = logging.getLogger("orbit.bridge")

DEFAULT_TIMEOUT = 600.0
"""Seconds, as in radical.orbit; the header ``X-Orbit-Timeout`` says otherwise."""

NO_BODY = (204, 304)
"""Answers that end with their head: what followed it would be taken for the next answer."""

_LENGTH = re.compile("[0-9]{1,18}")


class ProxyHandler(OrbitMixin, APIHandler):
    """``/{endpoint}/{plugin}/…`` for all seven methods, and the routes of `OwnRoutes`."""

    SUPPORTED_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

    @web.authenticated
    async def get(self, path: str) -> None:
        await self._pass_on(path)

    @web.authenticated
    async def head(self, path: str) -> None:
        await self._pass_on(path)

    @web.authenticated
    async def post(self, path: str) -> None:
        await self._pass_on(path)

    @web.authenticated
    async def put(self, path: str) -> None:
        await self._pass_on(path)

    @web.authenticated
    async def patch(self, path: str) -> None:
        await self._pass_on(path)

    @web.authenticated
    async def delete(self, path: str) -> None:
        await self._pass_on(path)

    @web.authenticated
    async def options(self, path: str) -> None:  # type: ignore[override]
        await self._pass_on(path)

    async def _pass_on(self, path: str) -> None:
        limit = self.orbit.max_upload
        if limit and len(self.request.body) > limit:
            raise TooLargeError(f"a body of {len(self.request.body)} bytes is over this bridge's limit of {limit}")
        await self._begin(self.request.body)
        await self._respond()

    async def _begin(self, body: bytes, *, more: bool = False) -> None:
        """Send the call on its way."""
        self._trace = self._given_trace() or new_trace()
        self.set_default_headers()
        call = self._call(body, more)
        principal = await self.principal()
        self._own = not call.endpoint
        self._with_hub = True
        self._head = asyncio.get_running_loop().create_future()
        self._onward = self.orbit.hub.call(call, principal, self._on_answer)
        if self._gone:
            self._leave("the HTTP client went away")

    _head: asyncio.Future[Reply | Fail]
    _onward: Onward | None = None
    _inflow: Inflow | None = None
    _own = False
    _trace = ""
    _over = False
    """Whether the call has ended."""
    _gone = False
    """Whether the HTTP client has hung up."""

    def _on_answer(self, frame: Reply | Fail | Data | Credit) -> None:
        self._over = self._over or ends_call(frame)
        if isinstance(frame, Credit):
            self._on_credit(frame.size)
        elif isinstance(frame, Data):
            if self._inflow is not None:
                self._inflow.feed(frame.data, frame.end)
        elif not self._head.done():
            if isinstance(frame, Reply) and frame.more:
                self._inflow = Inflow(lambda size: self._say(Credit(0, size)))
                self._inflow.feed(frame.body, False)
            self._head.set_result(frame)
        elif isinstance(frame, Fail) and self._inflow is not None:
            self._inflow.fail(error_from(frame))

    def _on_credit(self, size: int) -> None:
        """Note that more of the body may be sent; here all of it went with the call."""

    def _say(self, frame: Cancel | Data | Credit) -> None:
        if self._onward is not None:
            self._onward(frame)

    def _leave(self, reason: str) -> None:
        """Cancel the call, unless it has ended."""
        if not self._over:
            self._say(Cancel(0, reason))

    async def _respond(self) -> None:
        reply = await self._head
        if isinstance(reply, Fail):
            raise error_from(reply)
        try:
            self._set_head(reply)
            # APIHandler.finish would make every answer JSON.
            if reply.status in NO_BODY:
                web.RequestHandler.finish(self)  # Tornado takes b"" for a body
            elif self._inflow is None:
                web.RequestHandler.finish(self, reply.body)
            elif self.request.method == "HEAD":
                await self.flush()  # `finish` would say that the body is empty
                web.RequestHandler.finish(self)
            else:
                await self._stream(self._inflow)
        finally:
            self._leave("the rest of its answer isn't wanted")

    async def _stream(self, inflow: Inflow) -> None:
        try:
            async for piece in inflow:
                self.write(piece)
                await self.flush()
            await self._linger()
            written = web.RequestHandler.finish(self)
            if self.request.version == "HTTP/1.0" and "Content-Length" not in self._headers:
                await written
                self._hang_up()  # for its client that is the end of the body
        except StreamClosedError:
            return
        except (OrbitError, httputil.HTTPOutputError) as error:
            # The head has gone out: only a broken connection tells the client that the body isn't complete.
            log.warning("%s broke off: %s", self.request.path, error, extra={"trace": self._trace})
            self._hang_up()

    def _hang_up(self) -> None:
        stream = getattr(self.request.connection, "stream", None)
        if stream is not None:
            stream.close()

    async def _linger(self) -> None:
        """Wait for the rest of the request, where it is still coming."""

    def set_default_headers(self) -> None:
        """Name the call in every answer, errors included: whoever asks for help can say which it was."""
        super().set_default_headers()
        if self._trace:
            self.set_header("X-Orbit-Trace", self._trace)

    def _given_trace(self) -> str:
        given = self.request.headers.get("X-Orbit-Trace", "")
        return given if TRACE.fullmatch(given) else ""

    def on_connection_close(self) -> None:
        """Cancel the call that nobody waits for any more."""
        super().on_connection_close()
        self._gone = True
        reason = "the HTTP client went away"
        self._leave(reason)
        if self._inflow is not None:
            self._inflow.fail(CallCancelledError(reason))

    def _call(self, body: bytes, more: bool) -> Call:
        # The path as it came, still percent-encoded: an encoded slash belongs to its segment.
        raw = self.request.path[len(self.orbit.base_path) :].strip("/")
        first, _, rest = raw.partition("/")
        own = self.orbit.own_routes.owns(unquote(raw))
        if not own and not rest:
            rest = "/"
        headers = border.request_headers(self.request.headers.get_all())
        if more and (length := self.request.headers.get("Content-Length", "")).isdecimal():
            headers["content-length"] = length  # who reads a stream can't count it before
        return Call(
            id=0,
            endpoint="" if own else unquote(first),
            method=self.request.method or "GET",
            path=f"/{raw}" if own else f"/{rest.lstrip('/')}",
            query=border.request_query(self.request.query),
            headers=headers,
            time_left=self._time_left(),
            body=body,
            more=more,
            trace=self._trace,
            key=self.request.headers.get("Idempotency-Key", ""),
        )

    def _time_left(self) -> float:
        text = self.request.headers.get("X-Orbit-Timeout")
        if text is None:
            return DEFAULT_TIMEOUT
        try:
            seconds = float(text)
        except ValueError:
            raise BadRequestError(f"X-Orbit-Timeout: {text!r} is no number of seconds") from None
        if not 0 < seconds < 1e8:
            raise InvalidFieldError("X-Orbit-Timeout: give seconds above 0", field="X-Orbit-Timeout")
        return seconds

    def _set_head(self, reply: Reply) -> None:
        self.set_status(reply.status if 200 <= reply.status < 600 else 502)
        headers = reply.headers
        named = (
            {name.title(): value for name, value in headers.items()}
            if self._own
            else border.reply_headers(headers)
        )
        for name, value in named.items():
            self.set_header(name, value)
        # Of a body that comes in pieces only its maker knows the length; of one that is there Tornado counts it.
        length = headers.get("content-length", "")
        counted = reply.status not in NO_BODY and (self._inflow is not None or self.request.method == "HEAD")
        if counted and _LENGTH.fullmatch(length):
            self.set_header("Content-Length", length)
        elif not self._own:
            self.clear_header("Content-Length")
