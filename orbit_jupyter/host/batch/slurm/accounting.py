"""What Slurm's accounting keeps of jobs: what sacct prints."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ..hostlist import numbers
from ..model import Ended
from .states import FINAL, WAITING, state_of
from .values import exit_code, mebibytes, moment, number, seconds

FIELDS = "JobID,State,ExitCode,Reason,Submit,Start,End,ElapsedRaw,NNodes,AllocCPUS,TotalCPU,MaxRSS,NodeList"

TASKS_MOST = 100_000


def parse_ended(text: str) -> dict[str, Ended]:
    """Return the jobs in what ``sacct -nP`` prints, by native id, with what their steps used."""
    found: dict[str, Ended] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        fields = [field.strip() for field in line.split("|")]
        if len(fields) != FIELDS.count(",") + 1 or not fields[0][:1].isdigit():
            raise ValueError(f"{line[:80]!r} is no line of sacct's")
        job_id, dot, _ = fields[0].partition(".")
        if dot:
            _add_step(found, job_id, fields)
            continue
        for task in _tasks(job_id):
            found[task] = _ended(task, fields)
    # Of a job in several parts, 5+0 and 5+1, the first is the one that has the script.
    for job_id in [job_id for job_id in found if job_id.endswith("+0")]:
        whole = job_id.removesuffix("+0")
        found.setdefault(whole, msgspec.structs.replace(found[job_id], job_id=whole))
    return found


def select(found: dict[str, Ended], job_ids: Iterable[str]) -> dict[str, Ended]:
    """Return those that were asked for, and the tasks of arrays that were."""
    wanted = set(job_ids)
    return {
        job_id: ended
        for job_id, ended in found.items()
        if job_id in wanted or job_id.partition("_")[0] in wanted or job_id.partition("+")[0] in wanted
    }


def never_started(job_id: str) -> tuple[str, Ended]:
    """Return what there is to say of a task that was cancelled while it waited, with its id."""
    return job_id, Ended(
        job_id=job_id, state="CANCELED", native_state="CANCELLED", reason="cancelled while it waited"
    )


def _tasks(job_id: str) -> list[str]:
    array, bracket, rest = job_id.partition("_[")
    if not bracket:
        return [job_id]
    try:
        return [f"{array}_{task}" for task in numbers(rest.partition("%")[0].rstrip("]"), TASKS_MOST)]
    except ValueError:
        return [job_id]


def _ended(job_id: str, fields: list[str]) -> Ended:
    _, said, code, reason, submitted, start, end, elapsed, nodes, cpus, cpu_time, memory, node_list = fields
    native, _, by = said.partition(" ")  # CANCELLED by 1001
    state = state_of(native, reason, started=moment(start) is not None)
    ended_with = exit_code(code) if state in FINAL else None
    if ended_with == 0 and state != "COMPLETED":
        ended_with = None  # a time limit, say: none of its processes said 0
    if by:
        why: str | None = f"cancelled {by.replace('by ', 'by uid ', 1)}"
    else:  # of a job that has started it is still why it once waited
        why = reason if state in WAITING and reason not in {"", "None"} else None
    return Ended(
        job_id=job_id,
        state=state,
        native_state=native,
        exit_code=ended_with,
        reason=why,
        submit_time=moment(submitted),
        start_time=moment(start),
        end_time=moment(end) if state in FINAL else None,
        elapsed=number(elapsed),
        nodes=number(nodes),
        cpus=number(cpus),
        cpu_seconds=seconds(cpu_time),
        max_memory_mb=mebibytes(memory),
        node_list="" if node_list == "None assigned" else node_list,
    )


def _add_step(found: dict[str, Ended], job_id: str, fields: list[str]) -> None:
    job, memory = found.get(job_id), mebibytes(fields[11])
    if job is not None and memory is not None and memory > (job.max_memory_mb or 0.0):
        found[job_id] = msgspec.structs.replace(job, max_memory_mb=memory)
