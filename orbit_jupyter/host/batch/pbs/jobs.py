"""The jobs that PBS has, and had: records of ``qstat -f``."""

from __future__ import annotations

from collections.abc import Mapping

from ..model import BatchJob, Ended, OwnAllocation, State
from .answers import Tree
from .values import exit_code, hosts, mebibytes, moment, number, seconds

# Source: "Job States" in the PBS Professional Reference Guide; C is Torque's.
STATES: dict[str, State] = {
    "Q": "QUEUED",
    "W": "QUEUED",  # until the time that it was submitted for, or its files are staged in
    "T": "QUEUED",  # on its way to another server or queue
    "M": "QUEUED",  # it has been moved to another server
    "H": "HELD",
    "B": "ACTIVE",  # an array of which a task has started
    "R": "ACTIVE",
    "E": "ACTIVE",  # after its end, while its files are staged out
    "S": "SUSPENDED",
    "U": "SUSPENDED",  # by the user of a workstation that it runs on
    "F": "COMPLETED",
    "X": "COMPLETED",  # a task of an array
    "C": "COMPLETED",
}

TERMINATED = 91
"""Substate of a job that qdel ended. Source: JOB_SUBSTATE_TERMINATED in OpenPBS's job.h."""

NO_PROJECT = "_pbs_project_default"


def parse_jobs(records: Mapping[str, Tree], user: str | None = None) -> list[BatchJob]:
    """Return the jobs of a user, or all; an array is its tasks, where those are listed, or else one job."""
    with_tasks = {str(record["array_id"]) for record in records.values() if "array_id" in record}
    jobs = (_job(job_id, record) for job_id, record in records.items() if job_id not in with_tasks)
    return [job for job in jobs if user is None or job.user == user]


def parse_ended(records: Mapping[str, Tree]) -> dict[str, Ended]:
    """Return what the history has of jobs, by native id."""
    return {job_id: _ended(job_id, record) for job_id, record in records.items()}


def own(job_id: str, record: Tree) -> OwnAllocation:
    """Return the allocation that a job's record tells of."""
    job = _job(job_id, record)
    wanted = _inner(record, "Resource_List")
    end = None
    if job.start_time is not None and job.time_limit is not None:
        end = job.start_time + job.time_limit
    gpus = number(wanted.get("ngpus"))
    return OwnAllocation(
        job_id=job_id,
        partition=job.queue or None,
        n_nodes=job.nodes,
        nodelist=job.node_list,
        cpus_per_node=job.cpus // job.nodes if job.cpus and job.nodes else None,
        gpus_per_node=gpus // job.nodes if gpus and job.nodes else None,
        account=job.account,
        job_name=job.name or None,
        runtime=job.time_limit,
        end_time=end,
    )


def _job(job_id: str, record: Tree) -> BatchJob:
    native = str(record.get("job_state", ""))
    state = _state(native, record)
    wanted, used = _inner(record, "Resource_List"), _inner(record, "resources_used")
    project = record.get("project")
    account = record.get("Account_Name") or (project if project != NO_PROJECT else None)
    final = state in {"COMPLETED", "FAILED", "CANCELED"}
    waits = state in {"QUEUED", "HELD"}
    return BatchJob(
        job_id=job_id,
        name=str(record.get("Job_Name", "")),
        user=str(record.get("Job_Owner", "")).partition("@")[0],
        queue=str(record.get("queue", "")),
        account=None if account is None else str(account),
        state=state,
        native_state=native,
        reason=_reason(record),
        nodes=number(wanted.get("nodect")),
        cpus=number(wanted.get("ncpus")),
        time_limit=seconds(wanted.get("walltime")),
        time_used=seconds(used.get("walltime")),
        submit_time=moment(record.get("ctime")),
        start_time=None if waits else _start(record),
        end_time=_end(record) if final else None,
        expected_start=moment(_inner(record, "estimated").get("start_time")) if waits else None,
        priority=number(record.get("Priority")),
        node_list=",".join(hosts(record.get("exec_host"))),
        exit_code=exit_code(_status(record)) if final else None,
        array_id=str(record["array_id"]) if "array_id" in record else None,
        command=str(record.get("Submit_arguments", "")),  # its options, and at the end the script
    )


def _ended(job_id: str, record: Tree) -> Ended:
    job = _job(job_id, record)
    used = _inner(record, "resources_used")
    return Ended(
        job_id=job_id,
        state=job.state,
        native_state=job.native_state,
        exit_code=job.exit_code,
        reason=job.reason,
        submit_time=job.submit_time,
        start_time=job.start_time,
        end_time=job.end_time,
        elapsed=job.time_used,
        nodes=job.nodes,
        cpus=job.cpus,
        cpu_seconds=seconds(used.get("cput")),
        max_memory_mb=mebibytes(used.get("mem")),
        node_list=job.node_list,
    )


def _state(native: str, record: Tree) -> State:
    # Of a state that isn't in the table all that is known is whether it has started; it is never taken for an end.
    state = STATES.get(native) or ("ACTIVE" if record.get("exec_host") else "QUEUED")
    if state == "COMPLETED":
        if number(record.get("substate")) == TERMINATED:
            return "CANCELED"
        status = _status(record)
        if status is None:
            return "COMPLETED" if native == "X" else "CANCELED"  # it never ran
        return "COMPLETED" if status == 0 else "FAILED"
    return state


def _status(record: Tree) -> int | None:
    return number(record.get("Exit_status", record.get("exit_status")))


def _reason(record: Tree) -> str | None:
    said = str(record.get("comment") or "").strip()
    if not said and str(record.get("job_state")) == "H":
        kinds = {"u": "user", "o": "operator", "s": "system", "p": "bad password"}
        holds = [kind for letter, kind in kinds.items() if letter in str(record.get("Hold_Types", ""))]
        return f"held by {', '.join(holds)}" if holds else None
    return said or None


def _start(record: Tree) -> float | None:
    return moment(record.get("stime", record.get("start_time")))


def _end(record: Tree) -> float | None:
    return (
        moment(record.get("obittime"))
        or moment(record.get("history_timestamp"))
        or moment(record.get("comp_time"))
    )


def _inner(record: Tree, name: str) -> Tree:
    found = record.get(name, {})
    return found if isinstance(found, dict) else {}
