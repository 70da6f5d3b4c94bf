"""Load: one call after another, many at a time, and HTTP over keep-alive connections."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection

from .relay import GIVE, TAKE

CHUNK = 256 * 2**10
"""Bytes of one message of bulk data, on the relay as in Orbit's own streams."""

MOST = 1_000_000
"""Calls of one measurement at most, so that each loop has an end."""


@dataclass(frozen=True)
class Rate:
    """What one measurement of calls a second has found."""

    per_second: float
    own_share: float
    """Share of one core that this process itself took: near 1, the load generator is the bottleneck."""


async def round_trips(call: Callable[[], Awaitable[object]], seconds: float) -> list[float]:
    """Call one after another for so many seconds; return each call's time in seconds."""
    times: list[float] = []
    until = time.perf_counter() + seconds
    while len(times) < MOST:
        began = time.perf_counter()
        if began >= until:
            break
        await call()
        times.append(time.perf_counter() - began)
    return times


def blocking_round_trips(call: Callable[[], object], seconds: float) -> list[float]:
    """Do the same with blocking calls."""
    times: list[float] = []
    until = time.perf_counter() + seconds
    while len(times) < MOST:
        began = time.perf_counter()
        if began >= until:
            break
        call()
        times.append(time.perf_counter() - began)
    return times


async def paced_round_trips(
    call: Callable[[], Awaitable[object]], every: float, go_on: Callable[[], bool]
) -> list[float]:
    """Call at a fixed pace, never two at a time, while `go_on` says so; return each call's time in seconds.

    A call that takes longer than `every` delays the next: none is made up for, so that the load stays small.
    """
    times: list[float] = []
    next_at = time.perf_counter()
    while go_on() and len(times) < MOST:
        await asyncio.sleep(max(0.0, next_at - time.perf_counter()))
        began = time.perf_counter()
        await call()
        ended = time.perf_counter()
        times.append(ended - began)
        next_at = max(next_at + every, ended)
    return times


class _Count:
    """How many calls have ended, by when this process had taken how much of a core."""

    def __init__(self, seconds: float) -> None:
        self.done = 0
        self._cpu, self._began = time.process_time(), time.perf_counter()
        self._until = self._began + seconds

    def more(self) -> bool:
        return self.done < MOST and time.perf_counter() < self._until

    def rate(self) -> Rate:
        passed = time.perf_counter() - self._began
        return Rate(self.done / passed, (time.process_time() - self._cpu) / passed)


async def calls_a_second(call: Callable[[], Awaitable[object]], window: int, seconds: float) -> Rate:
    """Keep `window` calls in flight for so many seconds."""
    count = _Count(seconds)

    async def one() -> None:
        while count.more():
            await call()
            count.done += 1

    await asyncio.gather(*(one() for _ in range(window)))
    return count.rate()


async def relay_messages_a_second(socket: ClientConnection, payload: bytes, window: int, seconds: float) -> Rate:
    """Keep `window` messages in flight on a relay, which keeps their order and so needs no ids."""
    count = _Count(seconds)
    for _ in range(window):
        await socket.send(payload)
    in_flight = window
    while in_flight:
        await socket.recv()
        count.done += 1
        if count.more():
            await socket.send(payload)
        else:
            in_flight -= 1
    return count.rate()


def threads_a_second(call: Callable[[], object], window: int, seconds: float) -> Rate:
    """Keep `window` threads busy with blocking calls for so many seconds."""
    count = _Count(seconds)

    def one(_number: int) -> int:
        done = 0
        while count.more():
            call()
            done += 1
        return done

    with ThreadPoolExecutor(window) as pool:
        count.done = sum(pool.map(one, range(window)))
    return count.rate()


async def relay_bulk(socket: ClientConnection, down: bool, size: int, window: int = 4) -> float:
    """Move so many bytes through the relay, `window` messages of a chunk in flight; return bytes a second."""
    ask = GIVE + CHUNK.to_bytes(4, "big") if down else TAKE + bytes(CHUNK - len(TAKE))
    count = size // CHUNK
    began = time.perf_counter()
    for _ in range(window):
        await socket.send(ask)
    for number in range(count):
        await socket.recv()
        if number < count - window:
            await socket.send(ask)
    return count * CHUNK / (time.perf_counter() - began)


async def http_a_second(
    url: str, path: str, authorization: str, connections: int, seconds: float, tls: ssl.SSLContext | None = None
) -> Rate:
    """Keep so many HTTP/1.1 connections busy, each with one request after another.

    Raises
    ------
    RuntimeError
        If an answer isn't 200.
    """
    loop, parts = asyncio.get_running_loop(), urlsplit(url)
    head = f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: {authorization}\r\n\r\n".encode()
    host, port = parts.hostname or "", parts.port or 443
    opened = [
        await loop.create_connection(lambda: _Connection(head), host, port, ssl=tls) for _ in range(connections)
    ]
    count = _Count(seconds)
    try:
        await asyncio.gather(*(connection.run(count) for _, connection in opened))
        return count.rate()
    finally:
        for transport, _ in opened:
            transport.close()


class _Connection(asyncio.Protocol):
    """One keep-alive connection; only as much of HTTP as Tornado's answers need."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._received = b""
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    async def run(self, count: _Count) -> None:
        self._count = count
        self._transport.write(self._request)
        await self._ended

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or len(body) < _content_length(head):
            return
        self._received = b""
        self._count.done += 1
        if not head.startswith(b"HTTP/1.1 200 "):
            self._end(RuntimeError(f"HTTP answered {head.partition(bytes((13, 10)))[0]!r}: {body[:500]!r}"))
        elif self._count.more():
            self._transport.write(self._request)
        else:
            self._end(None)

    def connection_lost(self, error: Exception | None) -> None:
        self._end(error or RuntimeError("the server closed a connection"))

    def _end(self, error: Exception | None) -> None:
        if not self._ended.done():
            if error is None:
                self._ended.set_result(None)
            else:
                self._ended.set_exception(error)


def _content_length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0])
