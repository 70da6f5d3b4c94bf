"""From what a batch system says to what the routes answer."""

from __future__ import annotations

from orbit_jupyter.host.batch.model import Account, BatchJob, Ended, OwnAllocation, Queue

from .answers import Accounting, Allocation, AllocationEntry, JobEntry, QueueEntry

PBS_STATES = {
    "Q": "PENDING",
    "W": "PENDING",
    "T": "PENDING",
    "R": "RUNNING",
    "B": "RUNNING",
    "E": "COMPLETING",
    "F": "COMPLETED",
    "X": "COMPLETED",
    "H": "HELD",
    "S": "SUSPENDED",
    "U": "SUSPENDED",
    "M": "MOVED",
}
"""PBS's letters, and radical.orbit's words for them."""


def queue_entry(queue: Queue, backend: str) -> QueueEntry:
    """Return a queue as it is listed."""
    limit = _limit(queue.time_limit, backend)
    return {
        "name": queue.name,
        "state": queue.state,
        "default": queue.is_default,
        "time_limit": "UNLIMITED" if limit is None else limit,
        "time_limit_seconds": queue.time_limit,
        "default_time_seconds": queue.default_time,
        "nodes_total": queue.nodes_total,
        "nodes_available": queue.nodes_available,
        "nodes_idle": queue.nodes_idle,
        "cpus_per_node": queue.cpus_per_node or 0,
        "mem_per_node_mb": queue.mem_per_node_mb,
        "gpus_per_node": queue.gpus_per_node,
        "max_jobs_per_user": queue.max_jobs_per_user,
        "features": list(queue.features),
        "accounts": list(queue.accounts),
        "users": list(queue.users),
        "groups": list(queue.groups),
        "nodes_min": queue.nodes_min,
        "nodes_max": queue.nodes_max,
        "walltime_min": queue.walltime_min,
        "walltime_max": queue.time_limit,
    }


def job_entry(job: BatchJob, backend: str) -> JobEntry:
    """Return a job as it is listed."""
    return {
        "job_id": short_id(job.job_id, backend),
        "native_id": job.job_id,
        "job_name": job.name,
        "user": job.user,
        "partition": job.queue,
        "state": _state(job.native_state, backend),
        "common_state": job.state,
        "reason": job.reason,
        "nodes": job.nodes or 0,
        "cpus": job.cpus or 0,
        "time_limit": _limit(job.time_limit, backend),
        "time_limit_seconds": job.time_limit,
        "time_used": job.time_used,
        "submit_time": _second(job.submit_time),
        "start_time": _second(job.start_time),
        "end_time": _second(job.end_time),
        "expected_start": _second(job.expected_start),
        "priority": job.priority,
        "account": job.account or "",
        "node_list": job.node_list,
        "exit_code": job.exit_code,
        "array_id": None if job.array_id is None else short_id(job.array_id, backend),
    }


def accounting(ended: Ended, backend: str) -> Accounting:
    """Return what accounting knows of a job."""
    return {
        "state": _state(ended.native_state, backend),
        "common_state": ended.state,
        "exit_code": ended.exit_code,
        "reason": ended.reason,
        "submit_time": _second(ended.submit_time),
        "start_time": _second(ended.start_time),
        "end_time": _second(ended.end_time),
        "elapsed": ended.elapsed,
        "nodes": ended.nodes,
        "cpus": ended.cpus,
        "cpu_seconds": ended.cpu_seconds,
        "max_memory_mb": ended.max_memory_mb,
        "node_list": ended.node_list,
    }


def allocation(account: Account) -> Allocation:
    """Return what a user may charge jobs to."""
    entry: Allocation = {
        "account": account.account,
        "user": account.user,
        "fairshare": account.fairshare,
        "qos": ",".join(account.qos),
        "max_jobs": account.max_jobs,
        "max_submit": account.max_submit,
        "max_wall": account.max_wall,
        "grp_tres": account.grp_tres,
        "allocated_node_hours": account.allocated_node_hours,
        "used_node_hours": account.used_node_hours,
        "remaining_node_hours": account.remaining_node_hours,
    }
    return {**account.extra, **entry}  # type: ignore[typeddict-item]  # what sbank says besides


def own_allocation(own: OwnAllocation) -> AllocationEntry:
    """Return the allocation that the endpoint runs in."""
    return {
        "job_id": own.job_id,
        "partition": own.partition,
        "n_nodes": own.n_nodes,
        "nodelist": own.nodelist,
        "cpus_per_node": own.cpus_per_node,
        "gpus_per_node": own.gpus_per_node,
        "account": own.account,
        "job_name": own.job_name,
        "runtime": own.runtime,
        "end_time": _second(own.end_time),
    }


def short_id(job_id: str, backend: str) -> str:
    """Return a job's id as radical.orbit writes it: that of PBS ends at the first dot."""
    return job_id.partition(".")[0] if backend == "pbs" else job_id


def _limit(seconds: int | None, backend: str) -> int | None:
    """Return a time limit in radical.orbit's unit: Slurm's minutes, PBS's seconds."""
    if seconds is None or backend != "slurm":
        return seconds
    return -(-seconds // 60)


def _state(native: str, backend: str) -> str:
    return PBS_STATES.get(native, "UNKNOWN") if backend == "pbs" else native


def _second(when: float | None) -> int | None:
    return None if when is None else int(when)
