"""From a request to a job that a scheduler has in hand. Everything here may block."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from orbit_jupyter.plugin import ConflictError, PluginError
from orbit_jupyter.plugin.intents import Intent

from .answers import Submitted
from .array_handover import ArrayHandover
from .bodies import Submit
from .claims import Claim, can_claim
from .executors import WATCHED
from .here import check_here
from .jobs import JobRecord, new_history
from .keeping import Keeper, keep_files, keep_time
from .limits import Limits
from .output import OutputFolder
from .reports import Reports, Tell
from .resume import Resume
from .spec import JobSpec, parse_spec
from .table import JobTable
from .watch import Systems

log = logging.getLogger("orbit.psij")

EXPIRE = 3600.0
"""Seconds between two looks for jobs whose time is over."""


@dataclass(frozen=True)
class Order:
    """A job as it was asked for: by which session, which endpoint it is to be, and what is done just before."""

    wanted: Submit
    session: str
    endpoint: str | None = None
    before: Callable[[], None] = lambda: None
    array_id: str | None = None


class Handover:
    """Hands jobs over to PSI/J, and knows those that were.

    Parameters
    ----------
    root
        Where scripts, claims, output and the database go.
    tell
        Sends one ``job_status`` event.
    systems
        Returns the reader of a batch system.
    """

    def __init__(self, root: Path, tell: Tell, systems: Systems) -> None:
        work = root / "work"
        self._table = JobTable(root / "jobs.db")
        self.output = OutputFolder(root)
        self._claims = root / "claims"
        self.keeper = Keeper(self.output.path, work, self._claims, keep=keep_files())
        self.reports = Reports(self._table, work, self.keeper, tell, systems)
        self.limits = Limits(systems)
        self._resume = Resume(self._table, self.reports)
        self.arrays = ArrayHandover(self, self._claims)
        self._resuming = threading.RLock()
        self._resumed = False
        self._expired = 0.0

    @property
    def jobs(self) -> JobTable:
        """All jobs; those of earlier lives of the endpoint are followed from the first use on."""
        with self._resuming:
            if not self._resumed:
                self._table.live()  # an error is the first user's; the next tries again
                self._resumed = True
                self._resume.all()
        return self._table

    def get(self, job_id: str) -> JobRecord:
        """Return a job.

        Raises
        ------
        ResourceNotFoundError
            If there is none of that id.
        """
        return self.jobs.get(job_id)

    def submit(self, order: Order, intent: Intent) -> Submitted:
        """Start a job, or find the one that an earlier try has started."""
        spec = parse_spec(order.wanted.job_spec)
        executor, job_id = order.wanted.executor, str(intent.note["job_id"])
        executors = self.reports.executors
        known = self.jobs.find(job_id) if intent.again else None
        if intent.again:
            if known is not None and (known.native_id or known.ended):
                return _answer(known)
            if not can_claim(spec, executor):
                raise ConflictError(
                    f"{executor} may have this job already, and nobody knows: the first try to submit it had no "
                    "answer. Look there, and submit it with a new key if it is missing"
                )
        executors.get(executor)
        if executor == "local":
            check_here(spec)
        if not (intent.again or order.wanted.force):
            self.limits.check(spec, executor)
        record = known or self._record(spec, order, job_id, keyed=bool(intent.key))
        record.spec, record.again, record.submitted = spec, record.again or intent.again, False
        if intent.again and (native_id := self._handed_over(record)) is not None:
            self.add([record])
            self.reports.follow(record, native_id)
            return _answer(record)
        native_id = self._start(record, order.before)
        with record.lock:
            record.native_id = record.followed or native_id
            record.submitted = True
            cancel = record.cancel_requested and not record.ended
            self._table.save(record, durable=True)
        if executor in WATCHED:
            self.reports.watch.stir()
        if cancel:  # asked for while the scheduler had no id for it yet
            self._cancel(record)
        return _answer(record)

    def take_up(self, order: Order, job_id: str, native_id: str) -> None:
        """Follow a job again whose first answer is known, and which isn't in the database any more."""
        claim = Claim(self._claims / job_id)
        if self.jobs.knows(job_id) or not claim.exists:
            return
        try:
            record = self._record(parse_spec(order.wanted.job_spec), order, job_id)
            record.again = True
            holder = claim.holder()
            self.add([record])
            self.reports.follow(record, native_id if holder is None else holder.native_id)
        except Exception:
            # The first answer counts, whatever has become of the machine since.
            log.exception("job %s can't be followed any more", job_id)
            self._table.remove(job_id)

    def cancel(self, record: JobRecord) -> None:
        """Ask for a job's end."""
        with record.lock:
            if record.ended:
                raise ConflictError(f"job {record.job_id} is {record.state}: there is nothing left to cancel")
            first, record.cancel_requested = not record.cancel_requested, True
            now = first and record.submitted
            self._table.save(record)
        if now:
            self._cancel(record)

    def expire(self) -> None:
        """Forget the jobs that ended too long ago, and what they have left."""
        self._expired = time.monotonic()
        for forgotten in self.jobs.forget_before(time.time() - keep_time()):
            self.keeper.forget(forgotten)

    def close(self) -> None:
        """Follow no job any more; they go on."""
        self.reports.watch.stop()
        self.reports.following.stop()
        self._table.close()

    def _cancel(self, record: JobRecord) -> None:
        try:
            if record.again and record.claim is not None:
                # Another try of it may wait in a queue: it shall not start any more, or be what is ended.
                holder = record.claim.close()
                with record.lock:
                    if holder is not None and holder.native_id != record.native_id:
                        self.reports.follow(record, holder.native_id)
                    elif not record.native_id:
                        self.reports.follow(record, "")
            self.reports.cancel(record)
        except Exception:
            with record.lock:
                record.cancel_requested = False
                self._table.save(record)
            raise

    def _handed_over(self, record: JobRecord) -> str | None:
        """Return the native id of an earlier try: of the one that runs, or that the scheduler has waiting."""
        holder = None if record.claim is None else record.claim.holder()
        if holder is not None:
            return holder.native_id
        if record.executor not in WATCHED:
            return None
        try:
            return self.reports.watch.find(record)
        except PluginError as error:
            # The claim sees to it that one of them runs.
            log.info("whether %s has job %s already isn't known: %s", record.executor, record.job_id, error)
            return None

    def _record(self, spec: JobSpec, order: Order, job_id: str, *, keyed: bool = True) -> JobRecord:
        stdout, stderr = self.output.files(job_id)
        executor = order.wanted.executor
        return JobRecord(
            job_id,
            executor,
            order.session,
            spec,
            Path(spec.stdout_path) if spec.stdout_path else stdout,
            Path(spec.stderr_path) if spec.stderr_path else stderr,
            new_history(),
            order.endpoint,
            claim=Claim(self._claims / job_id) if can_claim(spec, executor) else None,
            keyed=keyed,
            array_id=order.array_id,
        )

    def add(self, records: Sequence[JobRecord]) -> None:
        """Write jobs down that are about to be handed over."""
        for forgotten in self.jobs.add(records):
            self.keeper.forget(forgotten)
        if time.monotonic() - self._expired > EXPIRE:
            self.expire()

    def _start(self, record: JobRecord, before: Callable[[], None]) -> str:
        job = self.reports.psij_job(record)
        assert job.spec is not None
        # Before it is handed over: PSI/J's first report can come before submit returns, and the endpoint can die.
        self.add([record])
        try:
            if record.claim is not None:
                scripts = record.claim.scripts(record.spec, record.executor)
                job.spec.pre_launch, job.spec.post_launch = scripts
            before()
            return self.reports.executors.submit(record.executor, job)
        except BaseException as error:
            self._table.remove(job.id)
            # Where nobody knows whether the scheduler has it, a repeat of its key must find what is there.
            if not record.keyed or (not record.again and getattr(error, "status", 500) < 500):
                self.keeper.forget(record)
            raise


def _answer(record: JobRecord) -> Submitted:
    return {"job_id": record.job_id, "native_id": record.native_id or ""}
