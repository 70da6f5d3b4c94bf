"""Runs one job of the fake PBS, as the daemon of a node does."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import time
from pathlib import Path

from .records import finish, schedule
from .state import Tree, clock, opened, seconds_of

OVER_TIME = -29
"""Exit_status of a job that PBS ended since its time was over."""

GRACE = 2.0


def run(folder: Path, job_id: str) -> None:
    """Run the job to its end, however that comes."""
    with opened(folder) as state:
        record, hidden = state["jobs"][job_id], state["hidden"][job_id]
    environ = _environ(folder, job_id, record, hidden)
    script = folder / f"{job_id}.SC"
    script.write_text(hidden["script"])
    out = record["Output_Path"].partition(":")[2]
    err = out if record["Join_Path"] != "n" else record["Error_Path"].partition(":")[2]
    with open(out, "ab") as output, open(err, "ab") as errors:
        process = subprocess.Popen(
            [hidden["shell"], str(script)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            cwd=environ.get("HOME", "/"),
            env=environ,
            start_new_session=True,
        )
    began = time.monotonic()
    with opened(folder) as state:
        state["jobs"][job_id]["session_id"] = process.pid
        state["jobs"][job_id]["resources_used"] = _used(0.0, hidden)
    limit = seconds_of(record["Resource_List"].get("walltime", "")) or 10**9
    over, asked = False, None
    while process.poll() is None:
        over = over or time.monotonic() - began > limit
        if asked is None and (over or (folder / f"{job_id}.DEL").exists()):
            asked = time.monotonic()
            _signal(process, signal.SIGTERM)
        elif asked is not None and time.monotonic() - asked > GRACE:
            _signal(process, signal.SIGKILL)
        time.sleep(0.05)
    _signal(process, signal.SIGKILL)
    code = process.returncode
    with opened(folder) as state:
        state["hidden"][job_id]["used"] = _used(time.monotonic() - began, hidden)
        if over:
            state["jobs"][job_id]["comment"] += " and exceeded resource walltime"
            finish(state, job_id, OVER_TIME, 93, "failed")
        elif (folder / f"{job_id}.DEL").exists():
            finish(state, job_id, code if code >= 0 else 256 - code, 91, "terminated")
        else:
            status = code if code >= 0 else 256 - code
            finish(state, job_id, status, 93 if status else 92, "failed" if status else "finished")
        schedule(folder, state)


def _environ(folder: Path, job_id: str, record: Tree, hidden: Tree) -> dict[str, str]:
    nodes = folder / f"{job_id}.NODES"
    nodes.write_text("".join(f"{host}\n" for host in hidden["places"]))
    return {
        **hidden["environ"],
        **record["Variable_List"],
        "PBS_JOBID": job_id,
        "PBS_JOBNAME": record["Job_Name"],
        "PBS_QUEUE": record["queue"],
        "PBS_NODEFILE": str(nodes),
        "PBS_ENVIRONMENT": "PBS_BATCH",
        **({"PBS_ARRAY_INDEX": str(record["array_index"])} if "array_index" in record else {}),
    }


def _used(elapsed: float, hidden: Tree) -> Tree:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "cpupercent": 0,
        "cput": clock(spent.ru_utime + spent.ru_stime),
        "mem": f"{spent.ru_maxrss}kb",
        "ncpus": hidden["ncpus"],
        "vmem": "0kb",
        "walltime": clock(elapsed),
    }


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def main(arguments: list[str]) -> int:
    """Run the job of the second argument, of the server whose folder is the first."""
    run(Path(arguments[0]), arguments[1])
    return 0
