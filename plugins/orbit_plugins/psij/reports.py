"""What PSI/J and the schedulers report of jobs: taken in, written down, told. Everything here may block."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .answers import ResourcesUsed
from .arrays import index_of
from .executors import WATCHED, Executors, Report
from .following import Following
from .jobs import FINAL, RANK, JobRecord
from .keeping import Keeper
from .output import read_tail
from .table import JobTable
from .translate import to_psij
from .watch import Systems, Watch
from .why import ended_because

if TYPE_CHECKING:
    import psij

log = logging.getLogger("orbit.psij")

INTERRUPTED = "the endpoint ended while it handed this job over"

Tell = Callable[[dict[str, Any], str], None]
"""(event, session): thread-safe, never blocks."""


class Reports:
    """Brings each job to the state that is reported of it, and tells of it once.

    Parameters
    ----------
    jobs
        Where jobs are written down.
    work
        Where PSI/J puts its scripts.
    keeper
        Removes what jobs leave.
    tell
        Sends one ``job_status`` event.
    systems
        Returns the reader of a batch system.
    """

    def __init__(self, jobs: JobTable, work: Path, keeper: Keeper, tell: Tell, systems: Systems) -> None:
        self._jobs, self._work, self._keeper, self._tell = jobs, work, keeper, tell
        self.following = Following()
        self.executors = Executors(work, self.take, keep_files=keeper.keeps)
        self.watch = Watch(systems, jobs.live, self)

    def take(self, report: Report) -> None:
        """Take a report in; of several tries of a job only the one that runs counts."""
        record = self._jobs.find(report.job_id)
        if record is None:  # it was refused meanwhile
            return
        with record.lock:
            if record.ended or (record.followed is not None and report.native_id not in (None, record.followed)):
                return
            if report.state in FINAL:
                if not self._another_runs(record, report):
                    self._end(record, report)
                return
            new_id = report.native_id not in (None, record.native_id)
            record.native_id = report.native_id or record.native_id
            if record.advance(report.state, report.time, None, report.message):
                self._changed(record)
            elif (message := _in_between(record, report)) != record.message or new_id:
                record.message = message
                self._jobs.save(record)
                if record.executor in WATCHED:  # PSI/J itself repeats states where it follows a job anew
                    self._tell(_event(record), record.session)

    def follow(self, record: JobRecord, native_id: str) -> None:
        """Turn to a job that was handed over before, or to the try of it that has the claim."""
        claim = record.claim
        with record.lock:
            record.followed = record.native_id = native_id
            record.submitted = True
            self._jobs.save(record)
        if not native_id:
            message = "it was cancelled before it began"
            self.take(Report(record.job_id, None, "CANCELED", time.time(), None, message))
        elif record.executor in WATCHED:
            self.executors.drop(record.job_id)  # which may be another try of it
            if record.state == "NEW":
                self.take(Report(record.job_id, native_id, "QUEUED", time.time(), None, None))
            self.watch.stir()
        elif claim is not None and (code := claim.exit_code()) is not None:
            state = "FAILED" if code else "COMPLETED"
            self.take(Report(record.job_id, native_id, state, claim.ended_at, code, None))
        else:
            self.executors.follow(record.executor, self.psij_job(record), native_id, claim)

    def array_queued(self, records: Sequence[JobRecord], native_id: str) -> None:
        """Take in that the scheduler has an array: all of its tasks at once."""
        now = time.time()
        for record in records:
            with record.lock:
                record.native_id, record.submitted = f"{native_id}_{index_of(record.job_id)}", True
                record.advance("QUEUED", now, None, None)
        self._jobs.save(*records, durable=True)
        for record in records:
            self._tell(_event(record), record.session)
        self.watch.stir()

    def cancel_array(self, records: Sequence[JobRecord]) -> None:
        """Ask for the end of several tasks of one array, which are all of it that hasn't ended."""
        for record in records:
            with record.lock:
                record.cancel_requested = True
        self._jobs.save(*records)
        try:
            self.watch.cancel(records[0].executor, str(records[0].native_id).partition("_")[0])
        except BaseException:
            for record in records:
                with record.lock:
                    record.cancel_requested = False
            self._jobs.save(*records)
            raise

    def cancel(self, record: JobRecord) -> None:
        """Have PSI/J cancel a job that it or an earlier life of the endpoint has handed over."""
        if record.executor in WATCHED and record.native_id and not self.executors.has(record.job_id):
            self.executors.follow(record.executor, self.psij_job(record), record.native_id, record.claim)
        self.executors.cancel(record.job_id)
        if record.executor in WATCHED:
            self.watch.stir()

    def psij_job(self, record: JobRecord) -> psij.Job:
        """Return PSI/J's form of a job."""
        import psij

        job = psij.Job()
        job._id = record.job_id
        job.spec = to_psij(record.spec, record.stdout_path, record.stderr_path, record.executor)
        return job

    def used(self, record: JobRecord, used: ResourcesUsed) -> None:
        """Take in what a job has used, after its end."""
        with record.lock:
            record.resources_used = used
            self._jobs.save(record)

    def exit_code(self, record: JobRecord) -> int | None:
        """Return what the job itself has written down: its claim, or PSI/J's script."""
        code = None if record.claim is None else record.claim.exit_code()
        if code is not None or record.executor not in WATCHED:
            return code
        try:
            return int((self._work / record.executor / f"{record.native_id}.ec").read_text())
        except (OSError, ValueError):
            return None

    def lost(self, record: JobRecord) -> None:
        """Take in that nobody has a job whose submit was interrupted: its key decides, or it will never be.

        Without a key nobody can ask for it again, and nobody was answered.
        """
        with record.lock:
            if record.keyed:
                record.message = f"{INTERRUPTED}; the same submit with the same idempotency key decides"
                self._jobs.save(record)
                return
        holder = None if record.claim is None else record.claim.close()
        if holder is not None:
            self.follow(record, holder.native_id)
        else:
            self.take(Report(record.job_id, None, "FAILED", time.time(), None, f"{INTERRUPTED}: it never began"))

    def _end(self, record: JobRecord, report: Report) -> None:
        record.native_id = report.native_id or record.native_id
        state, code = report.state, report.exit_code
        if code is None:
            code = self.exit_code(record)
            state = "FAILED" if code and state == "COMPLETED" else state
        if report.started is not None and RANK[record.state] < RANK["ACTIVE"]:
            # It ran between two looks.
            record.advance("ACTIVE", report.started, None, None)
            self._changed(record)
        message = report.message
        if state == "FAILED":
            message = message or self._launcher_said(record) or ended_because(record, None, code)
        record.advance(state, report.time, code, message)
        began = next((one.time for one in record.history if one.state == "ACTIVE"), None)
        if began is not None:  # the scheduler may say more, and later
            record.resources_used = {"elapsed": max(0.0, record.time - began)}
        self.following.finish(record)
        self._changed(record)
        self.executors.drop(record.job_id)
        self._keeper.tidy(record)

    def _changed(self, record: JobRecord) -> None:
        self._jobs.save(record)
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
            self.follow(record, holder.native_id)
        except Exception:
            log.exception("job %s runs as %s, which can't be followed", record.job_id, holder.native_id)
            return False
        return True

    def _launcher_said(self, record: JobRecord) -> str | None:
        """Return why PSI/J's launcher didn't come to its end; None: it did."""
        if record.executor not in WATCHED:  # PSI/J tells it itself
            return None
        said, _ = read_tail(self._work / record.executor / f"{record.native_id}.out")
        return None if not said.strip() or "_PSI_J_LAUNCHER_DONE" in said else said.strip()


def _in_between(record: JobRecord, report: Report) -> str | None:
    """Return what to say of a job whose state doesn't change by a report."""
    if RANK[report.state] < RANK[record.state]:
        # PSI/J's states go one way; a scheduler's don't.
        again = "it is in the queue again"
        return f"{again}: {report.message}" if report.message else again
    return report.message


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
