"""What the routes answer; names and keys are those of radical.orbit 0.2.0, and more."""

from __future__ import annotations

from typing import Literal, TypedDict

from .offers import Offer

State = Literal["NEW", "QUEUED", "ACTIVE", "COMPLETED", "FAILED", "CANCELED"]


class Offers(TypedDict):
    """Of ``executors``: what PSI/J knows of, and the executor of a submit that names none."""

    executors: list[Offer]
    launchers: list[Offer]
    default: str


class Submitted(TypedDict):
    """Of ``submit``: PSI/J's id of the job, and the scheduler's; for `local` that is a process id."""

    job_id: str
    native_id: str


class Launched(Submitted):
    """Of ``launch`` and ``submit_tunneled``: the job, and the endpoint that it is to be."""

    endpoint_name: str


class JobSummary(TypedDict):
    """A job in a listing; what its spec doesn't say, and what isn't known yet, is null."""

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


class Jobs(TypedDict):
    """Of ``list_jobs``, the oldest first."""

    jobs: list[JobSummary]


class JobDetails(JobSummary):
    """All about a job but its output; `time` (s since the epoch) is that of its state, `duration` in seconds."""

    message: str | None
    time: float
    directory: str | None
    duration: int | None


class JobStatus(JobDetails):
    """Of ``status``: all about a job, and its output up to the offsets, which are where to go on."""

    stdout: str
    stdout_offset: int
    stderr: str
    stderr_offset: int


class Cancelled(TypedDict):
    """Of ``cancel``: it was asked for; the job's state says when it has come."""

    job_id: str
    status: Literal["canceled"]


class TunnelStatus(TypedDict):
    """Of ``tunnel_status``: without a tunnel `status` is ``no_tunnel``."""

    endpoint_name: str
    status: str
    port: int | None
    pid: int | None
