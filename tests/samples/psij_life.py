"""One life of an endpoint, as far as jobs go."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scripted_batch import ScriptedBatch, systems

from orbit_jupyter.host.batch import BatchJob, Ended
from orbit_plugins.psij.answers import JobStatus, Submitted
from orbit_plugins.psij.bodies import Submit
from orbit_plugins.psij.claims import Claim
from orbit_plugins.psij.jobs import FINAL
from orbit_plugins.psij.pace import Pace
from orbit_plugins.psij.service import Caller, JobService

TIMED_OUT = "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"


class Life:
    """One life of an endpoint, as far as jobs go; the next has the same folder."""

    def __init__(self, root: Path, batch: ScriptedBatch) -> None:
        self.root = root
        self.service = JobService(root, self._tell, systems(batch))
        self.service.handover.reports.watch.pace = Pace(3600)  # `look` says when
        self._changed = threading.Condition()
        self._events: list[dict[str, Any]] = []

    def _tell(self, event: dict[str, Any], session: str) -> None:
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()

    def submit(self, spec: dict[str, Any], executor: str = "local", key: str = "k") -> Submitted:
        return self.service.submit(Submit(spec, executor), Caller("s", key, "ann"))

    def status(self, job_id: str) -> JobStatus:
        return self.service.status(job_id, 0, 0)

    def ended(self, job_id: str) -> JobStatus:
        def done() -> bool:
            return any(event["job_id"] == job_id and event["state"] in FINAL for event in self._events)

        with self._changed:
            assert self._changed.wait_for(done, 30), self._events
        return self.status(job_id)

    def states(self, job_id: str) -> list[str]:
        with self._changed:
            return [event["state"] for event in self._events if event["job_id"] == job_id]

    def told(self, job_id: str) -> list[tuple[str, str | None]]:
        """Return the states that were told of a job, each with what was said of it."""
        with self._changed:
            return [(event["state"], event["message"]) for event in self._events if event["job_id"] == job_id]

    def look(self) -> None:
        """Ask the scheduler now."""
        self.service.handover.reports.watch.look()

    def die(self) -> None:
        """End as by SIGKILL: nothing is written any more, and the database is free for the next."""
        self.service.end()

    def claim(self, job_id: str) -> Claim:
        return Claim(self.root / "claims" / job_id)


class Queue:
    """Slurm's programs, and a queue whose jobs a test starts."""

    def __init__(self, put: Callable[[str, str], Path], folder: Path, batch: ScriptedBatch) -> None:
        self._put, self._folder, self._batch = put, folder, batch
        put("scontrol", "echo node1")
        put("squeue", "exit 1")  # nobody asks it
        put("scancel", f'echo "$@" >> {folder}/cancelled')

    def takes(self, native_id: str, *, answer: bool = True) -> None:
        """Take the next job; without an answer its submitter is told that the time is over."""
        says = f"echo Submitted batch job {native_id}" if answer else f"echo '{TIMED_OUT}' >&2; exit 1"
        self._put(
            "sbatch",
            f'cp "$1" {self._folder}/job.{native_id}; basename "$1" > {self._folder}/name.{native_id}; {says}',
        )

    @property
    def taken(self) -> set[str]:
        return {path.suffix[1:] for path in self._folder.glob("job.*")}

    def text(self, native_id: str) -> str:
        """Return the script that was submitted."""
        return (self._folder / f"job.{native_id}").read_text()

    def run(self, native_id: str, **variables: str) -> None:
        """Start a job that was taken, and wait for its end."""
        script = self._folder / f"job.{native_id}"
        subprocess.run(
            ["/bin/bash", script],
            env={**os.environ, "SLURM_JOB_ID": native_id, **variables},
            check=False,
            timeout=60,
        )

    def script(self, native_id: str) -> str:
        """Return the name of the script that was submitted."""
        return (self._folder / f"name.{native_id}").read_text().strip()

    @property
    def cancelled(self) -> list[str]:
        """The native ids that were cancelled, in their order."""
        path = self._folder / "cancelled"
        return [line.split()[-1] for line in path.read_text().splitlines()] if path.exists() else []

    def ended(self, native_id: str) -> None:
        """Have a job end that never started."""
        self._batch.end(Ended(job_id=native_id, state="CANCELED", native_state="CANCELLED"))

    def waits(self, native_id: str, script: str) -> None:
        """Have a job in the queue that was made of this script."""
        self._batch.put(BatchJob(job_id=native_id, command=script))

    def exit_code(self, native_id: str) -> int:
        return int((self._folder / "psij" / "work" / "slurm" / f"{native_id}.ec").read_text())
