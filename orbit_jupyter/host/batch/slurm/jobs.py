"""The jobs that Slurm has: what squeue prints, as text.

Text and not JSON, since it costs the least: of a pending array of a thousand tasks squeue prints one line, of each
other job a tenth of what its JSON takes, and all releases print it alike. What separates the fields is made anew
for each question, so that no name of a job, whatever is in it, can be taken for another field or another job.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

import msgspec

from ..hostlist import numbers
from ..model import BatchJob
from .states import FINAL, WAITING, state_of
from .values import moment, number, whole_seconds

FIELDS = "iFKPuaTrDClMVSeQNoj"
"""Letters of squeue's format: see its manual page. The name comes last."""

TASKS_MOST = 100_000
"""Waiting tasks of arrays that are listed one by one; arrays past that number are one job each."""


class Separators:
    """What stands before each job, and between two of its fields."""

    def __init__(self, token: Callable[[], str] = lambda: secrets.token_hex(4)) -> None:
        word = token()
        self.record, self.field = f"\x1e{word}\x1e", f"\x1f{word}\x1f"

    def format(self, fields: str) -> str:
        """Return the argument of ``-o`` for these letters."""
        return self.record + self.field.join(f"%{letter}" for letter in fields)

    def rows(self, text: str, columns: int) -> Iterator[list[str]]:
        """Yield the fields of each record; what comes before the first one is a header that nobody asked for."""
        for record in text.split(self.record)[1:]:
            fields = record.removesuffix("\n").split(self.field)
            if len(fields) != columns:
                raise ValueError(f"{len(fields)} fields where {columns} were asked for")
            yield fields


def parse_jobs(text: str, separators: Separators) -> list[BatchJob]:
    """Return the jobs in what squeue prints, waiting tasks of arrays one by one."""
    jobs: list[BatchJob] = []
    left = TASKS_MOST
    for row in separators.rows(text, len(FIELDS)):
        if row[6].strip() == "REVOKED":
            continue  # the cluster that has it lists it
        job = _job(row)
        tasks = _waiting_tasks(row[0], left)
        left -= len(tasks)
        jobs.extend(msgspec.structs.replace(job, job_id=task) for task in tasks)
        if not tasks:
            jobs.append(job)
    return jobs


def _waiting_tasks(job_id: str, most: int) -> list[str]:
    array, bracket, rest = job_id.partition("_[")
    if not bracket or "..." in rest:
        return []
    try:
        # After % comes how many may run at once.
        return [f"{array}_{task}" for task in numbers(rest.partition("%")[0].rstrip("]"), most)]
    except ValueError:
        return []


def _job(row: list[str]) -> BatchJob:
    fields = [field.strip() for field in row[:-1]]
    job_id, array, task, queue, user, account, native, reason, nodes, cpus = fields[:10]
    limit, used, submitted, start, end, priority, node_list, command = fields[10:]
    if not job_id[:1].isdigit():
        raise ValueError(f"{job_id[:40]!r} is no job id")
    state = state_of(native, reason, started=bool(node_list))
    waits = state in WAITING
    return BatchJob(
        job_id=job_id,
        name=row[-1],
        user=user,
        queue=queue,
        account=_said(account),
        state=state,
        native_state=native,
        # Of a job that runs or was cancelled it is still why it once waited.
        reason=_said(reason) if waits or state in {"COMPLETED", "FAILED"} else None,
        nodes=number(nodes.partition("-")[0]),
        cpus=number(cpus),
        time_limit=whole_seconds(limit),
        time_used=whole_seconds(used),
        submit_time=moment(submitted),
        start_time=moment(start) if node_list and not waits else None,
        end_time=moment(end) if state in FINAL else None,
        expected_start=moment(start) if waits else None,
        priority=number(priority),
        node_list=node_list,
        array_id=array if task not in {"", "N/A"} else None,
        command=_said(command) or "",
    )


def _said(text: str) -> str | None:
    return None if text in {"", "None", "(null)", "N/A"} else text
