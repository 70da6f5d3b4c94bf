"""What is known of each job, and the table that holds it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import cast

from orbit_jupyter.plugin import ConflictError, ResourceNotFoundError

from .answers import JobDetails, JobSummary, State
from .claims import Claim
from .spec import JobSpec
from .translate import duration

RANK = {"NEW": 0, "QUEUED": 1, "ACTIVE": 2, "COMPLETED": 3, "FAILED": 3, "CANCELED": 3}
"""PSI/J's states; a job only ever goes up, and stays in the one of rank 3 that it reaches."""

FINAL = frozenset(state for state, rank in RANK.items() if rank == 3)

LONGEST_MESSAGE = 4096
"""Characters of a job's message that are kept: PSI/J makes it of all that a failing launcher printed."""


@dataclass(frozen=True)
class StateChange:
    """A state, and since when (epoch seconds)."""

    state: str
    time: float


@dataclass
class JobRecord:
    """One job. `lock` is held for each change and the event that tells of it, so that events keep their order.

    `endpoint_name` is that of the endpoint that the job is to be, where it is one. `claim` is that of a job with
    an idempotency key; `again` says that it may have been submitted before, and `followed` is the native id of the
    one that turned out to run.
    """

    job_id: str
    executor: str
    session: str
    spec: JobSpec
    stdout_path: Path
    stderr_path: Path
    history: list[StateChange]
    endpoint_name: str | None = None
    native_id: str | None = None
    exit_code: int | None = None
    message: str | None = None
    submitted: bool = False
    cancel_requested: bool = False
    claim: Claim | None = None
    again: bool = False
    followed: str | None = None
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @property
    def state(self) -> str:
        """The state that it is in."""
        return self.history[-1].state

    @property
    def time(self) -> float:
        """Since when it is in it, in epoch seconds."""
        return self.history[-1].time

    @property
    def ended(self) -> bool:
        """Whether it will change no more."""
        return self.state in FINAL

    def advance(self, state: str, time: float, exit_code: int | None, message: str | None) -> bool:
        """Take in what PSI/J reports; return whether that is a state it hadn't reached.

        Reports repeat, and those of two threads overtake each other: what isn't ahead is dropped.
        """
        if RANK[state] <= RANK[self.state]:
            return False
        if state in FINAL:
            self.exit_code = exit_code
            if self.cancel_requested:
                state = "CANCELED"
        if message:
            self.message = message[-LONGEST_MESSAGE:]
        self.history.append(StateChange(state, time))
        return True

    def summary(self) -> JobSummary:
        """Return what a listing shows."""
        return {
            "job_id": self.job_id,
            "native_id": self.native_id,
            "name": self.spec.name,
            "state": cast(State, self.state),
            "exit_code": self.exit_code,
            "executable": self.spec.executable,
            "arguments": self.spec.arguments,
            "executor": self.executor,
            "queue_name": self.spec.attributes.queue_name,
            "account": self.spec.account,
            "node_count": self.spec.node_count,
            "endpoint_name": self.endpoint_name,
        }

    def details(self) -> JobDetails:
        """Return what a status shows beside the output."""
        return {
            **self.summary(),
            "message": self.message,
            "time": self.time,
            "directory": self.spec.directory,
            "duration": duration(self.spec, self.executor),
        }


class JobTable:
    """The jobs of this endpoint's user, oldest first.

    Parameters
    ----------
    ended_kept
        How many jobs that have ended are remembered; the oldest are forgotten first.
    """

    def __init__(self, ended_kept: int = 10_000) -> None:
        self.ended_kept = ended_kept
        self._lock = threading.Lock()
        self._jobs: dict[str, JobRecord] = {}

    def __iter__(self) -> Iterator[JobRecord]:
        with self._lock:
            return iter(list(self._jobs.values()))

    def add(self, record: JobRecord) -> list[JobRecord]:
        """Take in a new job, and return those that are forgotten for it.

        Raises
        ------
        ConflictError
            If it is to be an endpoint, and another job is that endpoint already.
        """
        with self._lock:
            for other in self._jobs.values() if record.endpoint_name is not None else ():
                if other.endpoint_name == record.endpoint_name and not other.ended:
                    raise ConflictError(
                        f"job {other.job_id} is endpoint {record.endpoint_name} already, or is about to be; "
                        "cancel it first, or choose another name"
                    )
            self._jobs[record.job_id] = record
            too_many = max(0, len(self._jobs) - self.ended_kept)
            forgotten = list(islice((kept for kept in self._jobs.values() if kept.ended), too_many))
            for kept in forgotten:
                del self._jobs[kept.job_id]
        return forgotten

    def knows(self, job_id: str) -> bool:
        """Return whether there is a job of that id."""
        with self._lock:
            return job_id in self._jobs

    def remove(self, job_id: str) -> None:
        """Forget a job that never came to be."""
        with self._lock:
            self._jobs.pop(job_id, None)

    def get(self, job_id: str) -> JobRecord:
        """Return a job.

        Raises
        ------
        ResourceNotFoundError
            If there is none of that id.
        """
        with self._lock:
            record = self._jobs.get(job_id)
        if record is None:
            raise ResourceNotFoundError(
                f"there is no job {job_id!r} on this endpoint; list_jobs names those it knows"
            )
        return record
