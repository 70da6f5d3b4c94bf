"""Many calls of one client to an endpoint that answers when the test says so, and what becomes of the others'."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from bridge_stage import Bridge, Peer

from orbit_jupyter.bridge import fair_share
from orbit_jupyter.bridge.fair_share import WAITING, YOUNG
from orbit_jupyter.client import aio
from orbit_jupyter.link import Answer, Down, Limits, Link, Onward
from orbit_jupyter.link.websocket import dial
from orbit_jupyter.protocol import (
    AnyFrame,
    Bye,
    Call,
    Cancel,
    Credit,
    Data,
    Fail,
    Hello,
    Principal,
    Reply,
    encode,
)

BURST = 20_000
HOUR = 3600.0


class Desk:
    """An endpoint that keeps its calls until it is told to answer them."""

    def __init__(self, peer: Peer) -> None:
        self.calls: list[Call] = []
        self.said: list[list[AnyFrame]] = []
        """What came after each call."""
        self.at_once = False
        self._answers: list[Answer] = []
        self._more = asyncio.Event()
        self.link = Link(peer.transport, on_call=self._on_call, limits=Limits(resume_for=60))
        self._running = asyncio.ensure_future(self.link.run())

    def _on_call(self, call: Call, answer: Answer) -> Onward:
        said: list[AnyFrame] = []
        self.calls.append(call)
        self.said.append(said)
        self._answers.append(answer)
        self._more.set()
        if self.at_once:
            self.answer(len(self.calls) - 1)
        return lambda frame: self._on_more(said, frame)

    def _on_more(self, said: list[AnyFrame], frame: AnyFrame) -> None:
        said.append(frame)
        self._more.set()

    def answer(self, number: int) -> None:
        """Answer one."""
        self._answers[number](Reply(0, 200, body=self.calls[number].path.encode()))

    def answer_all(self) -> None:
        """Answer all that have come, and all that come."""
        self.at_once = True
        for number in range(len(self.calls)):
            self.answer(number)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for what comes."""
        while not condition():
            self._more.clear()
            await asyncio.wait_for(self._more.wait(), 60)

    async def has(self, count: int) -> None:
        """Wait until so many calls have come."""
        await self.until(lambda: len(self.calls) >= count)

    async def close(self) -> None:
        """Hang up."""
        await self.link.close(Bye("done", retry=False))
        await self._running


Open = Callable[[], Awaitable[Desk]]


@pytest.fixture
def open_desk(
    bridge: Bridge, dial_peer: Callable[..., Awaitable[Peer]], jp_asyncio_loop: asyncio.AbstractEventLoop
) -> Iterator[Open]:
    desks: list[Desk] = []

    async def open() -> Desk:
        desks.append(Desk(await dial_peer("hpc1")))
        await bridge.until(lambda: bridge.extension.hub.registry.get("hpc1") is not None)
        return desks[-1]

    yield open
    for desk in desks:
        jp_asyncio_loop.run_until_complete(desk.close())


@pytest.fixture
def no_call_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no call go on because of the time that the test takes."""
    monkeypatch.setattr(fair_share, "YOUNG_FOR", HOUR)


class Caller:
    """Someone who calls through the hub."""

    def __init__(self, bridge: Bridge, user: str = "ann") -> None:
        self._hub = bridge.extension.hub
        self._principal = Principal(user, scopes=("read", "write", "execute"))
        self.ends: asyncio.Queue[Any] = asyncio.Queue()

    def call(self, path: str = "/plugin/route", **more: Any) -> Onward:
        """Make a call."""
        onward = self._hub.call(Call(0, "hpc1", "POST", path, **more), self._principal, self.ends.put_nowait)
        assert onward is not None
        return onward

    def calls(self, count: int = YOUNG) -> None:
        """Make many."""
        for _ in range(count):
            self.call()

    async def end(self) -> Any:
        """Return what ends a call, the first that has ended."""
        return await asyncio.wait_for(self.ends.get(), 20)


def waiting(bridge: Bridge) -> int:
    """Return how many calls wait at the bridge."""
    return bridge.extension.hub.registry.require("hpc1").turnstile.share.waiting


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what nothing tells of."""

    async def look() -> None:
        while not condition():
            await asyncio.sleep(0.01)

    await asyncio.wait_for(look(), 60)


