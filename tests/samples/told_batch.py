"""A batch system of lists, which answers when the test lets it."""

from __future__ import annotations

import os
import pwd
import threading
from collections import Counter
from collections.abc import Iterable
from typing import Any, TypeVar

from orbit_jupyter.host.batch.model import Account, BatchJob, Ended, OwnAllocation, Qos, Queue
from orbit_jupyter.plugin import PluginError, ResourceNotFoundError

T = TypeVar("T")

OWN = pwd.getpwuid(os.getuid()).pw_name
"""The user whose endpoint it is."""

LIMIT = 30
"""Seconds that a question waits for the test to let it go on."""


def queue(name: str, **more: Any) -> Queue:
    """Return a queue of four nodes, with a day's limit."""
    usual = {"time_limit": 86400, "nodes_total": 4, "nodes_available": 4, "nodes_idle": 2}
    return Queue(name=name, **{**usual, **more})


def job(job_id: str, user: str = OWN, partition: str = "batch", **more: Any) -> BatchJob:
    """Return a job that runs."""
    running = {"state": "ACTIVE", "native_state": "RUNNING", "nodes": 1, "time_limit": 3600, "submit_time": 1.7e9}
    return BatchJob(job_id=job_id, user=user, queue=partition, **{**running, **more})


class ToldBatch:
    """A `BatchSystem` of lists.

    Attributes
    ----------
    asked
        How often each of its methods was called.
    most
        How many of them were under way at once.
    going
        Clear it, and whoever asks waits until it is set.
    entered
        Released by each that asks.
    failure
        What every method raises.
    """

    def __init__(self, name: str = "slurm") -> None:
        self.name = name
        self.all_queues = [queue("debug", is_default=True, time_limit=1800), queue("batch")]
        self.all_jobs = [job("17"), job("18", user="ben")]
        self.all_accounts = [Account(account="proj_a", user=OWN, qos=("normal", "short"))]
        self.own: OwnAllocation | None = None
        self.finished: dict[str, Ended] = {}
        self.asked: Counter[str] = Counter()
        self.done: list[tuple[str, str]] = []
        self.going, self.entered = threading.Event(), threading.Semaphore(0)
        self.going.set()
        self.closed = False
        self.failure: Exception | None = None
        self._lock = threading.Lock()
        self._under_way = self.most = 0

    def _say(self, what: str, value: T) -> T:
        with self._lock:
            self.asked[what] += 1
            self._under_way += 1
            self.most = max(self.most, self._under_way)
        self.entered.release()
        try:
            if not self.going.wait(LIMIT):
                raise PluginError("the test doesn't let it go on")
            if self.failure is not None:
                raise self.failure
            return value
        finally:
            with self._lock:
                self._under_way -= 1

    def queues(self) -> list[Queue]:
        return self._say("queues", list(self.all_queues))

    def jobs(self, user: str | None = None) -> list[BatchJob]:
        return self._say(f"jobs {user}", [one for one in self.all_jobs if user in (None, one.user)])

    def expected_starts(self, user: str | None = None) -> dict[str, float]:
        return self._say("expected_starts", {})

    def ended(self, job_ids: Iterable[str]) -> dict[str, Ended]:
        return self._say("ended", {one: self.finished[one] for one in job_ids if one in self.finished})

    def accounts(self, user: str | None = None) -> list[Account]:
        return self._say(f"accounts {user}", [one for one in self.all_accounts if user in (None, one.user)])

    def qos(self) -> list[Qos]:
        return self._say("qos", [])

    def own_allocation(self) -> OwnAllocation | None:
        return self._say("own_allocation", self.own)

    def nodelist(self) -> list[str]:
        return self._say("nodelist", ["n1", "n2"] if self.own else [])

    def cancel(self, job_id: str) -> None:
        self._do("cancel", job_id)
        self.all_jobs = [one for one in self.all_jobs if one.job_id != job_id]

    def hold(self, job_id: str) -> None:
        self._do("hold", job_id)

    def release(self, job_id: str) -> None:
        self._do("release", job_id)

    def close(self) -> None:
        self.closed = True

    def _do(self, action: str, job_id: str) -> None:
        self._say(action, None)
        if job_id not in [one.job_id for one in self.all_jobs]:
            raise ResourceNotFoundError(f"there is no job {job_id}")
        self.done.append((action, job_id))
