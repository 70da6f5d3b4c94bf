"""Two ends of a transport of each kind, and links over them whose far side does what the test says."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import cast

import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection, serve

from orbit_jupyter.link import (
    Address,
    Answer,
    Down,
    Limits,
    Link,
    Onward,
    State,
    Transport,
    connect_socket,
    memory_pair,
    whole_call,
)
from orbit_jupyter.link.websocket import WebSocketTransport, dial
from orbit_jupyter.protocol import AnyFrame, Call, Cancel, Credit, Data, OrbitError

CALM = Limits(ping_interval=60, suspect_after=60, lost_after=60)


@dataclass(frozen=True)
class Ends:
    """The two ends of one transport, with no link on them yet."""

    near: Transport
    far: Transport


@dataclass(frozen=True)
class Got:
    """A call that reached a handler; `cancelled` ends with the reason when its handler is told."""

    call: Call
    answer: Answer
    cancelled: asyncio.Future[str]
    said: list[Cancel | Data | Credit]
    """What its caller said further, in order."""


class Side:
    """One end with a link on it. Its handler answers nothing: `got` hands each call to the test."""

    def __init__(
        self, transport: Transport, limits: Limits, lost_error: Callable[[str], OrbitError] | None
    ) -> None:
        self.transport = transport
        self.raw = False  # whether `got` has calls as they come, their bodies not put together
        self.got: asyncio.Queue[Got] = asyncio.Queue()
        self.frames: asyncio.Queue[AnyFrame] = asyncio.Queue()
        self.states: asyncio.Queue[State] = asyncio.Queue()
        self.link = Link(
            transport,
            on_call=self._on_call,
            on_frame=self.frames.put_nowait,
            on_state=self.states.put_nowait,
            limits=limits,
            **({"lost_error": lost_error} if lost_error else {}),
        )
        self.running: asyncio.Task[Down | None] = asyncio.get_running_loop().create_task(self.link.run())

    def _on_call(self, call: Call, answer: Answer) -> Onward | None:
        return self._begin(call, answer) if self.raw else whole_call(call, answer, self._begin)

    def _begin(self, call: Call, answer: Answer) -> Onward:
        got = Got(call, answer, asyncio.get_running_loop().create_future(), [])
        self.got.put_nowait(got)

        def onward(frame: Cancel | Data | Credit) -> None:
            got.said.append(frame)
            if isinstance(frame, Cancel) and not got.cancelled.done():
                got.cancelled.set_result(frame.reason)

        return onward


OpenSide = Callable[..., Side]


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest_asyncio.fixture
async def memory_ends() -> Ends:
    return Ends(*memory_pair())


@pytest_asyncio.fixture(params=["memory", "socket pair", "WebSocket"])
async def ends(request: pytest.FixtureRequest, no_proxy: None) -> AsyncIterator[Ends]:
    before = asyncio.all_tasks()
    if request.param == "memory":
        yield Ends(*memory_pair())
    elif request.param == "socket pair":
        near, far = socket.socketpair()
        both = Ends(await connect_socket(near), await connect_socket(far))
        yield both
        await both.near.close()
        await both.far.close()
    else:
        arrived: asyncio.Future[ServerConnection] = asyncio.get_running_loop().create_future()

        async def on_connection(connection: ServerConnection) -> None:
            arrived.set_result(connection)
            await connection.wait_closed()

        async with serve(
            on_connection, "127.0.0.1", 0, max_size=None, compression=None, close_timeout=1
        ) as server:
            port = server.sockets[0].getsockname()[1]
            near_end = await dial(Address(f"http://127.0.0.1:{port}"), "client")
            far_end = WebSocketTransport(cast(ClientConnection, await arrived))
            yield Ends(near_end, far_end)
            await near_end.close()
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not left, "a task of a link outlived it"


@pytest_asyncio.fixture
async def open_side() -> AsyncIterator[OpenSide]:
    """Put a link on an end; it is closed with the test."""
    sides: list[Side] = []

    def open_one(
        transport: Transport,
        limits: Limits = CALM,
        lost_error: Callable[[str], OrbitError] | None = None,
    ) -> Side:
        sides.append(Side(transport, limits, lost_error))
        return sides[-1]

    yield open_one
    await asyncio.gather(*(side.link.close() for side in sides))
    await asyncio.gather(*(side.running for side in sides))


@pytest_asyncio.fixture
async def near(ends: Ends, open_side: OpenSide) -> Side:
    return open_side(ends.near)


@pytest_asyncio.fixture
async def far(ends: Ends, open_side: OpenSide) -> Side:
    return open_side(ends.far)
