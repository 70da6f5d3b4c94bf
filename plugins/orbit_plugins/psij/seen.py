"""What the answers of a batch system mean for one job, and whose jobs they are about."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
from collections.abc import Iterable

from orbit_jupyter.host.batch.model import BatchJob, Ended

from .answers import ResourcesUsed
from .arrays import index_of
from .jobs import JobRecord


def own_user() -> str:
    """Return the name of the user that this process runs as, which the environment may not know."""
    uid = os.getuid()
    with contextlib.suppress(KeyError):
        return pwd.getpwuid(uid).pw_name
    return str(uid)


def own_groups() -> frozenset[str] | None:
    """Return the names of this user's groups; None where they don't matter, or aren't all known."""
    if os.getuid() == 0:  # schedulers let root in anywhere
        return None
    names: set[str] = set()
    for gid in {os.getgid(), *os.getgroups()}:
        try:
            names.add(grp.getgrgid(gid).gr_name)
        except KeyError:
            return None
    return frozenset(names)


def used_by(ended: Ended) -> ResourcesUsed:
    """Return what a job has used, as far as accounting says it."""
    used: ResourcesUsed = {}
    if ended.elapsed is not None:
        used["elapsed"] = ended.elapsed
    if ended.cpu_seconds is not None:
        used["cpu_seconds"] = ended.cpu_seconds
    if ended.max_memory_mb is not None:
        used["max_memory_mb"] = ended.max_memory_mb
    if ended.nodes is not None:
        used["nodes"] = ended.nodes
    if ended.cpus is not None:
        used["cpus"] = ended.cpus
    if ended.node_list:
        used["node_list"] = ended.node_list
    return used


def native_id_in(record: JobRecord, jobs: Iterable[BatchJob]) -> str | None:
    """Return which of the scheduler's jobs was made of PSI/J's script for this one: the script's name says it."""
    script, task = f"{record.array_id or record.job_id}.job", None
    if record.array_id is not None:
        task = f"_{index_of(record.job_id)}"
    for job in jobs:
        ours = job.command.endswith(f"/{script}") or job.name == script
        if ours and (task is None or job.job_id.endswith(task)):
            return job.job_id
    return None