async def test_a_burst_of_20000_calls_keeps_nobody_elses_calls_waiting(
    bridge: Bridge, open_desk: Open, no_call_is_old: None
) -> None:
    desk = await open_desk()
    transport = await dial(bridge.address(bridge.token), "client")
    await transport.send(encode(Hello(role="client", name="greedy", boot_id="g")))
    await transport.receive()
    greedy = Link(
        transport,
        on_call=lambda *_: None,
        limits=Limits(outgoing_calls=2 * BURST, resume_for=60, queued_bytes=2**30),
    )
    reading: asyncio.Task[Down | None] = asyncio.ensure_future(greedy.run())
    ends: list[Any] = []
    for number in range(BURST):
        greedy.call(Call(0, "hpc1", "POST", f"/greedy/{number}"), ends.append)
        if number % 500 == 0:
            await asyncio.sleep(0)
    # Half are more than a link may have under way. They are refused at once, with when to come again.
    await until(lambda: len(ends) == BURST // 2)
    assert {(end.code, end.transient, end.data["retry_after"]) for end in ends} == {("overloaded", True, 1)}
    assert (len(desk.calls), waiting(bridge)) == (YOUNG, BURST // 2 - YOUNG)

    async with aio.AsyncBridgeClient(bridge.url, token=bridge.token) as client, bridge.http() as http:
        for number in range(YOUNG, YOUNG + 40, 2):
            asked = asyncio.ensure_future(client.send(Call(0, "hpc1", "POST", f"/friend/{number}")))
            await desk.has(number + 1)
            desk.answer(number)
            assert (await asyncio.wait_for(asked, 20)).body.decode() == f"/friend/{number}"
            over_http = asyncio.ensure_future(http.post(f"/hpc1/friend/{number + 1}"))
            await desk.has(number + 2)
            desk.answer(number + 1)
            assert (await asyncio.wait_for(over_http, 20)).text == f"/friend/{number + 1}"
    assert {call.path.split("/")[1] for call in desk.calls[YOUNG:]} == {"friend"}
    assert len(ends) == BURST // 2

    desk.answer_all()
    await until(lambda: len(ends) == BURST)
    served = [end.body.decode() for end in ends[BURST // 2 :]]
    assert served == [f"/greedy/{number}" for number in range(BURST // 2)]
    await greedy.close()
    await reading
    assert len(bridge.extension.hub.registry.require("hpc1").turnstile.share) == 0


async def test_a_client_that_goes_takes_its_waiting_calls_along(
    bridge: Bridge, open_desk: Open, no_call_is_old: None
) -> None:
    desk = await open_desk()
    async with aio.AsyncBridgeClient(bridge.url, token=bridge.token) as client:
        sends = [client.send(Call(0, "hpc1", "POST", "/plugin/route")) for _ in range(YOUNG + 50)]
        asked = asyncio.gather(*sends, return_exceptions=True)
        await desk.has(YOUNG)
        await until(lambda: waiting(bridge) == 50)
    await asked
    await until(lambda: waiting(bridge) == 0)
    assert len(desk.calls) == YOUNG


async def test_a_full_queue_refuses_with_when_to_come_again_over_http_too(
    bridge: Bridge, open_desk: Open, no_call_is_old: None
) -> None:
    desk = await open_desk()
    greedy, friend = Caller(bridge, bridge.extension.owner), Caller(bridge, "bea")
    greedy.calls(YOUNG + WAITING + 1)
    refused = await greedy.end()
    assert (refused.code, refused.status, refused.transient) == ("overloaded", 503, True)
    assert waiting(bridge) == WAITING
    async with bridge.http() as http:
        answer = await http.post("/hpc1/plugin/route")
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "overloaded", "1")
    friend.call()
    await desk.has(YOUNG + 1)
    desk.answer(YOUNG)
    assert (await friend.end()).status == 200
    assert (waiting(bridge), greedy.ends.qsize()) == (WAITING, 0)


async def test_a_body_that_comes_while_its_call_waits_comes_behind_it_in_order(
    bridge: Bridge, open_desk: Open, no_call_is_old: None
) -> None:
    desk = await open_desk()
    ann = Caller(bridge)
    ann.calls()
    onward = ann.call("/late", more=True)
    for frame in (Data(0, b"one"), Credit(0, 7), Data(0, b"two")):
        onward(frame)
    await desk.has(YOUNG)
    desk.answer(3)
    await desk.has(YOUNG + 1)
    onward(Data(0, b"three", end=True))
    assert desk.calls[-1].path == "/late"
    await desk.until(lambda: len(desk.said[-1]) == 4)
    said = [frame.data if isinstance(frame, Data) else frame for frame in desk.said[-1]]
    credit = next(frame for frame in said if isinstance(frame, Credit))
    assert said == [b"one", credit, b"two", b"three"] or said == [credit, b"one", b"two", b"three"]
    assert credit.size == 7


async def test_a_body_that_is_too_much_to_wait_ends_its_call(
    bridge: Bridge, open_desk: Open, no_call_is_old: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fair_share, "WAITING_BYTES", 10_000)
    await open_desk()
    ann = Caller(bridge)
    ann.calls()
    onward = ann.call("/large", more=True)
    onward(Data(0, bytes(5_000)))
    assert ann.ends.empty()
    onward(Data(0, bytes(5_000)))
    assert (await ann.end()).code == "overloaded"
    onward(Data(0, bytes(5_000)))
    onward(Cancel(0))
    assert (ann.ends.qsize(), waiting(bridge)) == (0, 0)
    ann.call("/small", body=bytes(5_000))
    assert waiting(bridge) == 1


async def test_a_call_that_waits_can_be_cancelled_and_is_never_sent(
    bridge: Bridge, open_desk: Open, no_call_is_old: None
) -> None:
    desk = await open_desk()
    ann = Caller(bridge)
    ann.calls()
    onward = ann.call("/cancelled")
    ann.call("/next")
    onward(Cancel(0, "changed my mind"))
    ended = await ann.end()
    assert (ended.code, ended.status) == ("cancelled", 499)
    onward(Cancel(0, "again"))
    assert ann.ends.empty()
    await desk.has(YOUNG)
    desk.answer(0)
    await desk.has(YOUNG + 1)
    assert desk.calls[-1].path == "/next"


async def test_the_time_of_a_call_goes_on_while_it_waits(
    bridge: Bridge, open_desk: Open, no_call_is_old: None
) -> None:
    desk = await open_desk()
    loop = asyncio.get_running_loop()
    ann = Caller(bridge)
    ann.calls()
    ann.call("/short", time_left=0.2)
    ann.call("/long", time_left=500.0)
    began = loop.time()
    ended = await ann.end()
    assert (ended.code, ended.status) == ("deadline", 504)
    waited = loop.time() - began
    await desk.has(YOUNG)
    desk.answer(0)
    await desk.has(YOUNG + 1)
    assert desk.calls[-1].path == "/long"
    assert 0 < desk.calls[-1].time_left <= 500.0 - waited


async def test_calls_that_wait_for_an_endpoint_that_goes_end_with_it(
    bridge: Bridge, open_desk: Open, no_call_is_old: None
) -> None:
    desk = await open_desk()
    ann = Caller(bridge)
    ann.calls(20 * YOUNG)
    await desk.has(YOUNG)
    share = bridge.extension.hub.registry.require("hpc1").turnstile.share
    await desk.close()
    ends = [await ann.end() for _ in range(20 * YOUNG)]
    assert all(isinstance(end, Fail) and end.transient for end in ends)
    assert {(end.code, end.status) for end in ends} == {("endpoint-gone", 503)}
    assert (share.waiting, len(share), len(desk.calls)) == (0, 0, YOUNG)


async def test_calls_that_take_long_let_the_next_ones_go(bridge: Bridge, open_desk: Open) -> None:
    desk = await open_desk()
    ann = Caller(bridge)
    ann.calls(2 * YOUNG)
    assert waiting(bridge) == YOUNG
    await desk.has(2 * YOUNG)
    assert (waiting(bridge), ann.ends.qsize()) == (0, 0)
