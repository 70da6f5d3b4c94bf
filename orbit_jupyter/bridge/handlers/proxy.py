"""All routes but the sockets, the event stream and the page: the bridge's own, and the proxy to endpoints."""

from __future__ import annotations

import asyncio
from urllib.parse import unquote

from jupyter_server.base.handlers import APIHandler
from tornado import web

from orbit_jupyter.link import TRACE, Canceller, new_trace
from orbit_jupyter.protocol import (
    MAX_BODY,
    BadRequestError,
    Call,
    Fail,
    InvalidFieldError,
    Reply,
    TooLargeError,
    error_from,
)

from .. import border
from .base import OrbitMixin

DEFAULT_TIMEOUT = 600.0
"""Seconds, as in radical.orbit; the header ``X-Orbit-Timeout`` says otherwise."""


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
        self._trace = self._given_trace() or new_trace()
        self.set_default_headers()
        call = self._call()
        principal = await self.principal()
        answered: asyncio.Future[Reply | Fail] = asyncio.get_running_loop().create_future()

        def answer(reply: Reply | Fail) -> None:
            if not answered.done():
                answered.set_result(reply)

        self._with_hub = True
        self._canceller = self.orbit.hub.call(call, principal, answer)
        reply = await answered
        self._canceller = None
        if isinstance(reply, Fail):
            raise error_from(reply)
        self._finish_with(reply, own=not call.endpoint)

    _canceller: Canceller | None = None
    _trace = ""

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
        if self._canceller is not None:
            self._canceller("the HTTP client went away")

    def _call(self) -> Call:
        if len(self.request.body) > MAX_BODY:
            raise TooLargeError(f"a body of {len(self.request.body)} bytes is over the limit of {MAX_BODY}")
        # The path as it came, still percent-encoded: an encoded slash belongs to its segment.
        raw = self.request.path[len(self.orbit.base_path) :].strip("/")
        first, _, rest = raw.partition("/")
        own = self.orbit.own_routes.owns(unquote(raw))
        if not own and not rest:
            rest = "/"
        return Call(
            id=0,
            endpoint="" if own else unquote(first),
            method=self.request.method or "GET",
            path=f"/{raw}" if own else f"/{rest.lstrip('/')}",
            query=border.request_query(self.request.query),
            headers=border.request_headers(self.request.headers.get_all()),
            time_left=self._time_left(),
            body=self.request.body,
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

    def _finish_with(self, reply: Reply, *, own: bool) -> None:
        self.set_status(reply.status if 200 <= reply.status < 600 else 502)
        if own:
            for name, value in reply.headers.items():
                self.set_header(name.title(), value)
        else:
            for name, value in border.reply_headers(reply.headers).items():
                self.set_header(name, value)
        body = b"" if reply.status in (204, 304) else reply.body
        # APIHandler.finish would make every answer JSON.
        web.RequestHandler.finish(self, body if self.request.method != "HEAD" else None)
