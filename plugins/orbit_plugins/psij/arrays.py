"""Arrays: one job for the scheduler, whose tasks are jobs of their own here.

Slurm has a task's number in a variable, and PSI/J nothing of the kind: the script that claims a task also says
where its output goes.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from orbit_jupyter.plugin import InvalidFieldError
from orbit_jupyter.state import write_whole

from .bodies import SubmitArray
from .claims import Claim
from .spec import JobSpec

NATIVE = frozenset({"slurm"})
"""Executors whose scheduler gets an array as one; for `local` each task is a job."""

MOST_LOCAL = 64
"""Tasks of an array on this machine: they all start at once."""

INDEX = "ORBIT_ARRAY_INDEX"
"""The variable with a task's number, from 0, whatever runs it."""

OPTION = {"slurm": "slurm.array"}

_TASK = "${SLURM_ARRAY_TASK_ID:?}"
_NATIVE_ID = "${SLURM_ARRAY_JOB_ID:-}_${SLURM_ARRAY_TASK_ID:-}"

_ID = re.compile(r"^(.*)-(\d+)$")


@dataclass(frozen=True)
class Task:
    """One task: its number, and what it is given."""

    index: int
    arguments: list[str]


def tasks_of(wanted: SubmitArray, spec: JobSpec, executor: str) -> list[Task]:
    """Return the tasks that are asked for.

    Raises
    ------
    InvalidFieldError
        None is, or too many; or the executor has no arrays.
    """
    if (wanted.count is None) == (wanted.arguments is None):
        raise InvalidFieldError("count: give either count or arguments", field="count")
    lists = wanted.arguments or [[]] * (wanted.count or 0)
    tasks = [Task(index, [*spec.arguments, *more]) for index, more in enumerate(lists)]
    if not tasks:
        raise InvalidFieldError("arguments: an array has at least one task", field="arguments")
    if executor == "local" and len(tasks) > MOST_LOCAL:
        what = f"{len(tasks)} tasks would all start at once here; at most {MOST_LOCAL} can"
        why = f"count: {what}. Submit fewer, or one job that runs them one after another"
        raise InvalidFieldError(why, field="count", data={"limit": MOST_LOCAL})
    if executor not in NATIVE and executor != "local":
        raise InvalidFieldError(
            f"executor: arrays are there for slurm and local, not for {executor}; submit each task as a job",
            field="executor",
        )
    return tasks


def task_id(array_id: str, index: int) -> str:
    """Return the job id of a task."""
    return f"{array_id}-{index}"


def index_of(job_id: str) -> int | None:
    """Return the number of a task, by its job id."""
    found = _ID.match(job_id)
    return None if found is None else int(found[2])


def stream_of(path: str | None, default: Path, index: int) -> Path:
    """Return where a task writes: into the user's file with its number behind, or into one of its own."""
    return Path(f"{path}.{index}") if path else default


def with_array(spec: JobSpec, executor: str, count: int, at_once: int | None) -> JobSpec:
    """Return a spec that asks for an array."""
    tasks = f"0-{count - 1}" + (f"%{at_once}" if at_once else "")
    return msgspec.structs.replace(spec, custom_attributes={**spec.custom_attributes, OPTION[executor]: tasks})


class ArrayClaim(Claim):
    """The claims of an array's tasks, each in a folder of its number.

    Parameters
    ----------
    folder
        Of the array.
    streams
        Where a task's stdout and stderr go: what stands before its number, and what behind.
    """

    def __init__(self, folder: Path, streams: Sequence[tuple[str, str]]) -> None:
        super().__init__(folder)
        self._streams = streams

    def scripts(self, spec: JobSpec, executor: str) -> tuple[str, str]:
        """Write what is sourced before and after a task's program; return where."""
        own = f"_orbit_folder={shlex.quote(str(self.folder))}/{_TASK}"
        out, err = (f"{shlex.quote(before)}{_TASK}{behind}" for before, behind in self._streams)
        before = f"""{own}
mkdir -p "$_orbit_folder"
export {INDEX}={_TASK}
_PSI_J_STDOUT={out}
_PSI_J_STDERR={err}
"""
        pre, post = self.texts('"$_orbit_folder"', _NATIVE_ID, local=False)
        # A program may have changed directories and variables, but not the number of its task.
        return (
            self.script("pre.sh", before + pre, spec.pre_launch),
            self.script("post.sh", f"{own}\n{post}", spec.post_launch),
        )

    def program(self, executable: str, tasks: list[Task]) -> str:
        """Write a script that runs the program with the arguments of a task; return where."""
        cases = "\n".join(f"{task.index}) set -- {shlex.join(task.arguments)} ;;" for task in tasks)
        text = f'case "{_TASK}" in\n{cases}\nesac\nexec {shlex.quote(executable)} "$@"\n'
        path = self.folder / "task.sh"
        write_whole(path, text.encode())
        return str(path)
