"""The jobs of an endpoint's user: those that are going on in memory, all of them on the disk."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path

from orbit_jupyter.plugin import ConflictError, PluginError, ResourceNotFoundError

from .database import JobDatabase, Page
from .jobs import JobRecord, record_of

log = logging.getLogger("orbit.psij")

ENDED_KEPT = 100_000
"""Jobs that have ended, of which the oldest are forgotten first."""


class JobTable:
    """The jobs of this endpoint's user, oldest first.

    Parameters
    ----------
    path
        The database's file.
    ended_kept
        How many jobs that have ended are remembered.
    """

    def __init__(self, path: Path, ended_kept: int = ENDED_KEPT) -> None:
        self.ended_kept = ended_kept
        self._database = JobDatabase(path)
        self._lock = threading.RLock()
        self._live: dict[str, JobRecord] | None = None
        self._ended = 0
        self._unsaved: dict[str, JobRecord] = {}

    def live(self) -> list[JobRecord]:
        """Return the jobs that haven't ended."""
        with self._lock:
            return list(self._loaded().values())

    def add(self, records: Sequence[JobRecord]) -> list[JobRecord]:
        """Take in new jobs, or one that is tried again, and return those that are forgotten for them.

        Raises
        ------
        ConflictError
            If one is to be an endpoint, and another job is that endpoint already.
        PluginError
            It can't be written down.
        """
        with self._lock:
            live = self._loaded()
            for record in records:
                _check_endpoint(record, live)
            self._database.put([record.row() for record in records])
            live.update({record.job_id: record for record in records})
            too_many = min(len(live) + self._ended - self.ended_kept, self._ended)
            return self._forgotten(too_many)

    def save(self, *records: JobRecord, durable: bool = False) -> None:
        """Write down how jobs are; where that fails it is tried again with the next one."""
        with self._lock:
            if self._database.closed:
                return
            self._unsaved.update({record.job_id: record for record in records})
            try:
                self._database.put([one.row() for one in self._unsaved.values()], durable=durable)
            except PluginError as error:
                log.warning("how %d jobs are doing isn't written down yet: %s", len(self._unsaved), error)
                return
            live = self._loaded()
            for one in self._unsaved.values():
                if one.ended and live.pop(one.job_id, None) is not None:
                    self._ended += 1
            self._unsaved.clear()

    def knows(self, job_id: str) -> bool:
        """Return whether there is a job of that id."""
        with self._lock:
            return job_id in self._loaded() or self._database.knows(job_id)

    def find(self, job_id: str) -> JobRecord | None:
        """Return a job, or None."""
        with self._lock:
            record = self._loaded().get(job_id)
            if record is not None:
                return record
            row = self._database.get(job_id)
            return None if row is None else record_of(row)

    def get(self, job_id: str) -> JobRecord:
        """Return a job.

        Raises
        ------
        ResourceNotFoundError
            If there is none of that id.
        """
        record = self.find(job_id)
        if record is None:
            raise ResourceNotFoundError(
                f"there is no job {job_id!r} on this endpoint; list_jobs names those it knows"
            )
        return record

    def remove(self, *job_ids: str) -> None:
        """Forget jobs that never came to be."""
        with self._lock:
            for job_id in job_ids:
                self._loaded().pop(job_id, None)
                self._unsaved.pop(job_id, None)
            if not self._database.closed:
                self._database.remove(job_ids)

    def forget_before(self, time: float) -> list[JobRecord]:
        """Forget the jobs that had ended by a time, and return them."""
        with self._lock:
            self._loaded()
            rows = self._database.ended_before(time)
            self._database.remove([row.job_id for row in rows])
            self._ended -= len(rows)
        return [record_of(row) for row in rows]

    def ended_since(self, time: float, many: int) -> list[JobRecord]:
        """Return so many of the jobs that have ended after a time, the last to end."""
        return [record_of(row) for row in self._database.ended_since(time, many)]

    def page(
        self,
        limit: int,
        before: str | None = None,
        states: Sequence[str] = (),
        since: float | None = None,
        array_id: str | None = None,
    ) -> Page:
        """Return the newest jobs, as `JobDatabase.page` does."""
        page = self._database.page(limit, before, states, since, array_id)
        with self._lock:
            for record in self._unsaved.values():
                if record.job_id in page.jobs:
                    page.jobs[record.job_id] = record.row().summary
        return page

    def of_array(self, array_id: str) -> list[str]:
        """Return the ids of an array's tasks, in their order."""
        return self._database.of_array(array_id)

    def close(self) -> None:
        """Close the database; what is reported of jobs afterwards is found out by the endpoint's next life."""
        with self._lock:
            self._database.close()

    def _loaded(self) -> dict[str, JobRecord]:
        if self._live is None:
            self._live = {row.job_id: record_of(row) for row in self._database.live()}
            self._ended = self._database.ended()
        return self._live

    def _forgotten(self, many: int) -> list[JobRecord]:
        if many <= 0:
            return []
        rows = self._database.oldest_ended(many)
        self._database.remove([row.job_id for row in rows])
        self._ended -= len(rows)
        return [record_of(row) for row in rows]


def _check_endpoint(record: JobRecord, live: dict[str, JobRecord]) -> None:
    if record.endpoint_name is None:
        return
    for other in live.values():
        if other.endpoint_name == record.endpoint_name and other.job_id != record.job_id and not other.ended:
            raise ConflictError(
                f"job {other.job_id} is endpoint {record.endpoint_name} already, or is about to be; "
                "cancel it first, or choose another name"
            )
