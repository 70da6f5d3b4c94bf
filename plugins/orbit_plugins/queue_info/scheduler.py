"""The batch system as the routes see it: every answer from the cache where it may be, else asked for once."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar

from orbit_jupyter.host.batch.model import BatchSystem, Ended, OwnAllocation, Queue
from orbit_jupyter.plugin import ConflictError, OrbitError, ResourceNotFoundError

from .access import groups_of, may_use, own_user
from .answers import Allocation, JobEntry, QueueEntry
from .entries import allocation, job_entry, queue_entry
from .job_ids import check_job_id, no_job
from .questions import Answer, Question, Turns

T = TypeVar("T")

EVERYBODY = "*"

QUEUES_GOOD_FOR = 60.0
"""Seconds for which queues and allocations are given again without asking."""

JOBS_GOOD_FOR = 10.0
"""Seconds for which jobs are."""

PATIENCE = 60.0
"""Seconds that a call waits for the batch system. Its programs have deadlines of their own, which are shorter."""

QUERIES, ACTIONS = 4, 4
"""How many programs may ask at once, and how many may cancel, hold or release; of the plugin's threads."""

WAITING = frozenset({"QUEUED", "HELD"})
FINAL = frozenset({"COMPLETED", "FAILED", "CANCELED"})

USERS = 64
"""Users whose jobs and allocations are remembered; one more, and those asked for the longest ago are forgotten."""


