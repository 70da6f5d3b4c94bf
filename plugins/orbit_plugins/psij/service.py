"""What the plugin does, apart from routes and sessions. Everything here may block."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from orbit_jupyter.plugin import ConflictError, parse

from .executors import Executors, Report
from .jobs import FINAL, JobRecord, JobTable, StateChange
from .output import OutputFolder, read_from, read_tail
from .spec import JobSpec, check_here, parse_spec, to_psij

Tell = Callable[[dict[str, Any], str], None]
"""(event, session): thread-safe, never blocks."""


class _Submit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    job_spec: dict[str, Any]
    executor: str = "local"


class JobService:
    """The jobs of one endpoint's user.

    Parameters
    ----------
    root
        Where scripts and output go.
    tell
        Sends one ``job_status`` event.
    """

    def __init__(self, root: Path, tell: Tell) -> None:
        self.jobs = JobTable()
        self.executors = Executors(root / "work", self._report)
        self._output = OutputFolder(root)
        self._tell = tell

    def submit(self, body: object, session: str, key: str = "") -> dict[str, Any]:
        """Start a job, once for each idempotency key, and return its ids."""
        return self.jobs.once(key, lambda: self._submit(body, session))

    def status(self, job_id: str, stdout_offset: int, stderr_offset: int) -> dict[str, Any]:
        """Return a job's state and its output from two bytes on."""
        record = self.jobs.get(job_id)
        with record.lock:
            answer, ended = record.details(), record.ended
        # The state first: output that was read before the end might lack its last lines.
        answer["stdout"], answer["stdout_offset"] = read_from(record.stdout_path, stdout_offset, ended=ended)
        answer["stderr"], answer["stderr_offset"] = read_from(record.stderr_path, stderr_offset, ended=ended)
        return answer

    def list(self) -> dict[str, Any]:
        """Return all jobs that are known, oldest first."""
        return {"jobs": [record.summary() for record in self.jobs]}

    def cancel(self, job_id: str) -> dict[str, Any]:
        """Ask for a job's end; its state says when that has come.

        Raises
        ------
        ConflictError
            If it has ended by itself.
        """
        record = self.jobs.get(job_id)
        with record.lock:
            if record.ended:
                raise ConflictError(f"job {job_id} is {record.state}: there is nothing left to cancel")
            first, record.cancel_requested = not record.cancel_requested, True
            now = first and record.submitted
        if now:
            self._cancel(record)
        return {"job_id": job_id, "status": "canceled"}

    def _submit(self, body: object, session: str) -> dict[str, Any]:
        request = parse(body, _Submit)
        spec = parse_spec(request.job_spec)
        self.executors.get(request.executor)
        if request.executor == "local":
            check_here(spec)
        record, native_id = self._start(spec, request.executor, session)
        with record.lock:
            record.native_id = native_id
            record.submitted = True
            cancel = record.cancel_requested and not record.ended
        if cancel:  # asked for while the scheduler had no id for it yet
            self._cancel(record)
        return {"job_id": record.job_id, "native_id": native_id}

    def _start(self, spec: JobSpec, executor: str, session: str) -> tuple[JobRecord, str]:
        import psij

        job = psij.Job()
        stdout, stderr = self._output.files(job.id)
        stdout = Path(spec.stdout_path) if spec.stdout_path else stdout
        stderr = Path(spec.stderr_path) if spec.stderr_path else stderr
        job.spec = to_psij(spec, stdout, stderr)
        record = JobRecord(job.id, executor, session, spec, stdout, stderr, [StateChange("NEW", time.time())])
        # Before it is handed over: PSI/J's first report can come before submit returns.
        self.jobs.add(record)
        try:
            return record, self.executors.submit(executor, job)
        except BaseException:
            self.jobs.remove(job.id)
            raise

    def _cancel(self, record: JobRecord) -> None:
        try:
            self.executors.cancel(record.job_id)
        except Exception:
            with record.lock:
                record.cancel_requested = False
            raise

    def _report(self, report: Report) -> None:
        record = self.jobs.get(report.job_id)
        with record.lock:
            record.native_id = report.native_id or record.native_id
            if record.advance(report.state, report.time, report.exit_code, report.message):
                self._tell(_event(record), record.session)


def _event(record: JobRecord) -> dict[str, Any]:
    event: dict[str, Any] = {
        "job_id": record.job_id,
        "native_id": record.native_id,
        "state": record.state,
        "exit_code": None,
        "stdout": "",
        "stderr": "",
        "message": record.message,
        "time": record.time,
        "executable": record.spec.executable,
    }
    if record.state in FINAL:
        event["exit_code"] = record.exit_code
        event["stdout"], cut_out = read_tail(record.stdout_path)
        event["stderr"], cut_err = read_tail(record.stderr_path)
        if cut_out or cut_err:
            event["truncated"] = True
    return event
