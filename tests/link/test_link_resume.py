"""A connection that outlives its sockets: nothing twice, nothing lost, whatever breaks when."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from orbit_jupyter.link import Address, Down, Limits, Link, memory_pair, whole_answer, whole_call
from orbit_jupyter.link.delivery import TELL_FRAMES, Delivery
from orbit_jupyter.link.websocket import dial
from orbit_jupyter.protocol import MAX_FRAME, WINDOW, Call, Cancel, Credit, Data, Fail, Reply, Subscribe, encode

RESUMABLE = Limits(ping_interval=60, suspect_after=60, lost_after=60, resume_for=60)


def call(**more: Any) -> Call:
    return Call(**{"id": 0, "endpoint": "", "method": "GET", "path": "/p/x", "time_left": 60.0, **more})


def test_delivery_keeps_what_has_not_arrived() -> None:
    ours = Delivery()
    for n in range(5):
        ours.sent(b"%d" % n)
    ours.acknowledged(2)
    assert ours.kept_bytes == 3
    assert [ours.possible(n) for n in (1, 2, 5, 6)] == [False, True, True, False]
    assert list(ours.again(3)) == [b"3", b"4"]
    assert list(ours.again(3)) == [b"3", b"4"]
    ours.acknowledged(1)
    assert ours.kept_bytes == 2


def test_delivery_tells_now_and_then_what_has_come() -> None:
    theirs = Delivery()
    due = [theirs.arrived(1) for _ in range(TELL_FRAMES)]
    assert due == [False] * (TELL_FRAMES - 1) + [True]
    assert theirs.told() == TELL_FRAMES
    assert theirs.arrived(2**20)


class Pair:
    """Two links, and the socket between them that breaks when the test says."""

    def __init__(self, limits: Limits = RESUMABLE, **near: Any) -> None:
        self.got: list[tuple[Call, Any]] = []
        self.frames: list[Any] = []
        self.states: list[str] = []
        left, right = memory_pair()
        self.ends = left, right
        self.near = Link(
            left, on_call=lambda _call, _answer: None, limits=limits, on_state=self.states.append, **near
        )
        self.far = Link(right, on_call=self._on_call, on_frame=self.frames.append, limits=limits)
        self.tasks = [asyncio.ensure_future(self.near.run()), asyncio.ensure_future(self.far.run())]

    def _on_call(self, call: Call, answer: Any) -> Any:
        return whole_call(call, answer, self._begin)

    def _begin(self, call: Call, answer: Any) -> None:
        self.got.append((call, answer))
        if call.path == "/p/echo":
            answer(Reply(0, 200, body=call.body))

    async def cut(self) -> None:
        for end in self.ends:
            await end.close()
        await asyncio.gather(*self.tasks)

    def join(self) -> bool:
        """Do what Hello and Welcome do, over a new socket."""
        self.ends = left, right = memory_pair()
        told_near, told_far = self.near.received, self.far.received
        joined = self.far.attach(right, told_near) and self.near.attach(left, told_far)
        self.tasks = [asyncio.ensure_future(self.near.run()), asyncio.ensure_future(self.far.run())]
        return joined

    async def until(self, count: int) -> None:
        for _ in range(2000):
            if len(self.got) >= count:
                return
            await asyncio.sleep(0.001)
        raise AssertionError(f"{len(self.got)} of {count} calls came")

    async def close(self) -> None:
        await asyncio.gather(self.near.close(), self.far.close())
        await asyncio.gather(*self.tasks, return_exceptions=True)


@pytest.mark.asyncio
async def test_a_call_in_flight_is_answered_over_the_next_socket() -> None:
    pair = Pair()
    asked = asyncio.ensure_future(pair.near.request(call()))
    await pair.until(1)
    await pair.cut()
    assert not asked.done()
    assert (pair.near.attached, pair.near.state) == (False, "suspect")
    pair.got[0][1](Reply(0, 200, body=b"made while there was no socket"))
    assert pair.join()
    assert (await asyncio.wait_for(asked, 10)).body == b"made while there was no socket"
    assert pair.states == ["suspect", "present"]
    await pair.close()


@pytest.mark.asyncio
async def test_calls_made_without_a_socket_wait_for_the_next() -> None:
    pair = Pair()
    await pair.cut()
    asked = [asyncio.ensure_future(pair.near.request(call(path="/p/echo", body=b"%d" % n))) for n in range(50)]
    await asyncio.sleep(0.01)
    assert not pair.got
    pair.join()
    assert [reply.body for reply in await asyncio.gather(*asked)] == [b"%d" % n for n in range(50)]
    assert len(pair.got) == 50
    await pair.close()


@pytest.mark.asyncio
async def test_without_a_next_socket_it_goes_down_and_its_calls_end() -> None:
    pair = Pair(Limits(ping_interval=60, resume_for=0.05))
    asked = asyncio.ensure_future(pair.near.request(call()))
    await pair.until(1)
    await pair.cut()
    with pytest.raises(Exception, match=r"not back after 0\.05 s"):
        await asyncio.wait_for(asked, 10)
    assert isinstance(await pair.far.closed, Down)
    assert not pair.join()


@pytest.mark.asyncio
async def test_a_far_side_that_speaks_of_another_connection_is_not_joined() -> None:
    pair = Pair()
    await pair.near.request(call(path="/p/echo"))
    await pair.cut()
    left, _ = memory_pair()
    assert not pair.near.attach(left, 99)
    assert not pair.near.can_resume(-1)
    assert pair.join()
    await pair.close()


@pytest.mark.asyncio
async def test_what_comes_over_a_socket_that_was_taken_over_is_dropped() -> None:
    pair = Pair()
    stale = pair.ends[1]
    pair.near.lost(pair.ends[0], "half-open")
    pair.far.detach()
    pair.far.feed(encode(Subscribe(7)), stale)
    await asyncio.gather(*pair.tasks)
    assert pair.join()
    pair.near.send(Subscribe(8))
    await pair.near.request(call(path="/p/echo"))
    assert pair.frames == [Subscribe(8)]
    await pair.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("seed", range(12))
async def test_sockets_that_break_at_random_cost_no_call_and_double_none(seed: int) -> None:
    chance = random.Random(seed)
    pair = Pair()
    answered: dict[int, list[Reply | Fail]] = {n: [] for n in range(120)}
    bodies = {n: b"%06d" % n * chance.choice([1, 1, 1, 50_000, 400_000]) for n in answered}
    made = 0
    while made < len(answered) or not all(answered.values()):
        for _ in range(chance.randrange(1, 15)):
            if made < len(answered):
                asked = call(path="/p/echo", body=bodies[made])
                ids: list[int] = []

                def more(frame: Cancel | Data | Credit, ids: list[int] = ids) -> None:
                    pair.near.onward(ids[0], frame)

                ids.append(pair.near.call(asked, whole_answer(answered[made].append, more, 2**30)))
                made += 1
        for _ in range(chance.randrange(0, 30)):
            await asyncio.sleep(0)
        if chance.random() < 0.7:
            # What is on the way when a socket breaks is lost with it.
            for end in pair.ends:
                arrived = chance.randrange(0, end._inbox.qsize() + 1)
                kept = [end._inbox.get_nowait() for _ in range(arrived)]
                while not end._inbox.empty():
                    end._inbox.get_nowait()
                for message in kept:
                    end._inbox.put_nowait(message)
            await pair.cut()
            assert pair.join()
        await asyncio.sleep(0.001)
    for n, answers in answered.items():
        (reply,) = answers
        assert isinstance(reply, Reply), reply
        assert reply.body == bodies[n]
    assert sorted(len(got.body) for got, _ in pair.got) == sorted(len(body) for body in bodies.values())
    await pair.close()


@pytest.mark.asyncio
async def test_what_is_kept_is_bounded_by_making_the_writer_wait() -> None:
    pair = Pair()
    deaf = memory_pair(room=100_000)
    await pair.cut()
    assert pair.near.attach(deaf[0], pair.far.received)
    reading = asyncio.ensure_future(pair.near.run())
    for _ in range(60):
        pair.near.call(call(body=bytes(WINDOW)), lambda _: None)
    await asyncio.sleep(0.05)
    delivery = pair.near._delivery
    assert delivery is not None
    assert 8 * 2**20 < delivery.kept_bytes < 9 * 2**20
    await deaf[0].close()
    await reading
    await pair.close()


@pytest.mark.asyncio
async def test_two_who_probe_at_once_both_hear_the_answer() -> None:
    pair = Pair()
    assert all(await asyncio.gather(pair.near.probe(10), pair.near.probe(10)))
    await pair.close()


@pytest.mark.asyncio
async def test_a_probe_of_a_far_side_that_is_silent_fails() -> None:
    left, _right = memory_pair()
    link = Link(left, on_call=lambda _call, _answer: None, limits=RESUMABLE)
    assert not await link.probe(0.01)
    await link.close()


@pytest.mark.asyncio
async def test_what_is_sent_while_frames_are_sent_again_comes_after_them() -> None:
    pair = Pair()
    await pair.cut()
    for n in range(50):
        pair.near.send(Subscribe(n))
    # All of it goes out, and none of it arrives.
    deaf = memory_pair(room=1000)
    assert pair.near.attach(deaf[0], pair.far.received)
    while deaf[1]._inbox.qsize() < 50:
        await asyncio.sleep(0)
    pair.near.lost(deaf[0], "cut by the test")
    assert pair.join()
    pair.near.send(Subscribe(50))  # before the writer had its turn
    await pair.near.request(call(path="/p/echo"))
    assert pair.frames == [Subscribe(n) for n in range(51)]
    await pair.close()


@pytest.mark.asyncio
async def test_a_message_that_waits_for_room_is_not_overtaken() -> None:
    left, right = memory_pair(room=1)
    assert left.send_now(b"1")
    waiting = asyncio.ensure_future(left.send(b"2"))
    await asyncio.sleep(0.01)
    assert await right.receive() == b"1"
    assert not left.send_now(b"3")
    await waiting
    assert await right.receive() == b"2"
    assert left.send_now(b"3")


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["call", "reply", "fail", "other"])
async def test_a_frame_that_no_socket_takes_is_never_sent(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    # It would break each socket that it was sent over again, for ever.
    pair = Pair()
    long = "x" * MAX_FRAME
    answers: list[Any] = []
    if kind == "other":
        pair.near.send(Subscribe(1, topic=long))
        assert "a frame is dropped" in caplog.text
    elif kind == "call":
        pair.near.call(call(query=long), answers.append)
    else:
        pair.near.call(call(), answers.append)
        await pair.until(1)
        pair.got[0][1](Reply(0, 200, {"x-orbit-a": long}) if kind == "reply" else Fail(0, "internal", long))
    await pair.near.request(call(path="/p/echo"))
    assert [(answer.code, answer.status) for answer in answers] == [("too-large", 413)] * (kind != "other")
    assert pair.frames == []
    await pair.close()


@pytest.mark.asyncio
async def test_a_half_open_socket_that_is_full_is_given_up_and_the_connection_waits_for_another() -> None:
    gone = asyncio.Event()

    async def deaf(connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        await gone.wait()
        connection.transport.abort()

    async with serve(deaf, "127.0.0.1", 0, compression=None) as server:
        transport = await dial(Address(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"), "client")
        limits = Limits(ping_interval=0.05, suspect_after=1, lost_after=60, resume_for=60, redial_after=0.1)
        link = Link(transport, on_call=lambda _call, _answer: None, limits=limits)
        for _ in range(30):
            link.call(call(body=bytes(WINDOW)), lambda _: None)
        assert await asyncio.wait_for(link.run(), 30) is None
        assert (link.attached, link.closed.done()) == (False, False)
        await link.close()
        gone.set()
