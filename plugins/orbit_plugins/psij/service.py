"""What the plugin does, apart from routes and sessions. Everything here may block."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

from orbit_jupyter.plugin import ConflictError, InvalidFieldError

from . import offers
from .answers import Cancelled, Jobs, JobStatus, Launched, Offers, Submitted, TunnelStatus
from .bodies import Submit, SubmitTunneled
from .endpoints import Host, Launch, TokenFile, check_tunnel, checked_name, job_spec, name_in
from .executors import Executors, Report
from .here import check_here
from .jobs import FINAL, JobRecord, JobTable, StateChange
from .keeping import Keeper, keep_files
from .output import OutputFolder, read_from, read_tail
from .spec import JobSpec, parse_spec
from .translate import to_psij

Tell = Callable[[dict[str, Any], str], None]
"""(event, session): thread-safe, never blocks."""


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
        keep, work = keep_files(), root / "work"
        self.jobs = JobTable()
        self.executors = Executors(work, self._report, keep_files=keep)
        self._output = OutputFolder(root)
        self._keeper = Keeper(self._output.path, work, keep=keep)
        self._tell = tell
        self._ended = Event()

    def begin(self) -> None:
        """Import PSI/J, and remove what earlier lives have left; in a thread of its own, both take their time."""
        self.executors.warm()
        self._keeper.sweep(self.jobs.knows, self._ended.is_set)

    def end(self) -> None:
        """Have `begin` come to its end."""
        self._ended.set()

    def list_executors(self) -> Offers:
        """Return which executors and launchers there are, and what those lack that can't be used."""
        return {
            "executors": offers.executors(),
            "launchers": offers.launchers(),
            "default": offers.DEFAULT_EXECUTOR,
        }

    def submit(self, wanted: Submit, session: str, key: str = "") -> Submitted:
        """Start a job, once for each idempotency key, and return its ids."""
        return self.jobs.once(key, lambda: self._submit(wanted, session))

    def submit_tunneled(self, wanted: SubmitTunneled, session: str, key: str = "") -> Launched:
        """Start a job that is an endpoint, and return its ids and the endpoint's name."""
        return self.jobs.once(key, lambda: self._submit_tunneled(wanted, session))

    def tunnel_status(self, endpoint_name: str) -> TunnelStatus:
        """Return what has become of an endpoint's tunnel: none are made here yet."""
        return {"endpoint_name": endpoint_name, "status": "no_tunnel", "port": None, "pid": None}

    def launch(self, wanted: Launch, session: str, host: Host, key: str = "") -> Launched:
        """Start another endpoint as a job, and return its ids and its name."""
        return self.jobs.once(key, lambda: self._launch(wanted, session, host))

    def status(self, job_id: str, stdout_offset: int, stderr_offset: int) -> JobStatus:
        """Return a job's state and its output from two bytes on."""
        record = self.jobs.get(job_id)
        with record.lock:
            details, ended = record.details(), record.ended
        # The state first: output that was read before the end might lack its last lines.
        stdout, stdout_offset = read_from(record.stdout_path, stdout_offset, ended=ended)
        stderr, stderr_offset = read_from(record.stderr_path, stderr_offset, ended=ended)
        return {
            **details,
            "stdout": stdout,
            "stdout_offset": stdout_offset,
            "stderr": stderr,
            "stderr_offset": stderr_offset,
        }

    def list(self) -> Jobs:
        """Return all jobs that are known, oldest first."""
        return {"jobs": [record.summary() for record in self.jobs]}

    def cancel(self, job_id: str) -> Cancelled:
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

    def _submit_tunneled(self, wanted: SubmitTunneled, session: str) -> Launched:
        check_tunnel(wanted.tunnel)
        name = name_in(parse_spec(wanted.job_spec).arguments)
        return {**self._submit(wanted, session, name), "endpoint_name": name}

    def _launch(self, wanted: Launch, session: str, host: Host) -> Launched:
        name = checked_name(wanted.name, "name", own=host.name)
        token_file = TokenFile(name)
        job = Submit(job_spec(wanted, host, token_file.path), wanted.executor)
        try:
            submitted = self._submit(job, session, name, lambda: token_file.write(wanted.token))
            return {**submitted, "endpoint_name": name}
        except BaseException as error:
            token_file.undo()
            if isinstance(error, InvalidFieldError):
                raise _in_body(error) from None
            raise

    def _submit(
        self, wanted: Submit, session: str, endpoint: str | None = None, before: Callable[[], None] | None = None
    ) -> Submitted:
        spec = parse_spec(wanted.job_spec)
        self.executors.get(wanted.executor)
        if wanted.executor == "local":
            check_here(spec)
        record, native_id = self._start(spec, wanted.executor, session, endpoint, before)
        with record.lock:
            record.native_id = native_id
            record.submitted = True
            cancel = record.cancel_requested and not record.ended
        if cancel:  # asked for while the scheduler had no id for it yet
            self._cancel(record)
        return {"job_id": record.job_id, "native_id": native_id}

    def _start(
        self,
        spec: JobSpec,
        executor: str,
        session: str,
        endpoint: str | None,
        before: Callable[[], None] | None,
    ) -> tuple[JobRecord, str]:
        import psij

        job = psij.Job()
        stdout, stderr = self._output.files(job.id)
        stdout = Path(spec.stdout_path) if spec.stdout_path else stdout
        stderr = Path(spec.stderr_path) if spec.stderr_path else stderr
        job.spec = to_psij(spec, stdout, stderr, executor)
        history = [StateChange("NEW", time.time())]
        record = JobRecord(job.id, executor, session, spec, stdout, stderr, history, endpoint)
        # Before it is handed over: PSI/J's first report can come before submit returns.
        for forgotten in self.jobs.add(record):
            self._keeper.forget(forgotten)
        try:
            if before is not None:
                before()
            return record, self.executors.submit(executor, job)
        except BaseException:
            self.jobs.remove(job.id)
            self._keeper.forget(record)
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
        "name": record.spec.name,
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


def _in_body(error: InvalidFieldError) -> InvalidFieldError:
    """Return the error with its field as the body of a launch has it: there is no ``job_spec`` in that."""
    field, what = error.field or "", error.message
    for prefix in ("job_spec.", "attributes."):
        field, what = field.removeprefix(prefix), what.removeprefix(prefix)
    return InvalidFieldError(what, field=field or None, data=error.data)
