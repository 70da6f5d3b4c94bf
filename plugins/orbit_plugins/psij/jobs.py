"""What is known of each job."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import msgspec

from .answers import JobDetails, JobSpecification, JobSummary, ResourcesUsed, State, StateTime
from .claims import Claim
from .database import Row
from .spec import JobSpec
from .translate import duration

RANK = {"NEW": 0, "QUEUED": 1, "ACTIVE": 2, "COMPLETED": 3, "FAILED": 3, "CANCELED": 3}
"""PSI/J's states; a job only ever goes up, and stays in the one of rank 3 that it reaches."""

FINAL = frozenset(state for state, rank in RANK.items() if rank == 3)

LONGEST_MESSAGE = 4096
"""Characters of a job's message that are kept: PSI/J makes it of all that a failing launcher printed."""


class StateChange(msgspec.Struct, frozen=True, array_like=True):
    """A state, and since when (epoch seconds)."""

    state: str
    time: float


class _Kept(msgspec.Struct):
    """What is written down of a job beside its summary; fields that are missing are those of older versions."""

    executor: str
    session: str
    spec: JobSpec
    stdout_path: str
    stderr_path: str
    history: list[StateChange]
    message: str | None = None
    submitted: bool = False
    cancel_requested: bool = False
    claimed: str | None = None
    keyed: bool = False
    again: bool = False
    followed: str | None = None
    resources_used: ResourcesUsed | None = None
    variables: list[str] = []


@dataclass
class JobRecord:
    """One job. `lock` is held for each change and the event that tells of it, so that events keep their order.

    `endpoint_name` is that of the endpoint that the job is to be, where it is one; `array_id` that of the array of
    which it is a task. `claim` says which of several tries runs, and how it ended; `followed` is the native id of
    the one that turned out to run; `variables` are the names in its environment, where the values aren't known
    any more; `keyed` says that it may be submitted again, with its idempotency key; `again`,
    that it may have been submitted before; `submitted`, that no submit is under way.
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
    keyed: bool = False
    again: bool = False
    followed: str | None = None
    array_id: str | None = None
    resources_used: ResourcesUsed | None = None
    variables: list[str] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

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
        """Take in what is reported; return whether that is a state it hadn't reached.

        Reports repeat, and those of two threads overtake each other: what isn't ahead is dropped. Times that
        schedulers say are of other clocks, and often whole seconds: none is before the last.
        """
        if RANK[state] <= RANK[self.state]:
            return False
        if state in FINAL:
            self.exit_code = exit_code
            if self.cancel_requested:
                state = "CANCELED"
        self.message = message[-LONGEST_MESSAGE:] if message else None
        self.history.append(StateChange(state, max(time, self.time)))
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
            "array_id": self.array_id,
            "message": self.message,
            "submit_time": self.history[0].time,
            "time": self.time,
        }

    def details(self) -> JobDetails:
        """Return what a status shows beside the output."""
        return {
            **self.summary(),
            "directory": self.spec.directory,
            "duration": duration(self.spec, self.executor),
            "states": [StateTime(state=cast(State, one.state), time=one.time) for one in self.history],
            "resources_used": self.resources_used,
        }

    def specification(self) -> JobSpecification:
        """Return what submits such a job again: without the values of its environment, which may be secrets."""
        return {
            "job_spec": msgspec.to_builtins(msgspec.structs.replace(self.spec, environment={})),
            "executor": self.executor,
            "environment_names": self._names(),
        }

    def _names(self) -> list[str]:
        return list(self.spec.environment) or self.variables

    def row(self) -> Row:
        """Return it as it is written down: without its environment, which may hold secrets."""
        kept = _Kept(
            self.executor,
            self.session,
            msgspec.structs.replace(self.spec, environment={}),
            str(self.stdout_path),
            str(self.stderr_path),
            self.history,
            self.message,
            self.submitted,
            self.cancel_requested,
            None if self.claim is None else str(self.claim.folder),
            self.keyed,
            self.again,
            self.followed,
            self.resources_used,
            self._names(),
        )
        return Row(
            self.job_id,
            self.state,
            self.time,
            self.ended,
            self.array_id,
            msgspec.json.encode(self.summary()),
            msgspec.json.encode(kept),
        )


def record_of(row: Row) -> JobRecord:
    """Return a job from what was written down."""
    kept = msgspec.json.decode(row.more, type=_Kept)
    summary = msgspec.json.decode(row.summary, type=dict[str, msgspec.Raw])

    def shown(name: str) -> str | None:
        return msgspec.json.decode(summary[name], type=str | None) if name in summary else None

    return JobRecord(
        row.job_id,
        kept.executor,
        kept.session,
        kept.spec,
        Path(kept.stdout_path),
        Path(kept.stderr_path),
        kept.history,
        shown("endpoint_name"),
        shown("native_id"),
        msgspec.json.decode(summary["exit_code"], type=int | None),
        kept.message,
        kept.submitted,
        kept.cancel_requested,
        None if kept.claimed is None else Claim(Path(kept.claimed)),
        kept.keyed,
        kept.again,
        kept.followed,
        row.array_id,
        kept.resources_used,
        kept.variables,
    )


def new_history() -> list[StateChange]:
    """Return that of a job that is just coming to be."""
    return [StateChange("NEW", time.time())]
