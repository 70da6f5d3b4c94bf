"""What a link promises about calls, over every transport."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import msgspec
import pytest

from orbit_jupyter.link import Limits, memory_pair
from orbit_jupyter.protocol import (
    BridgeConnectionError,
    Bye,
    Call,
    CallCancelledError,
    Cancel,
    Credit,
    Data,
    DeadlineError,
    EndpointDisconnectedError,
    Event,
    Events,
    Fail,
    OrbitError,
    OverloadedError,
    Ping,
    Pong,
    ProtocolError,
    Reply,
    ResourceNotFoundError,
    Topology,
    decode,
    encode,
    fail_from,
)

if TYPE_CHECKING:
    from .conftest import Ends, Got, OpenSide, Side

pytestmark = pytest.mark.asyncio


def call(path: str = "/p/x", time_left: float = 60.0, body: bytes = b"") -> Call:
    return Call(id=0, endpoint="", method="GET", path=path, time_left=time_left, body=body)


def ok(body: bytes = b"") -> Reply:
    return Reply(id=0, status=200, body=body)


class Ask:
    """A call made by callback, with every answer that it gets."""

    def __init__(self, side: Side, asked: Call) -> None:
        self.answers: list[Reply | Fail | Data | Credit] = []
        self.first: asyncio.Future[Reply | Fail | Data | Credit] = asyncio.get_running_loop().create_future()
        self.id = side.link.call(asked, self._on_answer)

    def _on_answer(self, answer: Reply | Fail | Data | Credit) -> None:
        self.answers.append(answer)
        if not self.first.done():
            self.first.set_result(answer)


async def echo(near: Side, far: Side, body: bytes = b"echo") -> None:
    """Make a round trip: whatever was sent before has arrived when it is back."""
    request = asyncio.ensure_future(near.link.request(call(body=body)))
    got = await far.got.get()
    got.answer(ok(got.call.body))
    assert (await request).body == body


async def test_call_gets_the_one_answer_of_its_handler(near: Side, far: Side) -> None:
    asked = Call(
        id=99, endpoint="hpc1", method="POST", path="/p/x", query="a=1", headers={"h": "v"}, body=b"in", key="k"
    )
    request = asyncio.ensure_future(near.link.request(asked))
    got = await far.got.get()
    assert msgspec.structs.replace(got.call, id=99) == asked
    got.answer(Reply(id=12345, status=201, headers={"x": "y"}, body=b"out"))
    reply = await request
    assert (reply.status, reply.headers, reply.body) == (201, {"x": "y"}, b"out")


async def test_calls_go_both_ways_at_once_though_their_ids_are_the_same(near: Side, far: Side) -> None:
    there, back = (asyncio.ensure_future(side.link.request(call())) for side in (near, far))
    from_near, from_far = await far.got.get(), await near.got.get()
    assert from_near.call.id == from_far.call.id
    from_far.answer(ok(b"to far"))
    from_near.answer(ok(b"to near"))
    assert [(await there).body, (await back).body] == [b"to near", b"to far"]


async def test_calls_answered_out_of_order_get_each_its_own_answer(near: Side, far: Side) -> None:
    requests = [asyncio.ensure_future(near.link.request(call(f"/p/{n}"))) for n in range(50)]
    got = [await far.got.get() for _ in requests]
    for one in sorted(got, key=lambda one: hash((one.call.id * 7919) % 50)):
        one.answer(ok(one.call.path.encode()))
    assert [(await request).body.decode() for request in requests] == [f"/p/{n}" for n in range(50)]


async def test_body_as_large_as_a_frame_may_carry_arrives_both_ways(near: Side, far: Side) -> None:
    await echo(near, far, b"\x01" * (8 * 2**20))


async def test_typed_error_of_the_handler_is_raised_by_request(near: Side, far: Side) -> None:
    request = asyncio.ensure_future(near.link.request(call()))
    (await far.got.get()).answer(fail_from(ResourceNotFoundError("no job 7", available=["8"])))
    with pytest.raises(ResourceNotFoundError, match="no job 7") as caught:
        await request
    assert caught.value.data == {"available": ["8"]}


async def test_answer_from_within_the_handler_is_sent(ends: Ends, near: Side, open_side: OpenSide) -> None:
    far = open_side(ends.far)
    far.link._on_call = lambda _call, answer: answer(ok(b"at once"))
    assert (await near.link.request(call())).body == b"at once"


async def test_second_answer_is_dropped(near: Side, far: Side) -> None:
    ask = Ask(near, call())
    got = await far.got.get()
    got.answer(ok(b"first"))
    got.answer(ok(b"second"))
    got.answer(fail_from(OrbitError("third")))
    await echo(near, far)
    assert ask.answers == [Reply(id=ask.id, status=200, body=b"first")]


async def test_answer_that_cannot_be_encoded_becomes_an_error(near: Side, far: Side) -> None:
    ask = Ask(near, call(time_left=0.5))
    got = await far.got.get()
    with contextlib.suppress(UnicodeEncodeError):
        got.answer(Reply(id=0, status=200, headers={"x-file": "caf\udce9"}))
    answer = await ask.first
    assert isinstance(answer, Fail)
    assert answer.code != DeadlineError.code


async def test_cancel_travels_to_the_handler_which_still_owes_its_answer(near: Side, far: Side) -> None:
    ask = Ask(near, call())
    got = await far.got.get()
    near.link.cancel(ask.id, "changed my mind")
    assert await got.cancelled == "changed my mind"
    assert not ask.answers
    got.answer(fail_from(CallCancelledError("as you wish")))
    answer = await ask.first
    assert isinstance(answer, Fail)
    assert answer.code == "cancelled"


async def test_cancel_of_a_call_that_is_answered_or_never_was_does_nothing(near: Side, far: Side) -> None:
    ask = Ask(near, call())
    got = await far.got.get()
    got.answer(ok())
    await ask.first
    near.link.cancel(ask.id, "too late")
    near.link.cancel(4711, "never was")
    near.link.send(Cancel(id=4711, reason="never was"))
    await echo(near, far)
    assert not got.cancelled.done()


async def test_cancelling_a_request_cancels_the_far_side(near: Side, far: Side) -> None:
    request = asyncio.ensure_future(near.link.request(call()))
    got = await far.got.get()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert await got.cancelled == "the caller stopped waiting"


async def test_time_that_is_over_ends_the_call_and_cancels_the_far_side(near: Side, far: Side) -> None:
    with pytest.raises(DeadlineError, match=r"no answer within 0\.01 s"):
        await near.link.request(call(time_left=0.01))
    got = await far.got.get()
    assert await got.cancelled == "its time is over"


@pytest.mark.parametrize("time_left", [0.0, -5.0])
async def test_call_with_no_time_left_ends_at_once(near: Side, far: Side, time_left: float) -> None:
    with pytest.raises(DeadlineError):
        await near.link.request(call(time_left=time_left))


async def test_answer_that_comes_too_late_is_dropped(near: Side, far: Side) -> None:
    ask = Ask(near, call(time_left=0.01))
    got = await far.got.get()
    await ask.first
    got.answer(ok(b"late"))
    await echo(near, far)
    (answer,) = ask.answers
    assert isinstance(answer, Fail)
    assert answer.code == DeadlineError.code


async def test_lost_link_ends_every_open_call_at_once_and_tells_every_handler(
    ends: Ends, open_side: OpenSide
) -> None:
    near = open_side(ends.near, lost_error=lambda reason: BridgeConnectionError(f"bridge: {reason}"))
    far = open_side(ends.far)
    asks = [Ask(near, call()) for _ in range(3)]
    backwards = Ask(far, call())
    handlers: list[Got] = [await far.got.get() for _ in asks] + [await near.got.get()]
    await near.transport.close()
    await near.running
    down = near.link.closed.result()
    for ask in asks:
        (answer,) = ask.answers
        assert isinstance(answer, Fail)
        assert (answer.code, answer.transient) == ("bridge-unreachable", True)
        assert answer.message == f"bridge: {down.reason}"
    await far.running
    (answer,) = backwards.answers
    assert isinstance(answer, Fail)
    assert answer.code == EndpointDisconnectedError.code
    await asyncio.gather(*(handler.cancelled for handler in handlers))
    handlers[0].answer(ok(b"to nobody"))


async def test_call_to_a_lost_link_fails_at_once(near: Side, far: Side) -> None:
    await far.link.close(Bye("maintenance", retry=False))
    await near.running
    ask = Ask(near, call())
    (answer,) = ask.answers
    assert isinstance(answer, Fail)
    assert (answer.code, ask.id) == (EndpointDisconnectedError.code, 0)
    assert "maintenance" in answer.message
    with pytest.raises(EndpointDisconnectedError, match="maintenance"):
        await near.link.request(call())


async def test_bye_reaches_the_far_side_as_it_was_said(near: Side, far: Side) -> None:
    bye = Bye("the endpoint ends", retry=False, code="conflict")
    await near.link.close(bye)
    await far.running
    down = far.link.closed.result()
    assert (down.reason, down.bye) == ("the endpoint ends", bye)
    await near.running
    assert near.link.closed.result().bye is None


async def test_answer_given_before_bye_arrives_before_it(near: Side, far: Side) -> None:
    ask = Ask(near, call())
    (await far.got.get()).answer(ok(b"last words"))
    await far.link.close(Bye("the endpoint ends", retry=False))
    await near.running
    assert ask.answers == [Reply(id=ask.id, status=200, body=b"last words")]


async def test_link_that_goes_down_without_bye_says_so(near: Side, far: Side) -> None:
    await far.transport.close()
    await near.running
    down = near.link.closed.result()
    assert down.bye is None
    assert down.reason


async def test_closing_twice_or_from_both_sides_at_once_ends_once(near: Side, far: Side) -> None:
    await asyncio.gather(near.link.close(Bye("near")), far.link.close(Bye("far")), near.link.close())
    await asyncio.gather(near.running, far.running)


async def test_stopping_the_reader_takes_the_link_down(near: Side, far: Side) -> None:
    ask = Ask(near, call())
    await far.got.get()
    near.running.cancel()
    await asyncio.wait({near.running})
    assert isinstance(ask.answers[0], Fail)
    assert near.link.closed.result().reason == "the link was stopped"
    await far.running
    near.running = asyncio.ensure_future(near.link.run())  # what the fixture waits for


async def test_more_outgoing_calls_than_allowed_are_refused_here(ends: Ends, open_side: OpenSide) -> None:
    near = open_side(ends.near, Limits(outgoing_calls=2))
    far = open_side(ends.far)
    asks = [Ask(near, call()) for _ in range(3)]
    (refused,) = asks[2].answers
    assert isinstance(refused, Fail)
    assert (refused.code, refused.status, refused.transient) == (OverloadedError.code, 503, True)
    assert refused.data["retry_after"] > 0
    (await far.got.get()).answer(ok())
    await asks[0].first
    assert not Ask(near, call()).answers


async def test_more_incoming_calls_than_allowed_are_refused_there(ends: Ends, open_side: OpenSide) -> None:
    near = open_side(ends.near)
    far = open_side(ends.far, Limits(incoming_calls=2))
    asks = [Ask(near, call()) for _ in range(3)]
    refused = await asks[2].first
    assert isinstance(refused, Fail)
    assert (refused.code, refused.transient) == (OverloadedError.code, True)
    assert refused.data["retry_after"] > 0
    assert far.got.qsize() == 2
    (await far.got.get()).answer(ok())
    await asks[0].first
    fourth = Ask(near, call())
    (await far.got.get()).answer(ok(b"second"))
    (await far.got.get()).answer(ok(b"fourth"))
    answer = await fourth.first
    assert isinstance(answer, Reply)
    assert answer.body == b"fourth"


async def test_call_into_a_full_send_queue_is_refused(ends: Ends, open_side: OpenSide) -> None:
    near = open_side(ends.near, Limits(queued_bytes=50_000))
    asks = [Ask(near, call(body=b"x" * 40_000)) for _ in range(3)]  # bulk waits for the writer
    assert [len(ask.answers) for ask in asks] == [0, 0, 1]
    (refused,) = asks[2].answers
    assert isinstance(refused, Fail)
    assert refused.code == OverloadedError.code
    assert refused.data["retry_after"] > 0


async def test_answer_into_a_full_send_queue_becomes_a_refusal(ends: Ends, open_side: OpenSide) -> None:
    near = open_side(ends.near)
    far = open_side(ends.far, Limits(queued_bytes=50_000))
    asks = [Ask(near, call()) for _ in range(3)]
    for got in [await far.got.get() for _ in asks]:
        got.answer(ok(b"x" * 40_000))
    answers = [await ask.first for ask in asks]
    assert [type(answer) for answer in answers] == [Reply, Reply, Fail]
    refused = answers[2]
    assert isinstance(refused, Fail)
    assert refused.code == OverloadedError.code


async def test_sender_that_can_wait_waits_until_there_is_room(open_side: OpenSide) -> None:
    left, right = memory_pair(room=1)
    near = open_side(left, Limits(queued_bytes=1000))
    for n in range(3):
        near.link.send(Events("e", n, [Event("p", "t", b"x" * 600)]))
    waiting = asyncio.ensure_future(near.link.writable())
    for _ in range(10):
        await asyncio.sleep(0)
    assert not waiting.done()
    open_side(right)
    await waiting


async def test_sender_that_waits_for_room_goes_on_when_the_link_is_lost(open_side: OpenSide) -> None:
    left, _right = memory_pair(room=1)
    near = open_side(left, Limits(queued_bytes=1000))
    for n in range(3):
        near.link.send(Events("e", n, [Event("p", "t", b"x" * 600)]))
    waiting = asyncio.ensure_future(near.link.writable())
    await left.close()
    await waiting


async def test_frames_that_are_not_the_link_s_own_are_handed_on_in_order(near: Side, far: Side) -> None:
    for n in range(5):
        near.link.send(Events("e", n, []))
    near.link.send(Topology({}))
    arrived = [await far.frames.get() for _ in range(6)]
    assert [frame.first for frame in arrived if isinstance(frame, Events)] == [0, 1, 2, 3, 4]
    assert Topology({}) in arrived


# -- what a far side that keeps to nothing may send ---------------------------------------------------------------


async def test_unknown_kind_of_frame_is_answered_with_fail_and_the_link_goes_on(near: Side, ends: Ends) -> None:
    await ends.far.send(msgspec.msgpack.encode(["teleport", 5, "x"]))
    fail = decode(await ends.far.receive())
    assert isinstance(fail, Fail)
    assert (fail.id, fail.code) == (5, ProtocolError.code)
    await ends.far.send(encode(Ping(1.5)))
    assert decode(await ends.far.receive()) == Pong(1.5)


async def test_unknown_kind_of_frame_with_other_fields_is_answered_with_fail_too(near: Side, ends: Ends) -> None:
    await ends.far.send(msgspec.msgpack.encode(["teleport", "x", 5]))
    fail = decode(await ends.far.receive())
    assert isinstance(fail, Fail)
    assert fail.code == ProtocolError.code


async def test_call_with_a_wrong_field_is_answered_with_fail(near: Side, ends: Ends) -> None:
    await ends.far.send(msgspec.msgpack.encode(["call", 5, "", "GET", 7]))
    fail = decode(await ends.far.receive())
    assert isinstance(fail, Fail)
    assert (fail.id, fail.code, fail.status) == (5, ProtocolError.code, 502)
    assert near.got.empty()


@pytest.mark.parametrize("kind", ["reply", "fail"])
async def test_answer_that_cannot_be_read_ends_its_call(near: Side, ends: Ends, kind: str) -> None:
    ask = Ask(near, call())
    await ends.far.receive()
    await ends.far.send(msgspec.msgpack.encode([kind, ask.id, ["wrong"]]))
    answer = await ask.first
    assert isinstance(answer, Fail)
    assert (answer.id, answer.code) == (ask.id, ProtocolError.code)


@pytest.mark.parametrize("garbage", [b"", b"\xc1", b"GET / HTTP/1.1\r\n", msgspec.msgpack.encode({"a": 1})])
async def test_garbage_is_answered_with_bye_and_ends_the_link(near: Side, ends: Ends, garbage: bytes) -> None:
    ask = Ask(near, call())
    await ends.far.receive()
    await ends.far.send(garbage)
    bye = decode(await ends.far.receive())
    assert isinstance(bye, Bye)
    assert bye.code == ProtocolError.code
    await near.running
    assert "can't be read" in near.link.closed.result().reason
    assert isinstance(ask.answers[0], Fail)


async def test_same_id_twice_begins_one_call_and_refuses_the_other(near: Side, ends: Ends) -> None:
    asked = encode(Call(id=5, endpoint="", method="GET", path="/p/x"))
    await ends.far.send(asked)
    await ends.far.send(asked)
    fail = decode(await ends.far.receive())
    assert isinstance(fail, Fail)
    assert (fail.id, fail.code) == (5, ProtocolError.code)
    assert near.got.qsize() == 1


async def test_answer_to_a_call_that_never_was_is_dropped(near: Side, far: Side) -> None:
    far.link.send(Reply(id=4711, status=200))
    far.link.send(Fail(id=4711, code="internal", message="x"))
    await echo(near, far)


# -- is the far side there? ---------------------------------------------------------------------------------------


async def test_pings_measure_the_round_trip(ends: Ends, open_side: OpenSide) -> None:
    near = open_side(ends.near, Limits(ping_interval=0.005, suspect_after=30, lost_after=60))
    ping = decode(await ends.far.receive())
    assert isinstance(ping, Ping)
    await ends.far.send(encode(Pong(ping.time)))
    await ends.far.receive()  # the next ping goes out after the pong was read
    await ends.far.receive()
    assert near.link.liveness.round_trip is not None
    assert 0 <= near.link.liveness.round_trip < 5


async def test_ping_is_answered_with_its_own_time(near: Side, ends: Ends) -> None:
    await ends.far.send(encode(Ping(123.25)))
    assert decode(await ends.far.receive()) == Pong(123.25)


async def test_silent_far_side_is_suspect_and_then_lost(ends: Ends, open_side: OpenSide) -> None:
    near = open_side(ends.near, Limits(ping_interval=0.01, suspect_after=0.02, lost_after=0.06))
    ask = Ask(near, call())
    assert await near.states.get() == "suspect"
    assert not ask.answers
    await near.running
    assert "nothing was heard for 0.06 s" in near.link.closed.result().reason
    assert isinstance(ask.answers[0], Fail)


async def test_far_side_that_speaks_again_is_present_again(ends: Ends, open_side: OpenSide) -> None:
    near = open_side(ends.near, Limits(ping_interval=0.01, suspect_after=0.02, lost_after=60))
    assert await near.states.get() == "suspect"
    await ends.far.send(encode(Topology({})))
    assert await near.states.get() == "present"
    await near.frames.get()
    assert await near.states.get() == "suspect"


async def test_links_that_only_ping_each_other_stay_present(ends: Ends, open_side: OpenSide) -> None:
    limits = Limits(ping_interval=0.005, suspect_after=10, lost_after=20)
    near, far = open_side(ends.near, limits), open_side(ends.far, limits)
    while near.link.liveness.round_trip is None or far.link.liveness.round_trip is None:
        await asyncio.sleep(0.005)
    assert near.states.empty()
    assert far.states.empty()
