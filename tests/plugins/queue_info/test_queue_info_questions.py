"""A question that is slow to answer: asked once, kept for a while, never waited for without an end."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from stage import wait_until

from orbit_jupyter.plugin import PluginError
from orbit_plugins.queue_info.questions import RETRY, STALE, Question, Turns

LIMIT = 30


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Source:
    """Answers 1, 2, 3, …; waits and fails as it is told."""

    def __init__(self) -> None:
        self.count = 0
        self.going, self.entered = threading.Event(), threading.Semaphore(0)
        self.going.set()
        self.failure: Exception | None = None

    def __call__(self) -> int:
        self.count += 1
        count = self.count
        self.entered.release()
        assert self.going.wait(LIMIT)
        if self.failure is not None:
            raise self.failure
        return count

    async def is_asked(self) -> None:
        assert await asyncio.to_thread(self.entered.acquire, True, LIMIT)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def turns(source: Source) -> Iterator[Turns]:
    """One at a time."""
    threads = ThreadPoolExecutor(4)
    yield Turns(threads, 1, LIMIT)
    source.going.set()
    threads.shutdown()


@pytest.fixture
def question(source: Source, turns: Turns, clock: Clock) -> Question[int]:
    return Question("the number", source, 60, turns, clock)


@pytest.mark.asyncio
async def test_an_answer_is_given_again_until_its_time_is_over(question: Question[int], clock: Clock) -> None:
    assert (await question.answer()).value == 1
    clock.now += 59
    again = await question.answer()
    assert (again.value, again.age, again.stale) == (1, 59, None)
    clock.now += 2
    assert (await question.answer()).value == 2


@pytest.mark.asyncio
async def test_force_asks_now(question: Question[int], clock: Clock) -> None:
    await question.answer()
    clock.now += 1
    forced = await question.answer(force=True)
    assert (forced.value, forced.age) == (2, 0)
    assert (await question.answer()).value == 2


@pytest.mark.asyncio
async def test_however_many_ask_at_once_it_is_asked_once(question: Question[int], source: Source) -> None:
    source.going.clear()
    waiting = [asyncio.ensure_future(question.answer()) for _ in range(50)]
    await source.is_asked()
    waiting += [asyncio.ensure_future(question.answer()) for _ in range(50)]
    await asyncio.sleep(0)
    source.going.set()
    answers = await asyncio.gather(*waiting)
    assert ({answer.value for answer in answers}, source.count) == ({1}, 1)


@pytest.mark.asyncio
async def test_who_forces_gets_nothing_that_was_asked_before_he_came(
    question: Question[int], source: Source, clock: Clock
) -> None:
    """The query under way may not know yet of the job that he has submitted; those who force share the next."""
    source.going.clear()
    early = asyncio.ensure_future(question.answer())
    await source.is_asked()
    clock.now += 1
    forced = [asyncio.ensure_future(question.answer(force=True)) for _ in range(20)]
    await asyncio.sleep(0)
    source.going.set()
    assert (await early).value == 1
    assert {answer.value for answer in await asyncio.gather(*forced)} == {2}
    assert source.count == 2


@pytest.mark.asyncio
async def test_what_was_asked_before_a_change_is_old(
    question: Question[int], source: Source, clock: Clock
) -> None:
    source.going.clear()
    early = asyncio.ensure_future(question.answer())
    await source.is_asked()
    clock.now += 1
    question.outdate()
    late = asyncio.ensure_future(question.answer())
    await asyncio.sleep(0)
    source.going.set()
    assert ((await early).value, (await late).value) == (1, 2)
    assert (await question.answer()).value == 2


@pytest.mark.asyncio
async def test_where_there_is_no_answer_the_failure_is_raised_and_not_tried_again_at_once(
    question: Question[int], source: Source, clock: Clock
) -> None:
    source.failure = PluginError("away", status=503, transient=True)
    for _ in range(3):
        with pytest.raises(PluginError, match="away") as raised:
            await question.answer()
        assert (raised.value.status, raised.value.transient) == (503, True)
    assert source.count == 1
    clock.now += 1
    with pytest.raises(PluginError, match="away"):
        await question.answer(force=True)
    assert source.count == 2
    source.failure = None
    clock.now += RETRY + 1
    assert (await question.answer()).value == 3


@pytest.mark.asyncio
async def test_an_old_answer_is_better_than_none_and_says_that_it_is_old(
    question: Question[int], source: Source, clock: Clock
) -> None:
    await question.answer()
    source.failure = PluginError("away", status=503, transient=True)
    clock.now += STALE - 1
    old = await question.answer()
    assert (old.value, old.age, old.stale) == (1, STALE - 1, "away")
    with pytest.raises(PluginError, match="away"):
        await question.answer(force=True)  # who forces wants no old one
    clock.now += 2
    with pytest.raises(PluginError, match="away"):
        await question.answer()  # too old to be of use


@pytest.mark.asyncio
async def test_failure_is_logged_once_and_its_end_too(
    question: Question[int], source: Source, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    source.failure = PluginError("away")
    with caplog.at_level(logging.INFO, "orbit.queue_info"):
        for _ in range(3):
            with pytest.raises(PluginError):
                await question.answer(force=True)
            clock.now += 1
        source.failure = None
        await question.answer(force=True)
        clock.now += 1
        await question.answer(force=True)
    assert [record.getMessage() for record in caplog.records] == [
        "the number can't be had: away",
        "the number can be had again",
    ]


@pytest.mark.asyncio
async def test_nobody_waits_for_longer_than_the_patience(
    question: Question[int], turns: Turns, source: Source
) -> None:
    turns.patience = 0.05
    source.going.clear()
    with pytest.raises(PluginError, match=r"the number: .* hasn't answered within 0\.05 s") as raised:
        await question.answer()
    assert (raised.value.status, raised.value.transient) == (503, True)
    source.going.set()
    # The query goes on, and its answer is there for who comes next.
    await asyncio.to_thread(wait_until, lambda: not question.busy, "the query is over")
    assert ((await question.answer()).value, source.count) == (1, 1)


@pytest.mark.asyncio
async def test_an_old_answer_is_given_where_the_new_one_takes_too_long(
    question: Question[int], turns: Turns, source: Source, clock: Clock
) -> None:
    await question.answer()
    turns.patience = 0.05
    source.going.clear()
    clock.now += 61
    answer = await question.answer()
    assert (answer.value, answer.age) == (1, 61)
    assert "hasn't answered within" in str(answer.stale)


@pytest.mark.asyncio
async def test_one_who_goes_away_takes_the_query_from_nobody(question: Question[int], source: Source) -> None:
    source.going.clear()
    first = asyncio.ensure_future(question.answer())
    await source.is_asked()
    second = asyncio.ensure_future(question.answer())
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    source.going.set()
    assert (await second).value == 1
    assert source.count == 1


@pytest.mark.asyncio
async def test_what_hangs_keeps_its_place(turns: Turns, source: Source) -> None:
    """Else each try would take one more thread, until there are none."""
    turns.patience = 0.05
    source.going.clear()
    with pytest.raises(PluginError, match="hanging: the batch system hasn't answered"):
        await turns.act(source, "hanging")
    await source.is_asked()
    second = Source()
    with pytest.raises(PluginError, match="waiting: the batch system hasn't answered"):
        await turns.act(second, "waiting")
    assert second.count == 0
    source.going.set()
    turns.patience = LIMIT
    assert await turns.act(lambda: 7, "free") == 7
    assert second.count == 0  # nobody waits for it any more


@pytest.mark.asyncio
async def test_who_waits_at_the_end_is_told(question: Question[int], turns: Turns, source: Source) -> None:
    source.going.clear()
    waiting = asyncio.ensure_future(question.answer())
    await source.is_asked()
    turns.close()
    with pytest.raises(PluginError, match="the endpoint is ending"):
        await asyncio.wait_for(waiting, LIMIT)
