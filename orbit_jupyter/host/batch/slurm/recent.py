"""Jobs that ended just now, in squeue's JSON: the only place for their exit code where there is no accounting.

Slurm's JSON differs between releases. A number is plain, or ``{"set": …, "infinite": …, "number": …}``; a state is
a text, or a list with flags; an exit code is a wait status, or ``{"return_code": …, "signal": …}``. Source: the
schemas of the data parsers v0.0.38 to v0.0.42, https://slurm.schedmd.com/rest_api.html.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..model import Ended
from .states import FINAL, printed, state_of
from .values import of_signal


def parse_recent(text: str) -> dict[str, Ended]:
    """Return the jobs in what ``squeue --json`` prints, by native id."""
    tree = msgspec.json.decode(text)
    found = (_ended(job) for job in tree["jobs"])
    return {ended.job_id: ended for ended in found}


def plain(value: Any) -> int | None:
    """Return a number of either kind; None where it isn't set, or infinite."""
    if isinstance(value, dict):
        if not value.get("set", True) or value.get("infinite"):
            return None
        value = value.get("number")
    if isinstance(value, float) and abs(value) < 1e18:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def wait_status(value: Any) -> int | None:
    """Return the exit code in any of its shapes, 128 + N for signal N."""
    if isinstance(value, dict) and ("return_code" in value or "signal" in value):
        signal = value.get("signal") or {}
        number = plain(signal.get("id", signal.get("signal_id"))) if isinstance(signal, dict) else plain(signal)
        return of_signal(number) if number else plain(value.get("return_code"))
    status = plain(value)
    if status is None:
        return None
    return of_signal(status & 0x7F) if status & 0x7F else (status >> 8) & 0xFF


def _ended(job: dict[str, Any]) -> Ended:
    said = job.get("job_state") or ""
    native = printed(said) if isinstance(said, list) else str(said)
    reason = str(job.get("state_reason") or "")
    start, end = plain(job.get("start_time")), plain(job.get("end_time"))
    nodes = str(job.get("nodes") or "").replace("None", "")  # v0.0.38 says None of a job that had none
    state = state_of(native, reason, started=bool(nodes))
    final = state in FINAL
    if not nodes:
        start = None
    code = wait_status(job.get("exit_code")) if final else None
    if code == 0 and state != "COMPLETED":
        code = None
    return Ended(
        job_id=_native_id(job),
        state=state,
        native_state=native,
        exit_code=code,
        reason=reason
        if state in {"QUEUED", "HELD", "COMPLETED", "FAILED"} and reason not in {"", "None"}
        else None,
        submit_time=plain(job.get("submit_time")) or None,
        start_time=start or None,
        end_time=end or None if final else None,
        elapsed=end - start if final and start and end else None,
        nodes=plain(job.get("node_count")),
        cpus=plain(job.get("cpus")),
        node_list=nodes,
    )


def _native_id(job: dict[str, Any]) -> str:
    array, task = plain(job.get("array_job_id")), plain(job.get("array_task_id"))
    # A job that is no task has array 0 and, before v0.0.39, task null or 0.
    if array and task is not None:
        return f"{array}_{task}"
    number = plain(job["job_id"])
    if number is None:
        raise ValueError("a job without an id")
    return str(number)
