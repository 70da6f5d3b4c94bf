"""Asking something slow: one query at a time for each question, its answer kept, and no wait without an end.

All of this lives on one event loop; only what asks runs in threads.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from orbit_jupyter.plugin import OrbitError, PluginError, run_in_thread

log = logging.getLogger("orbit.queue_info")

T = TypeVar("T")

RETRY = 5.0
"""Seconds after a failure in which the question isn't asked again, unless somebody forces it."""

STALE = 600.0
"""Seconds for which an old answer is given where there is no new one."""


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What is known.

    Attributes
    ----------
    age
        Seconds since it was asked for.
    stale
        Why nothing newer is known; None: it is fresh.
    """

    value: T
    age: float
    stale: str | None = None


class Turns:
    """Runs blocking functions in threads: a few at once, and none is waited for beyond a deadline.

    A function that hangs keeps its place until it returns, so that it never takes more threads than these.

    Parameters
    ----------
    threads
        Where they run.
    at_once
        How many of them; more wait for their turn.
    patience
        Seconds that one who asks waits, its turn included.
    """

    def __init__(self, threads: Executor, at_once: int, patience: float) -> None:
        self._threads, self.patience = threads, patience
        self._places = asyncio.Semaphore(at_once)
        self._tasks: set[asyncio.Task[Any]] = set()

    def begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Return work as a task, which goes on when nobody waits for it any more."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waits for it has it; nobody has to

    async def ask(self, function: Callable[[], T], began: Callable[[], None] = lambda: None) -> T:
        """Run a function when its turn has come, which `began` is told; to be given to `begin`."""
        async with self._places:
            began()
            return await run_in_thread(self._threads, function)

    async def act(self, function: Callable[[], T], what: str) -> T:
        """Run a function and return its result. One whose turn has not come in time is never run.

        Raises
        ------
        PluginError
            If it takes too long: status 503, transient. What has begun goes on.
        """
        began = asyncio.Event()
        task = self.begin(self.ask(function, began.set))
        try:
            await asyncio.wait({task}, timeout=self.patience)
        finally:
            if not began.is_set():
                task.cancel()
        if not task.done():
            raise too_slow(what, self.patience)
        return task.result()

    def close(self) -> None:
        """Wait for nothing any more; what runs in a thread ends at its own deadline."""
        for task in self._tasks:
            task.cancel()


class Question(Generic[T]):
    """One question, its last answer, and the query that is under way.

    Parameters
    ----------
    what
        It in words, for messages.
    ask
        Returns the answer; blocks.
    good_for
        Seconds for which an answer is given again.
    turns
        Run `ask`.
    clock
        Seconds, for tests.
    """

    def __init__(
        self,
        what: str,
        ask: Callable[[], T],
        good_for: float,
        turns: Turns,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what, self._ask, self._good_for = what, ask, good_for
        self._turns, self._clock = turns, clock
        self._kept: tuple[float, T] | None = None  # when it was asked for
        self._failed: tuple[float, float, Exception] | None = None  # when it was asked, when it failed
        self._changed = -float("inf")
        self._query: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether it is being asked just now."""
        return self._query is not None

    def outdate(self) -> None:
        """Take what is known for old: something was changed. A query that is under way may not know of it yet."""
        self._changed = self._clock()

    async def answer(self, force: bool = False, good_for: float | None = None) -> Answer[T]:
        """Return what is known, or ask.

        Parameters
        ----------
        force
            Whether to ask now, also where the last answer is good. Who forces is never given an old one.
        good_for
            Seconds for which an answer is good this time; None: as long as usual.

        Raises
        ------
        Exception
            As `ask` fails, where there is no answer to fall back on; `PluginError` (503, transient) where it takes
            too long.
        """
        came = self._clock()
        usual = self._good_for if good_for is None else good_for
        since = came if force else max(came - usual, self._changed)
        while (value := self._since(since)) is None:
            error = self._refusal(since if force else None)
            if error is None:
                # One that began before `since` doesn't count: then the next turn of the loop begins another.
                error = await self._turn(came + self._turns.patience)
            if error is not None:
                return self._old(error, force)
        return value

    def _since(self, since: float) -> Answer[T] | None:
        if self._kept is None or self._kept[0] < since:
            return None
        return Answer(self._kept[1], max(0.0, self._clock() - self._kept[0]))

    def _refusal(self, since: float | None) -> Exception | None:
        """Return the failure that answers who came: one of a query since then, or one of just now."""
        if self._failed is None:
            return None
        began, ended, error = self._failed
        counts = ended > self._clock() - RETRY if since is None else began >= since
        return error if counts else None

    async def _turn(self, until: float) -> Exception | None:
        """Wait for the query that is under way, or a new one; return why not, where that takes too long."""
        query = self._query
        if query is None:
            query = self._query = self._turns.begin(self._run())
        await asyncio.wait({query}, timeout=max(0.0, until - self._clock()))
        if query.cancelled():
            return PluginError(f"{self._what}: the endpoint is ending", status=503, transient=True)
        return None if query.done() else too_slow(self._what, self._turns.patience)

    async def _run(self) -> None:
        began = self._clock()

        def begin() -> None:
            nonlocal began
            began = self._clock()

        try:
            value = await self._turns.ask(self._ask, begin)
        except Exception as error:
            self._log(error)
            self._failed = began, self._clock(), error
        else:
            self._log(None)
            self._kept, self._failed = (began, value), None
        finally:
            self._query = None

    def _old(self, error: Exception, force: bool) -> Answer[T]:
        kept = None if force else self._since(self._clock() - STALE)
        if kept is None:
            # Everyone who waits raises the same one; each `raise` would make its traceback longer.
            raise error.with_traceback(None)
        return Answer(kept.value, kept.age, str(error) or type(error).__name__)

    def _log(self, error: Exception | None) -> None:
        # Once when it begins and once when it is over: a page asks every few seconds.
        known = self._failed is not None
        if error is not None and not known:
            trace = None if isinstance(error, OrbitError) else error
            log.warning("%s can't be had: %s", self._what, error, exc_info=trace)
        elif error is None and known:
            log.warning("%s can be had again", self._what)


def too_slow(what: str, seconds: float) -> PluginError:
    """Return the error of something that takes too long."""
    message = f"{what}: the batch system hasn't answered within {seconds:g} s; try again later"
    return PluginError(message, status=503, transient=True)
