"""States of jobs as the scheduler says them: one query for all jobs, whatever their number.

PSI/J submits and cancels. Its own reader of states (psij-python 0.9.11) stops for all jobs when one of them has a
pending reason with a comma in it, and calls running jobs failed when the scheduler is away for a minute; so for
schedulers that `orbit_jupyter.host.batch` reads, it isn't used.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from orbit_jupyter.host.batch.model import BatchJob, BatchSystem, Ended
from orbit_jupyter.plugin import PluginError

from .answers import ResourcesUsed
from .executors import WATCHED, Report
from .jobs import FINAL, JobRecord
from .pace import Pace, poll_interval
from .seen import native_id_in, own_user
from .silence import Silences
from .unaccounted import Unaccounted
from .why import ended_because, waits_because

log = logging.getLogger("orbit.psij")

PATIENCE = 60.0
"""Seconds for which a job that the scheduler no longer has may be missing in its accounting as well."""

STOP_TIME = 2.0

STATES = {"HELD": "QUEUED", "SUSPENDED": "ACTIVE"}
"""PSI/J's states of those that it doesn't have."""

Systems = Callable[[str], BatchSystem]


class Into(Protocol):
    """What takes in what is found."""

    def take(self, report: Report) -> None:
        """Take in a state."""

    def used(self, record: JobRecord, used: ResourcesUsed) -> None:
        """Take in what a job has used, after its end."""

    def lost(self, record: JobRecord) -> None:
        """Take in that the scheduler doesn't have a job whose submit was interrupted."""

    def exit_code(self, record: JobRecord) -> int | None:
        """Return what the job itself has written down."""


