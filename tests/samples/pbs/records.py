"""Jobs, queues and nodes of the fake PBS, and which job starts when."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from .state import Tree, stamp

VERSION = "23.06.06"

QUEUES: Tree = {
    "workq": {"resources_max": {"walltime": "00:30:00"}},
    "batch": {"resources_max": {"walltime": "24:00:00"}},
    "gpu": {"acl_user_enable": "True", "acl_users": "alice@*", "resources_max": {"ncpus": 4}},
}


def python(module: str) -> list[str]:
    """Return the command of a module here; it starts quickly, and sets no variable that jobs would see."""
    path = str(Path(__file__).parent.parent)
    code = f"import sys; sys.path.insert(0, {path!r}); from pbs.{module} import main; sys.exit(main(sys.argv[1:]))"
    return [sys.executable, "-S", "-E", "-c", code]


def new(hosts: list[str], cpus: int) -> Tree:
    """Return the state of a server that has just been started; the first host is the server's."""
    return {"next": 0, "server": hosts[0], "hosts": hosts, "cpus": cpus, "jobs": {}, "hidden": {}}


def used(state: Tree) -> dict[str, int]:
    """Return the processors that jobs have, by node."""
    busy = dict.fromkeys(state["hosts"], 0)
    for job_id, record in state["jobs"].items():
        if record["job_state"] in {"R", "E"} and "array" not in record:
            for host in state["hidden"][job_id]["places"]:
                busy[host] += state["hidden"][job_id]["ncpus"]
    return busy


def schedule(folder: Path, state: Tree) -> None:
    """Start the waiting jobs that fit."""
    for job_id, record in state["jobs"].items():
        if record["job_state"] != "Q" or "array" in record:
            continue
        hidden = state["hidden"][job_id]
        chunks, cpus, most = hidden["chunks"], hidden["ncpus"], state["cpus"]
        busy = used(state)
        free = {host: (most - taken) // cpus if cpus else 1 for host, taken in busy.items()}
        places: list[str] = []
        for host in state["hosts"] * (chunks if hidden["pack"] else 1):
            places += [host] * min(free[host] if hidden["pack"] else bool(free[host]), chunks - len(places))
            free[host] = 0 if hidden["pack"] else free[host]
        if len(places) == chunks:
            _start(folder, state, job_id, places)
            continue
        idle = sum(most - taken for taken in busy.values())
        total = most * len(state["hosts"])
        never = cpus > most or chunks * cpus > total or (not hidden["pack"] and chunks > len(state["hosts"]))
        word = "Can Never Run" if never else "Not Running"
        record["comment"] = (
            f"{word}: Insufficient amount of resource: ncpus (R: {chunks * cpus} A: {idle} T: {total})"
        )


def _start(folder: Path, state: Tree, job_id: str, places: list[str]) -> None:
    record, hidden = state["jobs"][job_id], state["hidden"][job_id]
    hidden["places"] = places
    record["job_state"], record["substate"], record["stime"] = "R", 42, stamp()
    times = f"*{hidden['ncpus']}" if hidden["ncpus"] > 1 else ""
    record["exec_host"] = "+".join(f"{host}/0{times}" for host in places)
    vnodes = "+".join(f"({host}:ncpus={hidden['ncpus']})" for host in places)
    record["exec_vnode"] = vnodes
    record["run_count"] = record.get("run_count", 0) + 1
    record["comment"] = f"Job run at {time.strftime('%a %b %d at %H:%M')} on {vnodes}"
    parent = state["jobs"].get(record.get("array_id", ""))
    if parent is not None:
        parent["job_state"], parent["substate"] = "B", 70
    mom = subprocess.Popen(
        [*python("mom"), str(folder), job_id],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    hidden["mom"] = mom.pid
    mom.returncode = 0  # it is nobody's to wait for


def finish(state: Tree, job_id: str, status: int | None, substate: int, why: str) -> None:
    """Put a job into the history."""
    record = state["jobs"][job_id]
    task = "array_id" in record
    record["job_state"], record["substate"] = ("X" if task else "F"), substate
    record["obittime"], record["history_timestamp"] = stamp(), int(time.time())
    if status is not None:
        record["Stageout_status"], record["Exit_status"] = 1, status
        record["resources_used"] = {**record.get("resources_used", {}), **state["hidden"][job_id].get("used", {})}
    record["comment"] = f"{record.get('comment', 'Job')} and {why}"
    if task:
        tasks = [job for job in state["jobs"].values() if job.get("array_id") == record["array_id"]]
        if all(job["job_state"] == "X" for job in tasks):
            parent = state["jobs"][record["array_id"]]
            parent["job_state"], parent["substate"] = "F", 92
            parent["Exit_status"] = max(job.get("Exit_status", 1) for job in tasks)


def queue_records(state: Tree) -> Tree:
    """Return what qstat tells of the queues."""
    return {
        name: {
            "queue_type": "Execution",
            "total_jobs": sum(
                job["queue"] == name and job["job_state"] not in "FX" for job in state["jobs"].values()
            ),
            **limits,
            "enabled": "True",
            "started": "True",
        }
        for name, limits in QUEUES.items()
    }


def server_records(state: Tree) -> Tree:
    """Return what qstat tells of the server."""
    return {
        state["server"]: {
            "server_state": "Active",
            "server_host": state["server"],
            "scheduling": "True",
            "default_queue": "workq",
            "resources_default": {"ncpus": 1},
            "pbs_version": VERSION,
        }
    }


def node_records(state: Tree) -> Tree:
    """Return what pbsnodes tells of the nodes."""
    busy = used(state)
    found: Tree = {}
    for host in state["hosts"]:
        here = [job for job, hidden in state["hidden"].items() if host in hidden.get("places", ())]
        running = [job for job in here if state["jobs"][job]["job_state"] == "R"]
        found[host] = {
            "Mom": host,
            "ntype": "PBS",
            "state": "job-busy" if busy[host] >= state["cpus"] else "free",
            "pcpus": 2,
            **({"jobs": running} if running else {}),
            "resources_available": {
                "arch": "linux",
                "host": host,
                "mem": "24684084kb",
                "ncpus": state["cpus"],
                "vnode": host,
            },
            "resources_assigned": {"ncpus": busy[host]},
            "resv_enable": "True",
            "sharing": "default_shared",
            "license": "l",
        }
    return found
