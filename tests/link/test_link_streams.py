"""Bodies in pieces: credit, both ways at once, ends, and who breaks the rules."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orbit_jupyter.link import Inflow, Limits, Outflow, whole_answer
from orbit_jupyter.link.pump import Pump
from orbit_jupyter.protocol import (
    CHUNK,
    WINDOW,
    Call,
    CallCancelledError,
    Cancel,
    Credit,
    Data,
    DeadlineError,
    Fail,
    ProtocolError,
    Reply,
    TooLargeError,
)

from .conftest import CALM, Ends, Got, OpenSide, Side

BIG = b"0123456789abcdef" * (5 * WINDOW // 16)


def call(**more: Any) -> Call:
    return Call(**{"id": 0, "endpoint": "", "method": "PUT", "path": "/p/x", "time_left": 60.0, **more})


class Talk:
    """A call of the near side whose answer is a stream, with all that came back."""

    def __init__(self, side: Side, asked: Call) -> None:
        self.came: list[Reply | Fail | Data | Credit] = []
        self.news = asyncio.Event()
        self.link = side.link
        self.id = side.link.call(asked, self._on_answer)

    def _on_answer(self, frame: Reply | Fail | Data | Credit) -> None:
        self.came.append(frame)
        self.news.set()

    def say(self, frame: Cancel | Data | Credit) -> None:
        self.link.onward(self.id, frame)

    async def until(self, count: int) -> None:
        while len(self.came) < count:
            self.news.clear()
            await asyncio.wait_for(self.news.wait(), 10)

    @property
    def body(self) -> bytes:
        return b"".join(frame.data for frame in self.came if isinstance(frame, Data))


async def raw(near: Side, far: Side, **more: Any) -> tuple[Talk, Got]:
    far.raw = True
    talk = Talk(near, call(**more))
    return talk, await far.got.get()


async def settled(near: Side, far: Side) -> None:
    """Make a round trip: what was sent before has arrived when it is back."""
    asked = asyncio.ensure_future(near.link.request(call()))
    while (got := await far.got.get()).call.more:
        pass
    got.answer(Reply(0, 200))
    await asked


@given(size=st.integers(0, 3 * WINDOW), grants=st.lists(st.integers(1, 2 * WINDOW), max_size=6))
def test_a_pump_sends_what_the_credit_allows_and_no_more(size: int, grants: list[int]) -> None:
    sent: list[tuple[bytes, bool]] = []
    body = bytes(size)
    pump = Pump(body, lambda data, end: sent.append((data, end)))
    pump.run()
    credit = WINDOW
    for grant in [*grants, size]:
        assert sum(len(data) for data, _ in sent) == min(size, credit)
        credit += grant
        pump.grant(grant)
    assert b"".join(data for data, _ in sent) == body
    assert all(len(data) <= CHUNK for data, _ in sent)
    assert [end for _, end in sent] == [False] * (len(sent) - 1) + [True] * bool(sent)


@pytest.mark.asyncio
async def test_long_bodies_travel_in_pieces_and_arrive_whole_both_ways(near: Side, far: Side) -> None:
    asked = asyncio.ensure_future(near.link.request(call(body=BIG)))
    got = await asyncio.wait_for(far.got.get(), 10)
    assert got.call.body == BIG
    got.answer(Reply(0, 200, {"a": "b"}, BIG[::-1]))
    reply = await asyncio.wait_for(asked, 10)
    assert (reply.status, reply.headers, reply.body, reply.more) == (200, {"a": "b"}, BIG[::-1], False)


@pytest.mark.asyncio
async def test_a_sender_waits_for_credit(near: Side, far: Side) -> None:
    talk, got = await raw(near, far, body=BIG)
    await settled(near, far)
    assert sum(len(frame.data) for frame in got.said if isinstance(frame, Data)) == WINDOW
    got.answer(Credit(0, 1000))
    await settled(near, far)
    assert sum(len(frame.data) for frame in got.said if isinstance(frame, Data)) == WINDOW + 1000
    got.answer(Reply(0, 200))
    await talk.until(1)
    await settled(near, far)
    assert len(talk.came) == 1


@pytest.mark.asyncio
async def test_both_directions_of_one_call_flow_at_once(near: Side, far: Side) -> None:
    talk, got = await raw(near, far, more=True)
    got.answer(Reply(0, 200, more=True))
    for n in range(3):
        talk.say(Data(0, b"to %d" % n))
        got.answer(Data(0, b"back %d" % n))
    await talk.until(4)
    await settled(near, far)
    assert talk.body == b"back 0back 1back 2"
    assert [frame.data for frame in got.said if isinstance(frame, Data)] == [b"to 0", b"to 1", b"to 2"]
    got.answer(Data(0, b"", end=True))
    await talk.until(5)
    talk.say(Data(0, b"nobody hears"))
    got.answer(Data(0, b"nobody sees"))
    await settled(near, far)
    assert len(talk.came) == 5
    assert len(got.said) == 3


@pytest.mark.asyncio
async def test_a_caller_that_sends_more_than_its_credit_loses_its_call_alone(near: Side, far: Side) -> None:
    talk, got = await raw(near, far, more=True)
    for _ in range(5):
        talk.say(Data(0, bytes(CHUNK)))
    await talk.until(1)
    (fail,) = talk.came
    assert isinstance(fail, Fail)
    assert fail.code == ProtocolError.code
    assert isinstance(got.said[-1], Cancel)
    await settled(near, far)


@pytest.mark.asyncio
async def test_a_handler_that_sends_more_than_its_credit_loses_its_call_alone(near: Side, far: Side) -> None:
    talk, got = await raw(near, far)
    got.answer(Reply(0, 200, more=True))
    for _ in range(5):
        got.answer(Data(0, bytes(CHUNK)))
    while not isinstance(talk.came[-1:] and talk.came[-1], Fail):
        await talk.until(len(talk.came) + 1)
    fail = talk.came[-1]
    assert isinstance(fail, Fail)
    assert fail.code == ProtocolError.code
    await asyncio.wait_for(got.cancelled, 10)
    await settled(near, far)


@pytest.mark.asyncio
async def test_a_fail_in_the_middle_of_an_answer_ends_it(near: Side, far: Side) -> None:
    talk, got = await raw(near, far)
    got.answer(Reply(0, 200, more=True))
    got.answer(Data(0, b"half"))
    await talk.until(2)
    got.answer(Fail(0, "plugin-error", "the disk is gone"))
    got.answer(Data(0, b"late", end=True))
    await talk.until(3)
    await settled(near, far)
    assert [type(frame) for frame in talk.came] == [Reply, Data, Fail]


@pytest.mark.asyncio
async def test_a_cancel_reaches_the_handler_and_its_answer_still_counts(near: Side, far: Side) -> None:
    talk, got = await raw(near, far, more=True)
    talk.say(Data(0, b"some"))
    talk.say(Cancel(0, "changed my mind"))
    assert await asyncio.wait_for(got.cancelled, 10) == "changed my mind"
    got.answer(Fail(0, "cancelled", "cancelled"))
    await talk.until(1)


@pytest.mark.asyncio
async def test_cancelling_who_reads_a_long_answer_stops_it(near: Side, far: Side) -> None:
    talk, got = await raw(near, far)
    got.answer(Reply(0, 200, body=BIG))
    await talk.until(5)
    talk.say(Cancel(0, "enough"))
    await talk.until(6)
    fail = talk.came[-1]
    assert isinstance(fail, Fail)
    assert fail.code == CallCancelledError.code


@pytest.mark.asyncio
async def test_while_a_body_moves_its_time_is_not_over(near: Side, far: Side) -> None:
    talk, got = await raw(near, far, more=True, time_left=0.2)
    for _ in range(6):
        await asyncio.sleep(0.05)
        talk.say(Data(0, b"x"))
    assert not talk.came
    await talk.until(1)
    fail = talk.came[0]
    assert isinstance(fail, Fail)
    assert fail.code == DeadlineError.code
    assert await asyncio.wait_for(got.cancelled, 10) == "its time is over"


@pytest.mark.asyncio
async def test_an_answer_over_the_readers_limit_is_refused_and_cancelled(near: Side, far: Side) -> None:
    far.raw = True
    asked = asyncio.ensure_future(near.link.request(call(), limit=2 * WINDOW))
    got = await far.got.get()
    got.answer(Reply(0, 200, body=BIG))
    with pytest.raises(TooLargeError, match="longer than"):
        await asyncio.wait_for(asked, 10)
    await settled(near, far)


@pytest.mark.asyncio
async def test_small_calls_do_not_wait_behind_a_stream(ends: Ends, open_side: OpenSide) -> None:
    near, far = open_side(ends.near), open_side(ends.far)
    far.raw = True
    talks = [Talk(near, call(body=BIG)) for _ in range(4)]
    small = Talk(near, call(path="/p/small"))
    paths = [(await far.got.get()).call.path for _ in range(5)]
    assert paths[-1] == "/p/small"
    del talks, small


@pytest.mark.asyncio
async def test_a_link_that_goes_down_ends_streams_both_ways(ends: Ends, open_side: OpenSide) -> None:
    near, far = open_side(ends.near, CALM), open_side(ends.far, Limits(ping_interval=60))
    talk, got = await raw(near, far, more=True)
    got.answer(Reply(0, 200, more=True))
    await talk.until(1)
    await near.transport.close()
    await talk.until(2)
    assert isinstance(talk.came[-1], Fail)
    assert await asyncio.wait_for(got.cancelled, 10)


@pytest.mark.asyncio
async def test_inflow_gives_credit_for_what_was_read_and_raises_what_went_wrong() -> None:
    granted: list[int] = []
    inflow = Inflow(granted.append)
    inflow.feed(b"a" * CHUNK, False)
    inflow.feed(b"b", False)
    assert [await inflow.__anext__(), await inflow.__anext__()] == [b"a" * CHUNK, b"b"]
    assert granted == [CHUNK, 1]
    inflow.fail(CallCancelledError("gone"))
    with pytest.raises(CallCancelledError):
        await inflow.__anext__()
    complete = Inflow(granted.append)
    complete.feed(b"c", True)
    complete.fail(CallCancelledError("too late to matter"))
    assert [piece async for piece in complete] == [b"c"]
    assert granted == [CHUNK, 1]


@pytest.mark.asyncio
async def test_inflow_raises_what_went_wrong_first() -> None:
    inflow = Inflow(lambda _: None)
    inflow.fail(ProtocolError("what went wrong"))
    inflow.fail(CallCancelledError("what was said of it"))
    with pytest.raises(ProtocolError):
        await inflow.__anext__()


@pytest.mark.asyncio
async def test_an_answer_whose_head_cannot_be_read_ends_the_call_at_both_sides(near: Side, far: Side) -> None:
    talk, got = await raw(near, far)
    near.link.feed(msgspec.msgpack.encode(["reply", talk.id, "two hundred", {}, b"", True]))
    (fail,) = talk.came
    assert isinstance(fail, Fail)
    assert fail.code == ProtocolError.code
    assert await asyncio.wait_for(got.cancelled, 10)


@pytest.mark.asyncio
async def test_outflow_waits_for_credit_and_for_no_dead_reader() -> None:
    sent: list[int] = []
    outflow = Outflow(lambda data, _: sent.append(len(data)))
    writing = asyncio.ensure_future(outflow.write(bytes(WINDOW + 10)))
    await asyncio.sleep(0)
    assert sum(sent) == WINDOW
    outflow.grant(4)
    await asyncio.sleep(0.01)
    assert sum(sent) == WINDOW + 4
    assert not writing.done()
    outflow.fail(CallCancelledError("gone"))
    with pytest.raises(CallCancelledError):
        await writing


def test_whole_answer_passes_a_short_one_on_as_it_is() -> None:
    answers: list[Reply | Fail] = []
    take = whole_answer(answers.append, lambda _: None)
    take(Credit(0, 1))
    take(Reply(0, 200, body=b"x"))
    take(Reply(0, 201, body=b"y"))
    assert answers == [Reply(0, 200, body=b"x")]
