"""What the routes answer; names and keys are those of radical.orbit 0.2.0, and more."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from .offers import Offer

State = Literal["NEW", "QUEUED", "ACTIVE", "COMPLETED", "FAILED", "CANCELED"]


class Offers(TypedDict):
    """Of ``executors``: what PSI/J knows of, the executor of a submit that names none, and the host's own."""

    executors: list[Offer]
    launchers: list[Offer]
    default: str
    own: str


class Submitted(TypedDict):
    """Of ``submit``: PSI/J's id of the job, and the scheduler's; for `local` that is a process id."""

    job_id: str
    native_id: str


class Launched(Submitted):
    """Of ``launch`` and ``submit_tunneled``: the job, and the endpoint that it is to be."""

    endpoint_name: str


class JobSummary(TypedDict):
    """A job in a listing; what its spec doesn't say, and what isn't known yet, is null.

    Times are in seconds since the epoch; `time` is that of its state. `message` says why it waits, or ended so.
    """

    job_id: str
    native_id: str | None
    name: str | None
    state: State
    exit_code: int | None
    executable: str
    arguments: list[str]
    executor: str
    queue_name: str | None
    account: str | None
    node_count: int | None
    endpoint_name: str | None
    array_id: str | None
    message: str | None
    submit_time: float
    time: float


class _Listed(TypedDict):
    jobs: list[JobSummary]


class Jobs(_Listed, total=False):
    """Of ``list_jobs``, the oldest first; `before` is there where there are older ones, to ask for them."""

    before: str


class StateTime(TypedDict):
    """A state that a job has reached, and when."""

    state: State
    time: float


class ResourcesUsed(TypedDict, total=False):
    """What a job has used, as far as the scheduler says it; it may come some seconds after the job's end.

    `elapsed` and `cpu_seconds` are in seconds, `max_memory_mb` in MiB: of its largest task.
    """

    elapsed: float
    cpu_seconds: float
    max_memory_mb: float
    nodes: int
    cpus: int
    node_list: str


class JobDetails(JobSummary):
    """All about a job but its output; `duration` in seconds, `states` with the time of each."""

    directory: str | None
    duration: int | None
    states: list[StateTime]
    resources_used: ResourcesUsed | None


class JobSpecification(TypedDict):
    """Of ``spec``: the ``job_spec`` that a job was submitted with, but what is as if it weren't there.

    Of its environment there are the names alone: values may be secrets, and aren't written down.
    """

    job_spec: dict[str, Any]
    executor: str
    environment_names: list[str]


class TunnelError(TypedDict, total=False):
    """Why a job was ended whose tunnel was given up."""

    state: State
    message: str | None
    error: str


class _WithTunnelError(JobDetails, total=False):
    error: str


class JobStatus(_WithTunnelError):
    """Of ``status``: all about a job, and its output up to the offsets, which are where to go on."""

    stdout: str
    stdout_offset: int
    stderr: str
    stderr_offset: int


class Followed(TypedDict):
    """Of ``follow``: the offsets from which on ``job_output`` tells what the job writes."""

    job_id: str
    stdout_offset: int
    stderr_offset: int


class Unfollowed(TypedDict):
    """Of ``unfollow``."""

    job_id: str


class Cancelled(TypedDict):
    """Of ``cancel``: it was asked for; the job's state says when it has come."""

    job_id: str
    status: Literal["canceled"]


class NotCancelled(TypedDict):
    """A job whose end couldn't be asked for, and why."""

    job_id: str
    error: str


class CancelledAll(TypedDict):
    """Of ``cancel_all``: the ends of these were asked for, and of those couldn't be."""

    canceled: list[str]
    failed: list[NotCancelled]


class ArraySubmitted(TypedDict):
    """Of ``submit_array``: its id and the scheduler's, and those of its tasks, which are jobs."""

    array_id: str
    native_id: str
    job_ids: list[str]


class TunnelStatus(TypedDict):
    """Of ``tunnel_status``: `port` on the job's host, `pid` of ssh, and why the tunnel doesn't stand."""

    endpoint_name: str
    status: Literal["no_tunnel", "pending", "active", "failed", "done"]
    port: int | None
    pid: int | None
    error: str | None
