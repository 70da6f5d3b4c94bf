"""How a file goes out: all of it or a range, piece by piece, and what is found out on the way."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

from orbit_jupyter.plugin import OrbitError, Request, Streamed

from .digests import Stopped, text_of
from .ranges import NotSatisfiable, Span, span_of
from .reading import Digests, Reading
from .transfers import TransferTable

PIECE = 3 << 18
"""Bytes that are read at once; a multiple of three, so that base64 of the pieces is base64 of the whole."""

SMALL = PIECE
"""Bytes up to which a file is read before its headers are sent, so that they have its digest."""

InThread = Callable[..., Awaitable[Any]]


class Sending:
    """Answers with files.

    Parameters
    ----------
    transfers
        Where they are told of.
    in_thread
        Runs a function in one of the plugin's threads.
    """

    def __init__(self, transfers: TransferTable, in_thread: InThread) -> None:
        self._transfers, self._in_thread = transfers, in_thread
        self._digests = Digests()

    async def answer(self, reading: Reading, request: Request) -> Streamed:
        """Return the answer to a request for a file."""
        wanted = request.headers.get("range", "")
        if request.headers.get("if-range", reading.etag) != reading.etag:
            wanted = ""
        digest = self._digests.get(reading)
        if digest is None and reading.size <= SMALL:
            digest = await self.digest(reading)
        headers = reading.headers(digest)
        try:
            span = span_of(wanted, reading.size)
        except NotSatisfiable:
            reading.close()
            headers.update({"content-range": f"bytes */{reading.size}", "content-length": "0"})
            return Streamed(_nothing(), 416, headers)
        status = 200 if span is None else 206
        if span is None:
            span = Span(0, reading.size, reading.size)
        else:
            headers["content-range"] = span.content_range
        headers["content-length"] = str(span.size)
        if request.method == "HEAD":
            reading.close()
            return Streamed(_nothing(), status, headers)
        return Streamed(self._pieces(reading, span), status, headers)

    async def digest(self, reading: Reading) -> str:
        """Return a file's digest: the one that is remembered, or a new one."""
        known = self._digests.get(reading)
        if known is not None:
            return known
        gone = threading.Event()
        try:
            digest: str = await self._in_thread(_digest, reading, gone)
        finally:
            gone.set()
        self._digests.put(reading, digest)
        return digest

    async def as_json(self, reading: Reading, head: bytes) -> AsyncGenerator[bytes, None]:
        """Yield an object: what `head` has, and the content as base64."""
        yield head[:-1] + b',"content":"'
        async with aclosing(self._pieces(reading, Span(0, reading.size, reading.size))) as pieces:
            async for piece in pieces:
                yield base64.b64encode(piece)
        yield b'"}'

    async def _pieces(self, reading: Reading, span: Span) -> AsyncGenerator[bytes, None]:
        hasher = hashlib.blake2b() if span.size == span.total else None
        offset, end = span.first, span.first + span.size
        try:
            with self._transfers.begin("get", reading.path, span.total, span.first) as moving:
                while offset < end:
                    piece = await self._in_thread(_read, reading, offset, min(PIECE, end - offset), hasher)
                    offset += len(piece)
                    yield piece
                    moving.moved(len(piece))
                if hasher is not None and not await self._in_thread(reading.changed):
                    self._digests.put(reading, text_of(hasher))
        finally:
            reading.close()


def _read(reading: Reading, offset: int, size: int, hasher: hashlib.blake2b | None) -> bytes:
    data = reading.read(offset, size)
    if hasher is not None:
        hasher.update(data)
    return data


def _digest(reading: Reading, gone: threading.Event) -> str:
    try:
        digest = reading.digest(gone)
    except Stopped:
        raise OrbitError("nobody waits for the digest any more") from None
    if reading.changed():
        raise OrbitError(f"{reading.path} has been changed while it was read", status=409, transient=True)
    return digest


async def _nothing() -> AsyncGenerator[bytes, None]:
    pieces: tuple[bytes, ...] = ()
    for piece in pieces:
        yield piece