class Watch:
    """Looks what becomes of the jobs of schedulers, in a thread of its own while there are any.

    Parameters
    ----------
    system_of
        Returns the reader of a batch system.
    live
        Returns the jobs that haven't ended.
    into
        Takes in what is found.
    """

    def __init__(self, system_of: Systems, live: Callable[[], list[JobRecord]], into: Into) -> None:
        self._system_of, self._live, self._into = system_of, live, into
        self._changed = threading.Condition()
        self._looking = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopped = False
        self.pace = Pace(poll_interval())
        self._silences = Silences()
        self.silence = self._silences.of
        self._missing: dict[str, float] = {}
        self._left: set[str] = set()
        self._unaccountable = False
        self._unaccounted = Unaccounted(into.used)

    def stir(self) -> None:
        """Something was done that changes states soon: look soon."""
        with self._changed:
            if self._stopped:
                return
            self.pace.stir()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="psij watch", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def stop(self) -> None:
        """End the thread; a query that is under way is left to itself after `STOP_TIME`."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(STOP_TIME)

    def look(self) -> bool:
        """Ask the schedulers once for all jobs; return whether anything has changed."""
        with self._looking:
            executors = {record.executor for record in self._live()} | self._unaccounted.executors
            changed = [self._look(name) for name in sorted(executors) if name in WATCHED]
            return any(changed)

    def find(self, record: JobRecord) -> str | None:
        """Return the native id of a job whose submit had no answer, where the scheduler has it.

        Raises
        ------
        PluginError
            The scheduler doesn't say.
        """
        return native_id_in(record, self._system_of(record.executor).jobs(own_user()))

    def cancel(self, executor: str, native_id: str) -> None:
        """Cancel an array, all tasks by one question."""
        self._system_of(executor).cancel(native_id)
        self.stir()

    def account_for(self, record: JobRecord) -> None:
        """Look what a job has used that ended in an earlier life of the endpoint."""
        self._unaccounted.add(record, str(record.native_id))
        self.stir()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopped or self._needed())
                while not self._stopped and (left := self.pace.left) > 0:
                    self._changed.wait(left)
                if self._stopped:
                    return
            began = time.monotonic()
            changed = False
            try:
                changed = self.look()
            except Exception:  # whatever one answer did to us: the next may be better
                log.exception("the states of jobs can't be looked at")
            with self._changed:
                self.pace.looked(time.monotonic() - began, changed=changed, answered=not self._silences)

    def _needed(self) -> bool:
        return bool(self._unaccounted) or any(
            record.executor in WATCHED and record.job_id not in self._left for record in self._live()
        )

    def _look(self, executor: str) -> bool:
        # The jobs first: of those that the scheduler has taken by now it must know.
        mine = [record for record in self._live() if record.executor == executor]
        watched = {record.native_id: record for record in mine if record.native_id}
        changed = False
        try:
            system = self._system_of(executor)
            jobs = system.jobs(own_user())
            there = {job.job_id: job for job in jobs}
        except PluginError as error:
            self._silences.begin(executor, error)
            return False
        self._silences.end(executor)
        over = [one for one in watched if one not in there or there[one].state in FINAL]
        over += self._unaccounted.native_ids(executor)
        ended = self._ended(system, over)
        for record in mine:
            if not record.native_id:
                changed = self._look_for(record, jobs) or changed
        for native_id, record in watched.items():
            before = record.state
            if native_id in there or ended is not None or self._into.exit_code(record) is not None:
                self._take(record, native_id, there.get(native_id), (ended or {}).get(native_id))
            changed = changed or record.state != before
        self._unaccounted.take(executor, ended or {})
        return changed

    def _ended(self, system: BatchSystem, over: list[str]) -> dict[str, Ended] | None:
        """Return what accounting says; None: it is away, and jobs that it alone can tell of stay what they are."""
        try:
            ended = system.ended(over) if over else {}
        except PluginError as error:
            if not self._unaccountable:
                log.warning("%s's accounting doesn't say how jobs have ended: %s", system.name, error)
            self._unaccountable = True
            return None
        self._unaccountable = False
        return ended

    def _look_for(self, record: JobRecord, jobs: list[BatchJob]) -> bool:
        """Look for a job whose submit has had no answer yet, or never will."""
        native_id = native_id_in(record, jobs)
        if native_id is not None:
            self._missing.pop(record.job_id, None)
            self._into.take(Report(record.job_id, native_id, "QUEUED", time.time(), None, None))
        elif record.submitted and record.job_id not in self._left and self._is_missing(record):
            self._left.add(record.job_id)
            self._into.lost(record)
        return native_id is not None

    def _is_missing(self, record: JobRecord) -> bool:
        since = self._missing.setdefault(record.job_id, time.monotonic())
        return time.monotonic() - since > PATIENCE

    def _take(self, record: JobRecord, native_id: str, job: BatchJob | None, ended: Ended | None) -> None:
        if ended is not None and ended.state not in FINAL:
            ended = None  # accounting lags behind, or the job runs on
        if job is not None and job.state not in FINAL:
            state = STATES.get(job.state, job.state)
            when = job.start_time if state == "ACTIVE" else job.submit_time
            message = waits_because(job)
            self._into.take(Report(record.job_id, native_id, state, when or time.time(), None, message))
            return
        said = ended or job
        if said is None and not self._given_up(record, native_id):
            return
        self._missing.pop(record.job_id, None)
        if said is None:
            why = f"{record.executor} no longer has it, and nothing is known of its end"
            self._into.take(Report(record.job_id, native_id, "FAILED", time.time(), None, why))
            return
        code = self._into.exit_code(record)
        code = said.exit_code if code is None else code
        state = "COMPLETED" if said.state == "COMPLETED" and not code else said.state
        state = "FAILED" if state == "COMPLETED" and code else state
        why_ended = ended_because(record, said, code)
        when = said.end_time or time.time()
        started = said.start_time if said.node_list else None
        self._unaccounted.add(record, native_id)
        self._into.take(Report(record.job_id, native_id, state, when, code, why_ended, started))

    def _given_up(self, record: JobRecord, native_id: str) -> bool:
        """Return whether nobody will say any more how a job ended that the scheduler no longer has."""
        code = self._into.exit_code(record)
        if code is not None:
            state = "FAILED" if code else "COMPLETED"
            message = ended_because(record, None, code)
            self._unaccounted.add(record, native_id)
            self._into.take(Report(record.job_id, native_id, state, time.time(), code, message))
            return False
        return self._is_missing(record)
