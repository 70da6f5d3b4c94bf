"""What goes out first, and what never overtakes what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orbit_jupyter.link import Limits, memory_pair
from orbit_jupyter.link.lanes import BULK_BODY, Lane, Lanes, lane_of
from orbit_jupyter.protocol import (
    Ack,
    AnyFrame,
    Call,
    Cancel,
    Credit,
    Data,
    Events,
    Fail,
    Hello,
    Listeners,
    Ping,
    Plugins,
    Pong,
    Reply,
    Seen,
    Subscribe,
    Topology,
    Welcome,
    decode,
)

if TYPE_CHECKING:
    from .conftest import OpenSide

SMALL, BIG = b"x" * BULK_BODY, b"x" * (BULK_BODY + 1)


def call(body: bytes = b"", path: str = "/p/x") -> Call:
    return Call(id=0, endpoint="", method="GET", path=path, body=body, time_left=60)


@pytest.mark.parametrize(
    ("frame", "lane"),
    [
        (Ping(1.0), Lane.BEAT),
        (Pong(1.0), Lane.BEAT),
        (Seen(1), Lane.BEAT),
        (Cancel(1), Lane.CONTROL),
        (Credit(1, 1), Lane.CONTROL),
        (Ack("e", 1), Lane.CONTROL),
        (Hello("client", "x", "b"), Lane.CONTROL),
        (Welcome(1, "b", "b"), Lane.CONTROL),
        (Subscribe(1), Lane.CONTROL),
        (Topology({}), Lane.CONTROL),
        (Plugins({}), Lane.CONTROL),
        (Listeners([]), Lane.CONTROL),
        (call(SMALL), Lane.CALL),
        (Reply(1, 200, body=SMALL), Lane.CALL),
        (Fail(1, "internal", "x"), Lane.CALL),
        (Events("e", 1, []), Lane.EVENT),
        (call(BIG), Lane.BULK),
        (Reply(1, 200, body=BIG), Lane.BULK),
        (Data(1, b""), Lane.BULK),
    ],
)
def test_frame_travels_in_the_lane_of_its_kind_and_size(frame: AnyFrame, lane: Lane) -> None:
    assert lane_of(frame) is lane


Push = tuple[Lane, str, int]


@pytest.mark.parametrize(
    ("pushed", "popped"),
    [
        ([], ""),
        (
            [(Lane.BULK, "d", 1), (Lane.EVENT, "c", 0), (Lane.CALL, "b", 5), (Lane.CONTROL, "a", 0)],
            "abcd",
        ),
        ([(Lane.CALL, "a", 3), (Lane.CALL, "b", 1), (Lane.CALL, "c", 2)], "abc"),
        ([(Lane.EVENT, "a", 0), (Lane.EVENT, "b", 0)], "ab"),
        ([(Lane.BULK, "a", 1), (Lane.BULK, "b", 1), (Lane.BULK, "c", 1)], "abc"),
        # Three streams share bulk, each in its own order, however much one of them has queued.
        (
            [
                (Lane.BULK, "1", 1),
                (Lane.BULK, "2", 1),
                (Lane.BULK, "3", 1),
                (Lane.BULK, "a", 2),
                (Lane.BULK, "b", 2),
                (Lane.BULK, "X", 3),
            ],
            "1aX2b3",
        ),
    ],
)
def test_lanes_empty_in_order_and_bulk_fairly(pushed: list[Push], popped: str) -> None:
    lanes = Lanes()
    for lane, text, stream in pushed:
        lanes.push(lane, text.encode(), stream)
    assert lanes.size == len(popped)
    out = ""
    while (popped_next := lanes.pop()) is not None:
        out += popped_next[1].decode()
        assert lanes.size == len(popped) - len(out)
    assert out == popped


def test_new_stream_has_its_turn_after_one_piece_of_each_other() -> None:
    lanes = Lanes()
    for text in ("1", "2", "3"):
        lanes.push(Lane.BULK, text.encode(), 1)
    assert lanes.pop() == (Lane.BULK, b"1")
    lanes.push(Lane.BULK, b"new", 2)
    assert [lanes.pop() for _ in range(4)] == [*((Lane.BULK, data) for data in (b"2", b"new", b"3")), None]


async def sent(open_side: OpenSide, frames: list[AnyFrame]) -> list[AnyFrame]:
    """Return frames that are all queued before the first is written, in the order in which they arrive."""
    left, right = memory_pair()
    side = open_side(left)
    for frame in frames:
        side.link.send(frame)
    return [decode(await right.receive()) for _ in frames]


@pytest.mark.asyncio
async def test_small_call_overtakes_bulk_and_a_ping_overtakes_both(open_side: OpenSide) -> None:
    bulk = [Data(n, BIG) for n in range(3)]
    small, event, ping = Reply(9, 200), Events("e", 1, []), Ping(1.0)
    assert await sent(open_side, [*bulk, event, small, ping]) == [ping, small, event, *bulk]


@pytest.mark.asyncio
async def test_pieces_of_two_streams_take_turns_on_the_wire(open_side: OpenSide) -> None:
    first, second = [Data(1, bytes([n])) for n in range(3)], [Data(2, bytes([n])) for n in range(2)]
    arrived = await sent(open_side, [*first, *second])
    assert arrived == [first[0], second[0], first[1], second[1], first[2]]


@pytest.mark.asyncio
@pytest.mark.parametrize("body", [b"", SMALL, BIG], ids=["empty", "small", "bulk"])
async def test_cancel_never_overtakes_its_own_call(open_side: OpenSide, body: bytes) -> None:
    left, right = memory_pair()
    side = open_side(left)
    others = [side.link.call(call(body, "/p/other"), lambda _: None) for _ in range(3)]
    id = side.link.call(call(body), lambda _: None)
    side.link.cancel(id, "no")
    arrived = [decode(await right.receive()) for _ in range(len(others) + 2)]
    at = {type(frame): n for n, frame in enumerate(arrived) if isinstance(frame, Call | Cancel) and frame.id == id}
    assert at[Call] < at[Cancel]


@pytest.mark.asyncio
async def test_small_call_overtakes_bulk_that_fills_the_transport(open_side: OpenSide) -> None:
    left, right = memory_pair(room=1)
    near, far = open_side(left, Limits(queued_bytes=2**30)), open_side(right)
    for n in range(20):
        near.link.call(call(BIG, f"/p/bulk{n}"), lambda _: None)
    await far.got.get()  # the writer is at work: one is under way, one waits in the transport
    near.link.call(call(b"", "/p/small"), lambda _: None)
    before = 0
    while (await far.got.get()).call.path != "/p/small":
        before += 1
    assert before <= 3
