"""Why a job waits, or ended as it did, in words for people."""

from __future__ import annotations

from orbit_jupyter.host.batch.model import BatchJob, Ended

from .jobs import JobRecord
from .translate import duration

NOT_FOUND, NOT_EXECUTABLE = 127, 126

_SAYS_NOTHING = frozenset({"", "None", "NonZeroExitCode"})
_PLAIN = frozenset({"", "COMPLETED", "FAILED", "CANCELLED", "F", "C", "E"})


def waits_because(job: BatchJob) -> str | None:
    """Return why a job that hasn't ended doesn't run; None: it does, or nobody says."""
    reason = None if job.reason is None or job.reason in _SAYS_NOTHING else job.reason
    if job.state == "ACTIVE":
        return None
    if job.state in ("HELD", "SUSPENDED"):
        return f"{job.state.lower()}: {reason}" if reason else job.state.lower()
    return reason


def ended_because(record: JobRecord, said: BatchJob | Ended | None, exit_code: int | None) -> str | None:
    """Return why a job ended without success, beside its exit code; None: that says it all."""
    native = "" if said is None else said.native_state.split(" ")[0].rstrip("+")
    reason = None if said is None or said.reason is None or said.reason in _SAYS_NOTHING else said.reason
    if native == "TIMEOUT":
        longest = duration(record.spec, record.executor)
        return f"{record.executor} ended it: it took longer than its duration of {longest} s"
    if native not in _PLAIN:
        return f"{record.executor} ended it: {native}" + (f" ({reason})" if reason and reason != native else "")
    if exit_code == NOT_FOUND:
        return (
            f"exit code 127: {record.spec.executable!r} or a program that it calls was not found where the job ran"
        )
    if exit_code == NOT_EXECUTABLE:
        return f"exit code 126: {record.spec.executable!r} or a program that it calls can't be executed"
    return reason
