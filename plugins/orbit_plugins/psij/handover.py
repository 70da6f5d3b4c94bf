"""From a request to a job that PSI/J has in hand, and what becomes of it. Everything here may block."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orbit_jupyter.plugin import ConflictError, ResourceNotFoundError
from orbit_jupyter.plugin.intents import Intent

from .answers import Submitted
from .bodies import Submit
from .claims import Claim, can_claim
from .executors import Executors, Report
from .here import check_here
from .jobs import FINAL, JobRecord, JobTable, StateChange
from .keeping import Keeper, keep_files
from .output import OutputFolder, read_tail
from .spec import JobSpec, parse_spec
from .translate import to_psij

if TYPE_CHECKING:
    import psij

log = logging.getLogger("orbit.psij")

Tell = Callable[[dict[str, Any], str], None]
"""(event, session): thread-safe, never blocks."""

_ID = re.compile(r"^[0-9A-Za-z-]+$")


@dataclass(frozen=True)
class Order:
    """A job as it was asked for: by which session, which endpoint it is to be, and what is done just before."""

    wanted: Submit
    session: str
    endpoint: str | None = None
    before: Callable[[], None] = lambda: None


class Handover:
    """Hands jobs over to PSI/J, and takes in what it reports of them.

    Parameters
    ----------
    root
        Where scripts, claims and output go.
    tell
        Sends one ``job_status`` event.
    """

    def __init__(self, root: Path, tell: Tell) -> None:
        keep, work = keep_files(), root / "work"
        self.jobs = JobTable()
        self.executors = Executors(work, self._report, keep_files=keep)
        self._output = OutputFolder(root)
        self._claims = root / "claims"
        self.keeper = Keeper(self._output.path, work, self._claims, keep=keep)
        self._tell = tell

    def get(self, job_id: str) -> JobRecord:
        """Return a job.

        Raises
        ------
        ResourceNotFoundError
            If there is none of that id; with what is known of one from before this endpoint was started.
        """
        try:
            return self.jobs.get(job_id)
        except ResourceNotFoundError:
            claim = Claim(self._claims / job_id)
            if not _ID.match(job_id) or not claim.exists:
                raise
            raise ResourceNotFoundError(_of_earlier_life(job_id, claim)) from None

    def submit(self, order: Order, intent: Intent) -> Submitted:
        """Start a job, or find the one that an earlier try has started."""
        spec = parse_spec(order.wanted.job_spec)
        executor, job_id = order.wanted.executor, str(intent.note["job_id"])
        if intent.again:
            if self.jobs.knows(job_id):
                return self._answer(self.jobs.get(job_id))
            if not can_claim(spec, executor):
                raise ConflictError(
                    f"{executor} may have this job already, and nobody knows: the first try to submit it had no "
                    "answer. Look there, and submit it with a new key if it is missing"
                )
            record = self._record(spec, order, job_id, again=True)
            assert record.claim is not None
            holder = record.claim.holder()
            if holder is not None:
                self._add(record)
                self._follow(record, holder.native_id)
                return self._answer(record)
        self.executors.get(executor)
        if executor == "local":
            check_here(spec)
        record = self._record(spec, order, job_id, again=intent.again, claimed=bool(intent.key))
        native_id = self._start(record, order.before)
        with record.lock:
            record.native_id = record.followed or native_id
            record.submitted = True
            cancel = record.cancel_requested and not record.ended
        if cancel:  # asked for while the scheduler had no id for it yet
            self._cancel(record)
        return self._answer(record)

    def take_up(self, order: Order, job_id: str, native_id: str) -> None:
        """Follow a job again that was submitted before this endpoint was started, as far as that can be done."""
        claim = Claim(self._claims / job_id)
        if self.jobs.knows(job_id) or not claim.exists:
            return
        try:
            record = self._record(parse_spec(order.wanted.job_spec), order, job_id, again=True)
            holder = claim.holder()
            self._add(record)
            self._follow(record, native_id if holder is None else holder.native_id)
        except Exception:
            # The first answer counts, whatever has become of the machine since.
            log.exception("job %s can't be followed any more", job_id)
            self.jobs.remove(job_id)

    def cancel(self, record: JobRecord) -> None:
        """Ask for a job's end."""
        with record.lock:
            if record.ended:
                raise ConflictError(f"job {record.job_id} is {record.state}: there is nothing left to cancel")
            first, record.cancel_requested = not record.cancel_requested, True
            now = first and record.submitted
        if now:
            self._cancel(record)

    def _cancel(self, record: JobRecord) -> None:
        try:
            if record.again and record.claim is not None:
                # Another try of it may wait in a queue: it shall not start any more, or be what is ended.
                holder = record.claim.close()
                with record.lock:
                    if holder is not None and holder.native_id != record.native_id:
                        self._follow(record, holder.native_id)
            self.executors.cancel(record.job_id)
        except Exception:
            with record.lock:
                record.cancel_requested = False
            raise

    def _record(
        self, spec: JobSpec, order: Order, job_id: str, *, again: bool = False, claimed: bool = True
    ) -> JobRecord:
        stdout, stderr = self._output.files(job_id)
        executor = order.wanted.executor
        return JobRecord(
            job_id,
            executor,
            order.session,
            spec,
            Path(spec.stdout_path) if spec.stdout_path else stdout,
            Path(spec.stderr_path) if spec.stderr_path else stderr,
            [StateChange("NEW", time.time())],
            order.endpoint,
            claim=Claim(self._claims / job_id) if claimed and can_claim(spec, executor) else None,
            again=again,
        )

    def _add(self, record: JobRecord) -> None:
        for forgotten in self.jobs.add(record):
            self.keeper.forget(forgotten)

    def _start(self, record: JobRecord, before: Callable[[], None]) -> str:
        job, spec = self._job(record), record.spec
        assert job.spec is not None
        # Before it is handed over: PSI/J's first report can come before submit returns.
        self._add(record)
        try:
            if record.claim is not None:
                job.spec.pre_launch, job.spec.post_launch = record.claim.scripts(spec, record.executor)
            before()
            return self.executors.submit(record.executor, job)
        except BaseException as error:
            self.jobs.remove(job.id)
            # Where nobody knows whether the scheduler has it, a repeat of its key must find what is there.
            if record.claim is None or (not record.again and getattr(error, "status", 500) < 500):
                self.keeper.forget(record)
            raise

    def _job(self, record: JobRecord) -> psij.Job:
        import psij

        job = psij.Job()
        job._id = record.job_id
        job.spec = to_psij(record.spec, record.stdout_path, record.stderr_path, record.executor)
        return job

    def _answer(self, record: JobRecord) -> Submitted:
        return {"job_id": record.job_id, "native_id": record.native_id or ""}

    def _follow(self, record: JobRecord, native_id: str) -> None:
        """Turn to the job that has the claim, whichever try it comes from."""
        claim = record.claim
        assert claim is not None
        with record.lock:
            record.followed = record.native_id = native_id
            record.submitted = True
        code = claim.exit_code()
        if code is not None:
            state = "FAILED" if code else "COMPLETED"
            self._report(Report(record.job_id, native_id, state, claim.ended_at, code, None))
        elif native_id:
            self.executors.follow(record.executor, self._job(record), native_id, claim)
        else:
            message = "it was cancelled before it began"
            self._report(Report(record.job_id, None, "CANCELED", time.time(), None, message))

    def _report(self, report: Report) -> None:
        record = self.jobs.get(report.job_id)
        with record.lock:
            if record.followed is not None and report.native_id not in (None, record.followed):
                return
            if report.state in FINAL and self._another_runs(record, report):
                return
            record.native_id = report.native_id or record.native_id
            state, code = report.state, report.exit_code
            if state in FINAL and code is None and record.claim is not None:
                code = record.claim.exit_code()
                state = "FAILED" if code and state == "COMPLETED" else state
            if record.advance(state, report.time, code, report.message):
                self._tell(_event(record), record.session)

    def _another_runs(self, record: JobRecord, report: Report) -> bool:
        """Return whether this is the end of a job that wasn't the one to run, and turn to that one."""
        if record.claim is None:
            return False
        # After its end none of its other tries shall start any more.
        holder = record.claim.close() if record.again else record.claim.holder()
        if holder is None or holder.native_id == report.native_id:
            return False
        try:
            self._follow(record, holder.native_id)
        except Exception:
            log.exception("job %s runs as %s, which can't be followed", record.job_id, holder.native_id)
            return False
        return True


def _of_earlier_life(job_id: str, claim: Claim) -> str:
    holder, code = claim.holder(), claim.exit_code()
    began = "it hasn't begun yet" if holder is None else f"it ran as {holder.native_id} on {holder.host}"
    end = f"ended with exit code {code}" if code is not None else "nothing is known of its end"
    what = began if holder is None else f"{began}, and {end}"
    return (
        f"job {job_id} was submitted before this endpoint was started, and isn't followed any more: {what}; "
        "the same submit with the same idempotency key follows it again"
    )


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
