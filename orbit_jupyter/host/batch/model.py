"""What batch systems say, in one form for all of them.

Times are in seconds since the epoch, durations in seconds, sizes in MiB. None is "it doesn't say", or "no limit"
where an attribute tells so.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Protocol

import msgspec

State = Literal["QUEUED", "HELD", "ACTIVE", "SUSPENDED", "COMPLETED", "FAILED", "CANCELED"]
"""PSI/J's states of a job that the batch system has, and two that PSI/J counts among ``QUEUED`` and ``ACTIVE``."""


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """A queue; Slurm calls it a partition.

    Attributes
    ----------
    name
        As a job names it.
    state
        ``UP``, or why jobs don't start there: Slurm's ``DOWN``, ``DRAIN``, ``INACTIVE``; PBS's ``DOWN``.
    is_default
        Whether a job that names none goes there.
    time_limit, default_time
        Longest duration of a job, and that of one that doesn't say; None: no limit, or it doesn't say.
    nodes_total, nodes_available, nodes_idle
        All nodes; those that aren't down or drained; those that run nothing just now.
    cpus_per_node, mem_per_node_mb, gpus_per_node
        Of its largest node.
    nodes_min, nodes_max
        Nodes of one job.
    accounts
        Who may use it; empty: everyone.
    features
        What a job can ask for as a constraint.
    walltime_min
        Shortest time limit of a job.
    users, groups
        Users and their groups, where it is for some only; empty: everyone.
    qos
        Name of the `Qos` that limits its jobs, whichever they ask for.
    """

    name: str
    state: str = "UP"
    is_default: bool = False
    time_limit: int | None = None
    default_time: int | None = None
    nodes_total: int = 0
    nodes_available: int = 0
    nodes_idle: int = 0
    cpus_per_node: int | None = None
    mem_per_node_mb: int | None = None
    gpus_per_node: int = 0
    nodes_min: int | None = None
    nodes_max: int | None = None
    max_jobs_per_user: int | None = None
    accounts: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    walltime_min: int | None = None
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    qos: str | None = None


class Qos(msgspec.Struct, frozen=True, kw_only=True):
    """A quality of service, which a job asks for or gets by default: limits beside those of its queue.

    Attributes
    ----------
    max_wall
        Longest duration of a job, in seconds. It counts in place of the account's.
    most
        What one job can have, of ``nodes``, ``cpus`` and ``gpus``: limits of a job, and of several together.
    max_jobs, max_submit
        Jobs of one user that run, and that run or wait.
    ignores_time_limit, ignores_nodes_max, ignores_nodes_min
        Whether its jobs needn't keep these limits of the queue.
    ignores_queue_qos
        Whether its limits come before those of the queue's own `Qos`.
    """

    name: str
    max_wall: int | None = None
    most: dict[str, int] = {}
    max_jobs: int | None = None
    max_submit: int | None = None
    ignores_time_limit: bool = False
    ignores_nodes_max: bool = False
    ignores_nodes_min: bool = False
    ignores_queue_qos: bool = False


class BatchJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job that the batch system has: waiting, running, or just ended.

    Attributes
    ----------
    job_id
        Its native id, as PSI/J has it. That of a task of an array is ``ARRAY_TASK`` in Slurm, ``ARRAY[TASK]``
        in PBS.
    state, native_state
        In one form for all batch systems, and as this one says it.
    reason
        Why it waits, or ended as it did, in the batch system's words; commas and blanks included.
    time_limit, time_used
        Seconds.
    expected_start
        When the batch system thinks it will start.
    exit_code
        128 + N where signal N ended it; None where it runs, or nothing is known.
    array_id
        The array that it is a task of.
    command
        The script that was submitted, where it says that.
    """

    job_id: str
    name: str = ""
    user: str = ""
    queue: str = ""
    account: str | None = None
    state: State = "QUEUED"
    native_state: str = ""
    reason: str | None = None
    nodes: int | None = None
    cpus: int | None = None
    time_limit: int | None = None
    time_used: int | None = None
    submit_time: float | None = None
    start_time: float | None = None
    end_time: float | None = None
    expected_start: float | None = None
    priority: int | None = None
    node_list: str = ""
    exit_code: int | None = None
    array_id: str | None = None
    command: str = ""


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """What accounting keeps of a job; it may still run, then `state` says so.

    Attributes
    ----------
    cpu_seconds
        Processor time, of all its processes.
    max_memory_mb
        The largest of its tasks' resident memory.
    """

    job_id: str
    state: State
    native_state: str = ""
    exit_code: int | None = None
    reason: str | None = None
    submit_time: float | None = None
    start_time: float | None = None
    end_time: float | None = None
    elapsed: int | None = None
    nodes: int | None = None
    cpus: int | None = None
    cpu_seconds: float | None = None
    max_memory_mb: float | None = None
    node_list: str = ""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What a user may charge jobs to. Hours are node hours; None: the batch system doesn't say, or no limit.

    Attributes
    ----------
    allocated_node_hours, used_node_hours, remaining_node_hours
        The limit of which the least is left, of those that count for this account and user; without a limit, what
        was used in the last year.
    default_qos
        What a job gets that asks for none.
    most
        What one job can have, as for a `Qos`.
    extra
        What only this batch system has: Slurm's ``partition``, ``cpu_hours_allocated`` and ``cpu_hours_remaining``
        and the like for other limited resources, and ``exhausted``, the resources of which nothing is left.
    """

    account: str
    user: str
    fairshare: float | None = None
    qos: tuple[str, ...] = ()
    max_jobs: int | None = None
    max_submit: int | None = None
    max_wall: int | None = None
    grp_tres: str | None = None
    allocated_node_hours: float | None = None
    used_node_hours: float | None = None
    remaining_node_hours: float | None = None
    default_qos: str | None = None
    most: dict[str, int] = {}
    extra: dict[str, str | int | float | None] = {}


class OwnAllocation(msgspec.Struct, frozen=True, kw_only=True):
    """The allocation that this process runs in.

    Attributes
    ----------
    nodelist
        As the batch system writes it, such as ``n[1-4,7]``.
    runtime
        Seconds that it may take in all; None: unlimited.
    end_time
        When it ends.
    """

    job_id: str
    partition: str | None = None
    n_nodes: int | None = None
    nodelist: str = ""
    cpus_per_node: int | None = None
    gpus_per_node: int | None = None
    account: str | None = None
    job_name: str | None = None
    runtime: int | None = None
    end_time: float | None = None


class BatchSystem(Protocol):
    """A batch system, asked through its own programs. Each call blocks for at most its deadline.

    Every method raises `PluginError`: where the batch system doesn't answer in time, or says that it is away, with
    status 503 and transient; where it answers what can't be read, or refuses, with status 500 and what it says. A
    change of a job that there is no (more) is a `ResourceNotFoundError`, of another user's job a `ForbiddenError`.
    """

    name: str
    """``slurm`` or ``pbs``."""

    def queues(self) -> list[Queue]:
        """Return all queues, sorted by name."""
        ...

    def jobs(self, user: str | None = None) -> list[BatchJob]:
        """Return the jobs that it has, of one user or of everybody (None): one query, however many there are."""
        ...

    def expected_starts(self, user: str | None = None) -> dict[str, float]:
        """Return when waiting jobs are expected to start, by native id; those that it can't say are missing."""
        ...

    def ended(self, job_ids: Iterable[str]) -> dict[str, Ended]:
        """Return what accounting knows of jobs, by native id; without accounting, nothing."""
        ...

    def accounts(self, user: str | None = None) -> list[Account]:
        """Return what a user (None: everybody) may charge jobs to, with the hours used and left."""
        ...

    def qos(self) -> list[Qos]:
        """Return the qualities of service; empty where it has none."""
        ...

    def own_allocation(self) -> OwnAllocation | None:
        """Return the allocation that this process runs in."""
        ...

    def nodelist(self) -> list[str]:
        """Return the nodes of that allocation, one by one; empty outside of one."""
        ...

    def cancel(self, job_id: str) -> None:
        """Cancel a job."""
        ...

    def hold(self, job_id: str) -> None:
        """Keep a waiting job from starting."""
        ...

    def release(self, job_id: str) -> None:
        """Let a held job start."""
        ...

    def close(self) -> None:
        """End the programs that still run; calls that wait for them raise."""
        ...