class Scheduler:
    """A batch system with a memory. Belongs to the loop that its coroutines run on.

    Parameters
    ----------
    batch
        The batch system.
    threads
        Where it is asked.
    saw
        Takes the queues each time they were asked for; called in one of the threads.
    patience
        Seconds that a call waits.
    """

    def __init__(
        self,
        batch: BatchSystem,
        threads: Executor,
        saw: Callable[[list[Queue]], None] = lambda _: None,
        patience: float = PATIENCE,
    ) -> None:
        self._batch, self._saw = batch, saw
        self.name = batch.name
        self.user = own_user()
        self._queries = Turns(threads, QUERIES, patience)
        self._actions = Turns(threads, ACTIONS, patience)
        self._queues = self._question("the queues", self._read_queues, QUEUES_GOOD_FOR)
        self._own = self._question("the endpoint's own allocation", batch.own_allocation, QUEUES_GOOD_FOR)
        self._nodes = self._question("the endpoint's own nodes", batch.nodelist, QUEUES_GOOD_FOR)
        self._jobs: OrderedDict[str, Question[list[JobEntry]]] = OrderedDict()
        self._accounts: OrderedDict[str, Question[list[Allocation]]] = OrderedDict()
        self._groups: OrderedDict[str, Question[list[str]]] = OrderedDict()

    # -- what there is -----------------------------------------------------------------------------------------

    async def queues(self, user: str | None = None, force: bool = False) -> Answer[dict[str, QueueEntry]]:
        """Return the queues that a user may use, by name.

        Parameters
        ----------
        user
            None: the endpoint's; ``*``: all queues, whoever may use them.
        force
            Whether to ask now.
        """
        answer = await self._queues.answer(force)
        if user == EVERYBODY:
            return answer
        user, found = user or self.user, answer.value
        accounts: list[str] = []
        groups: list[str] = []
        if any(queue["accounts"] for queue in found.values()):
            with contextlib.suppress(OrbitError):  # nobody knows them then
                accounts = [entry["account"] for entry in (await self.accounts(user)).value]
        if any(queue["groups"] for queue in found.values()):
            with contextlib.suppress(OrbitError):
                groups = (await self._groups_of(user).answer()).value
        usable = {name: queue for name, queue in found.items() if may_use(queue, user, accounts, groups)}
        return Answer(usable, answer.age, answer.stale)

    async def jobs(self, user: str | None = None, force: bool = False) -> Answer[list[JobEntry]]:
        """Return the jobs of a user that wait or run; see `queues`."""
        answer = await self._jobs_of(user or self.user).answer(force)
        live = [job for job in answer.value if job["common_state"] not in FINAL]
        return Answer(live, answer.age, answer.stale)

    async def jobs_in(self, queue: str, user: str | None = None, force: bool = False) -> Answer[list[JobEntry]]:
        """Return the jobs of a user in a queue; those that wait for one of several are in each of them.

        Raises
        ------
        ResourceNotFoundError
            There is no such queue.
        """
        queues = (await self._queues.answer(force)).value
        if queue not in queues:
            raise ResourceNotFoundError(f"there is no queue {queue!r}", available=queues)
        answer = await self.jobs(user, force)
        there = [job for job in answer.value if queue in job["partition"].split(",")]
        return Answer(there, answer.age, answer.stale)

    async def job(self, job_id: str, force: bool = False) -> tuple[Answer[JobEntry | None], Ended | None]:
        """Return a job of anybody's, and what accounting knows of it.

        Raises
        ------
        ResourceNotFoundError
            Neither the batch system nor accounting knows it.
        """
        check_job_id(job_id)
        for user in (self.user, EVERYBODY):
            answer = await self._jobs_of(user).answer(force)
            job = _named(job_id, answer.value)
            if job is not None:
                break
        native_id = job["native_id"] if job is not None else job_id
        ended = await self._queries.act(lambda: self._batch.ended([native_id]), f"accounting of job {job_id}")
        known = ended.get(native_id)
        if job is None and known is None:
            raise no_job(job_id)
        return Answer(job, answer.age, answer.stale), known

    async def accounts(self, user: str | None = None, force: bool = False) -> Answer[list[Allocation]]:
        """Return what a user may charge jobs to; see `queues`."""
        return await self._accounts_of(user or self.user).answer(force)

    async def own_allocation(self) -> OwnAllocation | None:
        """Return the allocation that the endpoint runs in."""
        return (await self._own.answer()).value

    async def nodelist(self) -> list[str]:
        """Return its nodes."""
        return (await self._nodes.answer()).value

    async def look(self, good_for: float) -> None:
        """Have the queues looked at, unless somebody did within so many seconds."""
        await self._queues.answer(good_for=good_for)

    def prefetch(self) -> None:
        """Ask in the background for what will be asked for first; who comes meanwhile waits for the same query."""
        for question in (self._queues, self._jobs_of(self.user), self._accounts_of(self.user)):
            # What fails is logged, and fails again for whoever asks.
            self._queries.begin(question.answer())

    # -- what can be done --------------------------------------------------------------------------------------

    async def cancel(self, job_id: str) -> None:
        """Cancel a job."""
        await self._act(self._batch.cancel, job_id, "cancelling")

    async def hold(self, job_id: str) -> None:
        """Keep a waiting job from starting.

        Raises
        ------
        ConflictError
            It runs already: Slurm would take that without a word, and nothing would be held.
        """
        check_job_id(job_id)
        job = _named(job_id, (await self._jobs_of(self.user).answer(force=True)).value)
        if job is not None and job["common_state"] not in WAITING:
            raise ConflictError(f"job {job_id} is {job['state']}; only one that waits can be held")
        await self._act(self._batch.hold, job_id, "holding")

    async def release(self, job_id: str) -> None:
        """Let a held job start."""
        await self._act(self._batch.release, job_id, "releasing")

    def close(self) -> None:
        """End the programs that still run, and wait for none."""
        self._queries.close()
        self._actions.close()
        self._batch.close()

    async def _act(self, action: Callable[[str], None], job_id: str, doing: str) -> None:
        check_job_id(job_id)
        try:
            await self._actions.act(lambda: action(job_id), f"{doing} job {job_id}")
        finally:
            for question in self._jobs.values():
                question.outdate()

    # -- the questions -----------------------------------------------------------------------------------------

    def _read_queues(self) -> dict[str, QueueEntry]:
        queues = self._batch.queues()
        self._saw(queues)
        return {queue.name: queue_entry(queue, self.name) for queue in sorted(queues, key=lambda one: one.name)}

    def _jobs_of(self, user: str) -> Question[list[JobEntry]]:
        def read() -> list[JobEntry]:
            return [job_entry(job, self.name) for job in self._batch.jobs(whom(user))]

        return self._remembered(self._jobs, user, f"the jobs of {user}", read, JOBS_GOOD_FOR)

    def _accounts_of(self, user: str) -> Question[list[Allocation]]:
        def read() -> list[Allocation]:
            return [allocation(account) for account in self._batch.accounts(whom(user))]

        return self._remembered(self._accounts, user, f"the allocations of {user}", read, QUEUES_GOOD_FOR)

    def _groups_of(self, user: str) -> Question[list[str]]:
        read = partial(groups_of, user)
        return self._remembered(self._groups, user, f"the groups of {user}", read, QUEUES_GOOD_FOR)

    def _question(self, what: str, ask: Callable[[], T], good_for: float) -> Question[T]:
        return Question(f"{what} ({self.name})", ask, good_for, self._queries)

    def _remembered(
        self,
        among: OrderedDict[str, Question[T]],
        user: str,
        what: str,
        ask: Callable[[], T],
        good_for: float,
    ) -> Question[T]:
        question = among.get(user)
        if question is None:
            question = among[user] = self._question(what, ask, good_for)
        among.move_to_end(user)
        idle = [name for name, one in among.items() if not one.busy and name != user]
        for name in idle[: max(0, len(among) - USERS)]:
            del among[name]
        return question


def _named(job_id: str, jobs: list[JobEntry]) -> JobEntry | None:
    return next((job for job in jobs if job_id in (job["job_id"], job["native_id"])), None)


def whom(user: str) -> str | None:
    """Return a user as the batch system is asked: None is everybody."""
    return None if user == EVERYBODY else user
