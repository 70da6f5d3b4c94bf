"""A call whose body and answer are streams: of any size, and both at once where that is wanted."""

from __future__ import annotations

import asyncio
import io
import os
import stat
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
)
from typing import Any, BinaryIO, Final, Literal

import msgspec

from orbit_jupyter.link import Inflow, Link, Outflow
from orbit_jupyter.protocol import (
    CHUNK,
    Call,
    CallCancelledError,
    Cancel,
    Credit,
    Data,
    Fail,
    OrbitError,
    Reply,
    error_from,
)

TWO_WAY: Final = "two-way"
"""As a body: the caller writes it, while the answer comes."""

Body = bytes | BinaryIO | Iterable[bytes] | AsyncIterable[bytes] | Literal["two-way"] | None


class AsyncExchange:
    """A call with streams; made by ``endpoint.exchange(…)``, used as an async context manager.

    On entering, the head of the answer is there, and iterating yields its body. With a body that isn't `TWO_WAY`
    that is sent meanwhile. On leaving before the end the call is cancelled, at the endpoint too.

    Attributes
    ----------
    status
        HTTP status of the answer.
    headers
        Of the answer, names in lower case.
    """

    def __init__(self, link: Callable[[float], Awaitable[Link]], call: Call, body: Body) -> None:
        self._open_link, self._call, self._body = link, call, body
        self._link: Link | None = None
        self._id = 0
        self._head: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._inflow = Inflow(lambda size: self._say(Credit(0, size)))
        self._outflow = Outflow(lambda data, end: self._say(Data(0, data, end)))
        self._sender: asyncio.Task[None] | None = None
        self._over = False
        self.status = 0
        self.headers: dict[str, str] = {}

    def _say(self, frame: Cancel | Data | Credit) -> None:
        if self._link is not None and not self._over:
            self._link.onward(self._id, frame)

    def _on_answer(self, frame: Reply | Fail | Data | Credit) -> None:
        if isinstance(frame, Credit):
            self._outflow.grant(frame.size)
        elif isinstance(frame, Data):
            self._inflow.feed(frame.data, frame.end)
            if frame.end:
                self._end(CallCancelledError("the call has ended: its answer is complete"))
        elif isinstance(frame, Reply):
            if not self._head.done():
                self._head.set_result(frame)
            self._inflow.feed(frame.body, not frame.more)
            if not frame.more:
                self._end(CallCancelledError("the call was answered before all of its body was sent"))
        else:
            error = error_from(frame)
            error.data.setdefault("trace", self._call.trace)
            if not self._head.done():
                self._head.set_exception(error)
                self._head.exception()  # whoever entered may be gone
            self._inflow.fail(error)
            self._end(error)

    def _end(self, error: OrbitError) -> None:
        self._over = True
        self._outflow.fail(error)

    async def __aenter__(self) -> AsyncExchange:
        self._link = await self._open_link(self._call.time_left)
        whole = self._body if isinstance(self._body, bytes | bytearray | memoryview) else None
        first = bytes(whole) if whole is not None and len(whole) <= CHUNK else b""
        more = self._body is not None and (whole is None or len(whole) > CHUNK)
        self._id = self._link.call(msgspec.structs.replace(self._call, body=first, more=more), self._on_answer)
        if more and self._body != TWO_WAY:
            self._sender = asyncio.ensure_future(self._send())
        try:
            reply = await self._head
        except BaseException:
            await self.__aexit__()
            raise
        self.status, self.headers = reply.status, reply.headers
        return self

    async def __aexit__(self, *_: object) -> None:
        if not self._over:
            self._say(Cancel(0, "the caller stopped reading"))
            self._end(CallCancelledError("the exchange was left"))
        if self._sender is not None:
            self._sender.cancel()
            await asyncio.gather(self._sender, return_exceptions=True)

    async def _send(self) -> None:
        try:
            async for piece in _pieces(self._body):
                await self._outflow.write(piece)
            self._outflow.end()
        except asyncio.CancelledError:
            raise
        except Exception as error:
            if self._over:  # the call has ended; its answer says how
                return
            self._say(Cancel(0, "its body can't be read"))
            failed = error if isinstance(error, OrbitError) else OrbitError(f"the body can't be read: {error}")
            if not self._head.done():
                self._head.set_exception(error)
                self._head.exception()
            self._inflow.fail(failed)
            self._end(failed)

    async def write(self, data: bytes) -> None:
        """Send some more of a `TWO_WAY` body; returns when there is room for the next.

        Raises
        ------
        OrbitError
            The call has ended.
        """
        await self._outflow.write(data)

    async def end(self) -> None:
        """Say that a `TWO_WAY` body is complete."""
        self._outflow.end()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._inflow.__aiter__()

    async def read(self) -> bytes:
        """Return the rest of the answer's body."""
        return b"".join([piece async for piece in self._inflow])

    async def json(self) -> Any:
        """Return the rest of the answer's body, decoded."""
        return msgspec.json.decode(await self.read())


class Exchange:
    """The same for cells and scripts: a context manager whose iteration waits."""

    def __init__(self, aio: AsyncExchange, wait: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self.aio, self._wait = aio, wait

    def __enter__(self) -> Exchange:
        self._wait(self.aio.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self._wait(self.aio.__aexit__())

    @property
    def status(self) -> int:
        """HTTP status of the answer."""
        return self.aio.status

    @property
    def headers(self) -> dict[str, str]:
        """Of the answer, names in lower case."""
        return self.aio.headers

    def write(self, data: bytes) -> None:
        """Send some more of a `TWO_WAY` body."""
        self._wait(self.aio.write(data))

    def end(self) -> None:
        """Say that a `TWO_WAY` body is complete."""
        self._wait(self.aio.end())

    def __iter__(self) -> Iterator[bytes]:
        while (piece := self._wait(self._next())) is not None:
            yield piece

    async def _next(self) -> bytes | None:
        async for piece in self.aio:
            return piece
        return None

    def read(self) -> bytes:
        """Return the rest of the answer's body."""
        body: bytes = self._wait(self.aio.read())
        return body

    def json(self) -> Any:
        """Return the rest of the answer's body, decoded."""
        return self._wait(self.aio.json())


async def _pieces(body: Any) -> AsyncIterator[bytes]:
    if isinstance(body, bytes | bytearray | memoryview):
        yield bytes(body)
    elif hasattr(body, "__aiter__"):
        async for piece in body:
            yield piece
    elif hasattr(body, "read"):
        while piece := await asyncio.to_thread(body.read, CHUNK):  # a disk, or a pipe that waits
            yield piece
    else:
        pieces = iter(body)
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            yield piece


def length_of(body: Body) -> int | None:
    """Return how many bytes a body has, where that is known before it is read."""
    if isinstance(body, bytes | bytearray | memoryview):
        return len(body)
    # Not whatever has a file number: of a compressed file that is the length on disk.
    if not isinstance(getattr(body, "raw", body), io.FileIO):
        return None
    try:
        found = os.fstat(body.fileno())  # type: ignore[union-attr]
        place: int = body.tell()  # type: ignore[union-attr]
    except (OSError, ValueError):
        return None
    # Of a device, and of what the system makes up as it is read, the size is 0.
    return max(0, found.st_size - place) if stat.S_ISREG(found.st_mode) and found.st_size else None


def headers_with_length(headers: Mapping[str, str] | None, body: Body) -> dict[str, str]:
    """Return the headers in lower case, with the body's length where it is known."""
    given = {name.lower(): value for name, value in (headers or {}).items()}
    length = length_of(body)
    if length is not None:
        given.setdefault("content-length", str(length))
    return given
