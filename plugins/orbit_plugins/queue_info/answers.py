"""What the routes answer; names and keys are those of radical.orbit 0.2.0, and more.

Times are in seconds since the epoch. What the batch system doesn't say is null; where clients of radical.orbit
print a number or a text without looking, it is 0 or empty.
"""

from __future__ import annotations

from typing import Literal, TypedDict


class Backend(TypedDict):
    """Of ``backend``."""

    backend: str


class NodeList(TypedDict):
    """Of ``nodelist``: the nodes of the endpoint's own allocation, one by one; empty outside of one."""

    nodelist: list[str]


class AllocationEntry(TypedDict):
    """The allocation that the endpoint runs in; `runtime` in seconds, null: unlimited."""

    job_id: str
    partition: str | None
    n_nodes: int | None
    nodelist: str
    cpus_per_node: int | None
    gpus_per_node: int | None
    account: str | None
    job_name: str | None
    runtime: int | None
    end_time: int | None


class JobAllocation(TypedDict):
    """Of ``job_allocation``; null outside of one."""

    allocation: AllocationEntry | None


class Asked(TypedDict):
    """What every answer of the batch system has: its age in seconds, and why nothing newer is known, if so."""

    age: float
    stale: str | None


class QueueEntry(TypedDict):
    """A queue, which Slurm calls a partition.

    `time_limit` is in minutes on Slurm and in seconds on PBS, as in radical.orbit; `time_limit_seconds` is in
    seconds everywhere. `nodes_available` are those that aren't down or drained, `nodes_idle` those that run
    nothing just now. `accounts`, `users` and `groups`: whom it is for; empty: everyone.
    """

    name: str
    state: str
    default: bool
    time_limit: int | Literal["UNLIMITED"]
    time_limit_seconds: int | None
    default_time_seconds: int | None
    nodes_total: int
    nodes_available: int
    nodes_idle: int
    cpus_per_node: int
    mem_per_node_mb: int | None
    gpus_per_node: int
    max_jobs_per_user: int | None
    features: list[str]
    accounts: list[str]
    users: list[str]
    groups: list[str]
    nodes_min: int | None
    nodes_max: int | None
    walltime_min: int | None
    walltime_max: int | None


class Queues(Asked):
    """Of ``get_info``, by name."""

    queues: dict[str, QueueEntry]


class JobEntry(TypedDict):
    """A job that the batch system has.

    `state` is Slurm's own word, and for PBS the one that radical.orbit has for its letter; `common_state` is the
    same for all of them. `time_limit` is as in a queue, `time_used` in seconds. `reason` is why it waits, or ended
    as it did. `native_id` is the whole id; PBS's `job_id` ends at the first dot.
    """

    job_id: str
    native_id: str
    job_name: str
    user: str
    partition: str
    state: str
    common_state: str
    reason: str | None
    nodes: int
    cpus: int
    time_limit: int | None
    time_limit_seconds: int | None
    time_used: int | None
    submit_time: int | None
    start_time: int | None
    end_time: int | None
    expected_start: int | None
    priority: int | None
    account: str
    node_list: str
    exit_code: int | None
    array_id: str | None


class Jobs(Asked):
    """Of ``list_jobs`` and ``list_all_jobs``."""

    jobs: list[JobEntry]


class Accounting(TypedDict):
    """What accounting keeps of a job; `elapsed` and `cpu_seconds` in seconds."""

    state: str
    common_state: str
    exit_code: int | None
    reason: str | None
    submit_time: int | None
    start_time: int | None
    end_time: int | None
    elapsed: int | None
    nodes: int | None
    cpus: int | None
    cpu_seconds: float | None
    max_memory_mb: float | None
    node_list: str


class JobDetails(Asked):
    """Of ``job``: null is what the batch system no longer has, or accounting doesn't know."""

    job: JobEntry | None
    accounting: Accounting | None


class _Sbank(TypedDict, total=False):
    allocation_id: str | int | float | None
    suballocation_id: str | int | float | None
    start_date: str | int | float | None
    end_date: str | int | float | None
    resource: str | int | float | None
    jobs: str | int | float | None


class Allocation(_Sbank):
    """What a user may charge jobs to; `qos` has commas between the names, `max_wall` is in seconds."""

    account: str
    user: str
    fairshare: float | None
    qos: str
    max_jobs: int | None
    max_submit: int | None
    max_wall: int | None
    grp_tres: str | None
    allocated_node_hours: float | None
    used_node_hours: float | None
    remaining_node_hours: float | None


class Allocations(Asked):
    """Of ``list_allocations``."""

    allocations: list[Allocation]


class Cancelled(TypedDict):
    """Of ``cancel``: it was asked for; the job's state says when it has come."""

    job_id: str
    status: Literal["canceled"]


class Held(TypedDict):
    """Of ``hold``."""

    job_id: str
    status: Literal["held"]


class Released(TypedDict):
    """Of ``release``."""

    job_id: str
    status: Literal["released"]
