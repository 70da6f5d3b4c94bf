"""Clients that read nothing: nobody else waits for them, and what the bridge keeps for them is bounded."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from bridge_stage import Bridge, Peer

from orbit_jupyter.bridge import client_session
from orbit_jupyter.bridge.extension import OrbitExtension
from orbit_jupyter.client import aio
from orbit_jupyter.link import Limits, Link
from orbit_jupyter.link.websocket import WebSocketTransport, dial
from orbit_jupyter.protocol import (
    MAX_EVENT,
    AnyFrame,
    Bye,
    Call,
    Event,
    Events,
    Hello,
    Reply,
    Subscribe,
    decode,
    encode,
)

Dial = Callable[..., Awaitable[Peer]]

QUEUED = 2 * 2**20
LARGE = b'"' + b"x" * (MAX_EVENT - 2) + b'"'


@pytest.fixture(autouse=True)
def _small_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have queues at the bridge that what fits into sockets is far more than."""
    limits = Limits(queued_bytes=QUEUED, ping_interval=600, lost_after=600, resume_for=600)
    monkeypatch.setattr(OrbitExtension, "link_limits", lambda _self: limits)


class Deaf:
    """A native client that stops reading."""

    def __init__(self, transport: WebSocketTransport) -> None:
        self._socket = transport._connection.transport
        self.frames: list[AnyFrame] = []
        self.answers: list[Any] = []
        self.link = Link(
            transport,
            on_call=lambda *_: None,
            on_frame=self.frames.append,
            limits=Limits(outgoing_calls=2**20, resume_for=600),
        )
        self._running = asyncio.ensure_future(self.link.run())

    def read(self, really: bool) -> None:
        """Read on, or stop."""
        (self._socket.resume_reading if really else self._socket.pause_reading)()

    async def close(self) -> None:
        """Hang up."""
        await self.link.close()
        await self._running


@contextlib.asynccontextmanager
async def deaf_client(bridge: Bridge) -> AsyncIterator[tuple[Deaf, Link]]:
    """Open one; also return the bridge's end of its link."""
    before = set(bridge.extension.hub.clients)
    transport = await dial(bridge.address(bridge.token), "client")
    await transport.send(encode(Hello(role="client", name="deaf", boot_id="d")))
    await transport.receive()
    (far,) = bridge.extension.hub.clients - before
    deaf = Deaf(transport)
    try:
        yield deaf, far
    finally:
        await deaf.close()


async def until(condition: Callable[[], bool]) -> None:
    async def look() -> None:
        while not condition():
            await asyncio.sleep(0.01)

    await asyncio.wait_for(look(), 60)


def kept(link: Link) -> int:
    """Return the bytes that one end of a link keeps for the other."""
    assert link._delivery is not None
    return link._lanes.size + link._delivery.kept_bytes


def numbers(frames: list[AnyFrame]) -> list[float]:
    """Return which events came; a number is the time that it was sent with."""
    return [event.time for frame in frames if isinstance(frame, Events) for event in frame.events]


async def test_a_subscriber_that_reads_nothing_is_behind_and_nobody_else(bridge: Bridge, dial_peer: Dial) -> None:
    count = 900
    peer = await dial_peer("hpc1")
    peer.serve()
    assert peer.link is not None
    async with (
        deaf_client(bridge) as (deaf, far),
        aio.AsyncBridgeClient(bridge.url, token=bridge.token) as client,
    ):
        heard: list[float] = []
        client.on_event = lambda _endpoint, event: heard.append(event.time)
        client.subscribe()
        deaf.link.send(Subscribe(id=1))
        await until(lambda: any(isinstance(frame, Events) for frame in deaf.frames))
        deaf.read(False)
        most = 0
        for first in range(1, count, 50):
            events = [Event("plugin", "large", LARGE, time=first + n) for n in range(50)]
            peer.link.send(Events("epoch", first, events))
            await until(lambda last=first + 49: bool(heard) and heard[-1] == last)  # type: ignore[misc]
            assert (await client.send(Call(0, "hpc1", "GET", "/plugin/route"))).status == 200
            most = max(most, kept(far))
        assert heard == [float(number) for number in range(1, count + 1)]
        # A quarter of the queue, the frame that found it just below, and what was on its way unseen.
        assert most < QUEUED // 4 + 2**20 + 2 * MAX_EVENT + 10 * 2**20
        assert len(numbers(deaf.frames)) < count
        deaf.read(True)
        await until(lambda: len(numbers(deaf.frames)) == count)
    assert numbers(deaf.frames) == heard


async def test_a_caller_that_reads_no_answers_is_ended_before_they_fill_the_memory(
    bridge: Bridge, dial_peer: Dial
) -> None:
    peer = await dial_peer("hpc1")
    peer.reply = Reply(0, 200, body=bytes(30_000))
    peer.serve()
    async with deaf_client(bridge) as (deaf, far):
        deaf.read(False)
        most = calls = 0
        while not far.closed.done():
            for _ in range(100):
                deaf.link.call(
                    Call(0, "hpc1" if calls < 2_000 else "none", "GET", "/plugin/route"), lambda _: None
                )
                calls += 1
            await asyncio.sleep(0.01)
            most = max(most, kept(far))
            assert calls < 200_000
        assert "doesn't read" in far.closed.result().reason
        assert most < 2 * QUEUED + 10 * 2**20
    async with aio.AsyncBridgeClient(bridge.url, token=bridge.token) as client:
        assert (await client.send(Call(0, "hpc1", "GET", "/plugin/route"))).status == 200


async def test_a_client_that_subscribes_without_end_is_ended(bridge: Bridge) -> None:
    transport = await dial(bridge.address(bridge.token), "client")
    await transport.send(encode(Hello(role="client", name="client", boot_id="greedy")))
    ended: asyncio.Future[Bye] = asyncio.get_running_loop().create_future()

    async def read() -> None:
        while True:
            frame = decode(await transport.receive())
            if isinstance(frame, Bye):
                ended.set_result(frame)
                return

    reading = asyncio.ensure_future(read())
    await asyncio.sleep(0)
    for n in range(client_session.MAX_SUBSCRIPTIONS + 1):
        await transport.send(encode(Subscribe(n + 1)))
    bye = await asyncio.wait_for(ended, 20)
    assert (bye.retry, "256 subscriptions" in bye.reason) == (False, True)
    await reading
    await transport.close()
