"""A call with streams, at its caller: what is left in the middle, what fails, and what is told to the far side."""

from __future__ import annotations

import asyncio
import gzip
import io
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from orbit_jupyter.client.exchange import TWO_WAY, AsyncExchange, Body, length_of
from orbit_jupyter.link import Answer, Limits, Link, Onward, memory_pair
from orbit_jupyter.protocol import (
    CHUNK,
    WINDOW,
    Call,
    CallCancelledError,
    Cancel,
    Credit,
    Data,
    EndpointDisconnectedError,
    Fail,
    OrbitError,
    Reply,
)

LIMITS = Limits(ping_interval=60, suspect_after=60, lost_after=60)


class Far:
    """A link whose far side answers what the test says, and keeps what it heard."""

    def __init__(self) -> None:
        left, right = memory_pair()
        self.near = Link(left, on_call=lambda _call, _answer: None, limits=LIMITS)
        self.far = Link(right, on_call=self._on_call, limits=LIMITS)
        self.running = [asyncio.ensure_future(self.near.run()), asyncio.ensure_future(self.far.run())]
        self.said: list[Cancel | Data | Credit] = []
        self.calls: list[tuple[Call, Answer]] = []
        self.news = asyncio.Event()
        self.first: list[Reply | Fail | Data | Credit] = []

    def _on_call(self, call: Call, answer: Answer) -> Onward:
        self.calls.append((call, answer))
        for frame in self.first:
            answer(frame)
        self.news.set()
        return self._heard

    def _heard(self, frame: Cancel | Data | Credit) -> None:
        self.said.append(frame)
        if isinstance(frame, Cancel):
            self.calls[-1][1](Fail(0, "cancelled", "the call was cancelled"))
        self.news.set()

    async def until(self, kind: type) -> None:
        """Wait until something of a kind was heard in the last call."""
        while not any(isinstance(frame, kind) for frame in self.said):
            self.news.clear()
            await asyncio.wait_for(self.news.wait(), 10)

    def exchange(self, body: Body = None) -> AsyncExchange:
        async def link(_: float) -> Link:
            return self.near

        call = Call(id=0, endpoint="hpc1", method="PUT", path="/p/x", time_left=60.0, trace="0123456789ab")
        return AsyncExchange(link, call, body)


@pytest_asyncio.fixture
async def far() -> AsyncIterator[Far]:
    before = asyncio.all_tasks()
    stage = Far()
    yield stage
    await asyncio.gather(stage.near.close(), stage.far.close())
    await asyncio.gather(*stage.running)
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not left, "a task of an exchange outlived it"


def for_ever() -> Iterator[bytes]:
    while True:
        yield bytes(CHUNK)


@pytest.mark.asyncio
async def test_left_before_its_end_it_is_cancelled_and_its_body_is_not_read_on(far: Far) -> None:
    far.first = [Reply(0, 200, more=True), Data(0, b"some")]
    taken: list[bytes] = []

    async def body() -> AsyncIterator[bytes]:
        for piece in for_ever():
            taken.append(piece)
            yield piece

    async with far.exchange(body()) as talk:
        assert await talk.__aiter__().__anext__() == b"some"
        while len(taken) < WINDOW // CHUNK + 1:
            await asyncio.sleep(0.001)
    await far.until(Cancel)
    assert len(taken) == WINDOW // CHUNK + 1
    with pytest.raises(CallCancelledError):
        await asyncio.wait_for(talk.read(), 10)
    with pytest.raises(CallCancelledError):
        await talk.write(b"more")


@pytest.mark.asyncio
async def test_cancelled_while_it_waits_for_the_head_it_is_cancelled_at_the_far_side(far: Far) -> None:
    entering = asyncio.ensure_future(far.exchange(for_ever()).__aenter__())
    await far.until(Data)
    entering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await entering
    await far.until(Cancel)


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["file", "iterator", "coroutines"])
async def test_a_body_that_cannot_be_read_raises_what_it_raised(far: Far, kind: str) -> None:
    class Torn(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise ZeroDivisionError

    def iterator() -> Iterator[bytes]:
        yield b"some"
        raise ZeroDivisionError

    async def coroutines() -> AsyncIterator[bytes]:
        for piece in iterator():
            yield piece

    bodies: dict[str, Any] = {"file": Torn(), "iterator": iterator(), "coroutines": coroutines()}
    with pytest.raises(ZeroDivisionError):
        async with far.exchange(bodies[kind]):
            pass
    await far.until(Cancel)


@pytest.mark.asyncio
async def test_a_body_that_breaks_while_the_answer_comes_ends_the_answer_with_its_own_reason(far: Far) -> None:
    far.first = [Reply(0, 200, more=True)]
    torn = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"some"
        await torn.wait()
        raise ZeroDivisionError("no more of it")

    async with far.exchange(body()) as talk:
        torn.set()
        await far.until(Cancel)
        for _ in range(2):  # also when the far side's word of the cancel has come
            with pytest.raises(OrbitError, match="no more of it"):
                await talk.read()
            await asyncio.sleep(0.01)


@pytest.mark.asyncio
async def test_an_answer_before_the_end_of_the_body_ends_the_body(far: Far) -> None:
    far.first = [Reply(0, 201, {"a": "b"}, b"done")]
    async with far.exchange(for_ever()) as talk:
        assert (talk.status, talk.headers) == (201, {"a": "b"})
        assert await talk.read() == b"done"
        assert [piece async for piece in talk] == []
    assert not any(isinstance(frame, Cancel) for frame in far.said)


@pytest.mark.asyncio
async def test_a_link_that_goes_down_ends_reading_and_writing(far: Far) -> None:
    far.first = [Reply(0, 200, more=True), Data(0, b"some")]
    async with far.exchange(TWO_WAY) as talk:
        writing = asyncio.ensure_future(talk.write(bytes(2 * WINDOW)))
        await far.until(Data)
        far.near.down("cut by the test")
        with pytest.raises(EndpointDisconnectedError, match="cut by the test"):
            await writing
        pieces = talk.__aiter__()
        assert await pieces.__anext__() == b"some"
        with pytest.raises(EndpointDisconnectedError, match="cut by the test"):
            await pieces.__anext__()


def test_the_length_is_said_only_where_it_is_that_of_what_is_read(tmp_path: Path) -> None:
    plain, packed = tmp_path / "plain", tmp_path / "packed.gz"
    plain.write_bytes(bytes(1000))
    with gzip.open(packed, "wb") as file:
        file.write(bytes(1000))
    with plain.open("rb") as file:
        file.seek(400)
        assert length_of(file) == 600
    with plain.open("rb", buffering=0) as unbuffered:
        assert length_of(unbuffered) == 1000
    with gzip.open(packed) as unpacked:
        assert length_of(unpacked) is None
    with Path(os.devnull).open("rb") as device:
        assert length_of(device) is None
    assert length_of(io.BytesIO(b"abc")) is None
    assert length_of(b"abc") == 3
    assert length_of([b"abc"]) is None
