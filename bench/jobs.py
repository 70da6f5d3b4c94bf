"""Jobs of an endpoint: listed from its database, and watched in the queue of a scheduler."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from pathlib import Path

import msgspec
import psutil

from orbit_plugins.psij.jobs import JobRecord, StateChange
from orbit_plugins.psij.service import JobService
from orbit_plugins.psij.spec import parse_spec
from orbit_plugins.psij.table import JobTable

from .orbit import Orbit
from .processes import Processes
from .steps import Figures, Sizes, Step

LISTED, WATCHED = 10_000, 1_000

INTERVAL = 5.0
"""Seconds between two looks into the queue; half of the default, so that a round holds several."""

SETTLE = 16.0
"""Seconds after which looks have become as rare as that."""

# Fills in the format that it is given for each job, and counts how often it is asked.
SQUEUE = """#!/bin/sh
echo >> "$0.asked"
for word; do format=$word; done
printf %s "$format" | awk -v jobs={jobs} 'BEGIN {{ RS = "\\001" }} {{
    gsub(/%T/, "PENDING"); gsub(/%r/, "Priority"); gsub(/%u/, "bench"); gsub(/%P/, "batch"); gsub(/%[CD]/, "1")
    for (job = 1; job <= jobs; job++) {{
        line = $0
        gsub(/%[iF]/, job, line)
        gsub(/%[A-Za-z]/, "", line)
        printf "%s\\n", line
    }}
}}'
"""


class Jobs:
    """The steps of the group ``jobs``."""

    def __init__(self, processes: Processes, orbit: Orbit, sizes: Sizes) -> None:
        self._processes, self._orbit, self._sizes = processes, orbit, sizes
        self._rounds = 0

    def steps(self) -> list[Step]:
        """Return both."""
        return [
            Step(self.listed, ("jobs.list", "jobs.mib")),
            Step(self.watched, ("jobs.core", "jobs.queries")),
        ]

    async def listed(self) -> Figures:
        """List the jobs as the plugin's route does, up to the bytes that go on the wire."""
        return await asyncio.to_thread(self._list)

    def _list(self) -> Figures:
        root = self._processes.home / f"jobs-{uuid.uuid4().hex}"
        fill(root, LISTED, "local", ended=True)
        service = JobService(root, lambda event, session: None)
        try:
            service.page(1)  # it is open then, as an endpoint's is
            began = time.perf_counter()
            jobs = [msgspec.Raw(job) for job in service.page().jobs.values()]
            answer = msgspec.json.encode({"jobs": jobs})
            return {"jobs.list": (time.perf_counter() - began) * 1000, "jobs.mib": len(answer) / 2**20}
        finally:
            service.end()

    async def watched(self) -> Figures:
        """Start an endpoint whose jobs wait in a queue, and see what it takes when nothing happens."""
        self._rounds += 1
        name = f"watching{self._rounds}"
        fill(self._processes.home / ".radical" / "orbit" / "state" / name / "psij", WATCHED, "slurm", ended=False)
        programs = self._processes.home / f"{name}-bin"
        programs.mkdir()
        squeue = put(programs / "squeue", SQUEUE.format(jobs=WATCHED))
        process = self._processes.start(
            name,
            "orbit_jupyter.endpoint",
            f"--name={name}",
            f"--url={self._orbit.url}/orbit",
            "--plugins=psij",
            RADICAL_ORBIT_ENDPOINT_TOKEN=self._processes.endpoint_token(),
            RADICAL_ORBIT_PSIJ_POLL=str(INTERVAL),
            PATH=f"{programs}:{os.environ['PATH']}",
        )
        try:
            await asyncio.sleep(SETTLE)
            asked, used, began = times_asked(squeue), seconds_of(process.pid), time.perf_counter()
            # From shortly after a look, whole intervals.
            await asyncio.sleep(INTERVAL * max(1, round(self._sizes.pause / INTERVAL)))
            passed = time.perf_counter() - began
            queries = (times_asked(squeue) - asked) * INTERVAL / passed
            if not queries:
                raise RuntimeError(f"{name} didn't ask for its jobs:\n{self._processes.log(name)}")
            return {"jobs.core": (seconds_of(process.pid) - used) / passed * 100, "jobs.queries": queries}
        finally:
            await asyncio.to_thread(self._processes.end, process)


def fill(root: Path, count: int, executor: str, *, ended: bool) -> None:
    """Write jobs down as an endpoint does."""
    spec = parse_spec(
        {
            "executable": "/usr/bin/python3",
            "arguments": ["-m", "simulate", "--steps", "100000", "--seed", "4711"],
            "name": "simulation",
            "attributes": {"queue_name": "batch", "account": "project", "duration": 3600, "node_count": 1},
        }
    )
    states = ["NEW", "QUEUED", *(["ACTIVE", "COMPLETED"] if ended else [])]
    now, output, table = time.time(), root / "output", JobTable(root / "jobs.db")
    jobs = []
    for number in range(1, count + 1):
        job_id = str(uuid.uuid4())
        history = [StateChange(state, now + place) for place, state in enumerate(states)]
        out, err = output / f"{job_id}.out", output / f"{job_id}.err"
        job = JobRecord(job_id, executor, "s", spec, out, err, history, native_id=str(number), submitted=True)
        job.exit_code = 0 if ended else None
        jobs.append(job)
    table.add(jobs)
    table.close()


def put(path: Path, script: str) -> Path:
    """Write a program."""
    path.write_text(script, encoding="utf-8")
    path.chmod(0o755)
    return path


def times_asked(program: Path) -> int:
    """Return how often a program was started."""
    asked = program.with_name(f"{program.name}.asked")
    return asked.stat().st_size if asked.exists() else 0


def seconds_of(pid: int) -> float:
    """Return the processor time of a process, without the programs that it has started."""
    used = psutil.Process(pid).cpu_times()
    return float(used.user + used.system)
