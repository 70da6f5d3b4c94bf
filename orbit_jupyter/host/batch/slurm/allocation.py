"""The allocation that this process runs in, as Slurm says it in the job's environment."""

from __future__ import annotations

from collections.abc import Mapping

from ..model import BatchJob, OwnAllocation
from .values import moment, number


def from_job(job: BatchJob, environ: Mapping[str, str]) -> OwnAllocation:
    """Return the allocation that squeue tells of."""
    end = None
    if job.start_time is not None and job.time_limit is not None:
        end = job.start_time + job.time_limit
    return OwnAllocation(
        job_id=job.job_id,
        partition=job.queue or None,
        n_nodes=job.nodes,
        nodelist=job.node_list,
        cpus_per_node=_cpus(environ) or (job.cpus // job.nodes if job.cpus and job.nodes else None),
        gpus_per_node=_gpus(environ),
        account=job.account,
        job_name=job.name or None,
        runtime=job.time_limit,
        end_time=end,
    )


def from_environment(job_id: str, environ: Mapping[str, str]) -> OwnAllocation | None:
    """Return the allocation by the job's variables alone; None where they don't tell its end."""
    start, end = moment(environ.get("SLURM_JOB_START_TIME", "")), moment(environ.get("SLURM_JOB_END_TIME", ""))
    if start is None or end is None:
        return None
    return OwnAllocation(
        job_id=job_id,
        partition=environ.get("SLURM_JOB_PARTITION"),
        n_nodes=number(environ.get("SLURM_JOB_NUM_NODES", "")),
        nodelist=environ.get("SLURM_JOB_NODELIST", ""),
        cpus_per_node=_cpus(environ),
        gpus_per_node=_gpus(environ),
        account=environ.get("SLURM_JOB_ACCOUNT"),
        job_name=environ.get("SLURM_JOB_NAME"),
        runtime=int(end - start),
        end_time=end,
    )


def _cpus(environ: Mapping[str, str]) -> int | None:
    # 8(x2),4: two nodes with 8, one with 4
    return number(environ.get("SLURM_JOB_CPUS_PER_NODE", "").split(",")[0].split("(")[0])


def _gpus(environ: Mapping[str, str]) -> int | None:
    count = number(environ.get("SLURM_GPUS_ON_NODE", ""))
    if count is None and environ.get("SLURM_JOB_GPUS"):
        return environ["SLURM_JOB_GPUS"].count(",") + 1
    return count
