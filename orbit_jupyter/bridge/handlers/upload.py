"""Bodies that are long, or of unknown length: passed on as they come, never held as a whole."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from tornado import httputil, routing, web

from orbit_jupyter.link import Outflow
from orbit_jupyter.protocol import (
    CHUNK,
    Cancel,
    Credit,
    Data,
    Fail,
    OrbitError,
    Reply,
    TooLargeError,
    UnauthenticatedError,
    fail_from,
)

from .proxy import ProxyHandler

LINGER, LINGER_TIME = 16 * 2**20, 2.0
"""Bytes and seconds of a body that still may come when its answer is there; then the connection is closed."""


@web.stream_request_body
class UploadHandler(ProxyHandler):
    """The proxy for requests whose body streams.

    Tornado reads the body before it calls ``put`` and its like, so the call begins in `prepare`, before that.
    """

    _outflow: Outflow

    async def prepare(self, **more: Any) -> None:
        """Check who asks and how much is coming, and begin the call: nothing of the body was read yet."""
        await super().prepare(**more)
        if self.current_user is None:
            raise UnauthenticatedError("log in first: send Jupyter's token, or open this page in a browser")
        length = self.request.headers.get("Content-Length", "")
        limit = self.orbit.max_upload
        if limit and length.isdecimal() and int(length) > limit:
            raise TooLargeError(f"a body of {length} bytes is over this bridge's limit of {limit}")
        self._limit, self._length = limit, int(length) if length.isdecimal() else None
        self.request.connection.set_max_body_size(2**63)  # type: ignore[union-attr]
        self._outflow = Outflow(lambda data, end: self._say(Data(0, data, end)))
        await self._begin(b"", more=True)

    _size = 0
    _complete = False
    _responding = False
    _early: asyncio.Task[None] | None = None

    def _on_credit(self, size: int) -> None:
        self._outflow.grant(size)

    def _on_answer(self, frame: Reply | Fail | Data | Credit) -> None:
        super()._on_answer(frame)
        if self._over:
            self._outflow.fail(OrbitError("it was answered before all of its body came"))
        if self._head.done() and not self._complete:
            self._begin_early()

    def _begin_early(self) -> None:
        if self._early is None:
            self._early = asyncio.ensure_future(self._answer_early())

    async def data_received(self, chunk: bytes) -> None:
        """Pass a piece on; Tornado reads the next one when this returns."""
        self._size += len(chunk)
        if self._early is not None and self._inflow is None:
            return
        if self._limit and self._size > self._limit:
            error = TooLargeError(f"the body is over this bridge's limit of {self._limit} bytes")
            self._say(Cancel(0, error.message))
            if not self._head.done():
                self._head.set_result(fail_from(error))
            self._begin_early()
            return
        with contextlib.suppress(OrbitError):  # it has ended; its answer is on the way
            await self._outflow.write(chunk)

    async def _linger(self) -> None:
        """Wait for a short rest of the body: who is still sending may never see an answer that ends before."""
        until = asyncio.get_running_loop().time() + LINGER_TIME
        while not self._complete and asyncio.get_running_loop().time() < until:
            if self._length is not None and self._length - self._size > LINGER:
                break
            await asyncio.sleep(0.01)

    async def _answer_early(self) -> None:
        """Answer before the body has come; one that streams goes on with the rest of the body, both at once."""
        if self._inflow is None:
            await self._linger()
        if self._complete or self._finished:
            return
        self._responding = True
        try:
            await self._respond()  # Tornado closes the connection then: there is more to come on it
        except Exception as error:
            self._handle_request_exception(error)

    async def _pass_on(self, path: str) -> None:
        self._complete = True
        self._outflow.end()
        if self._responding and self._early is not None:
            await self._early
        elif not self._finished:
            await self._respond()


class LongBody(routing.Matcher):
    """Matches requests to endpoints whose body is longer than one piece, or doesn't say how long it is.

    Parameters
    ----------
    base
        Path prefix of the bridge, ``/…/orbit/``.
    """

    def __init__(self, base: str) -> None:
        self._base = base

    def match(self, request: httputil.HTTPServerRequest) -> dict[str, Any] | None:
        """Return the handler's arguments, or None."""
        if not request.path.startswith(self._base) or len(request.path) == len(self._base):
            return None
        length = request.headers.get("Content-Length", "")
        if "Transfer-Encoding" in request.headers or (length.isdecimal() and int(length) > CHUNK):
            return {"path_args": [request.path[len(self._base) :]]}
        return None
