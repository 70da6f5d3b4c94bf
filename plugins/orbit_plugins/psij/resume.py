"""After a restart of the endpoint: what has become of the jobs that hadn't ended. Everything here may block."""

from __future__ import annotations

import contextlib
import logging
import time

from orbit_jupyter.plugin import PluginError

from .executors import WATCHED
from .jobs import JobRecord
from .reports import INTERRUPTED, Reports
from .table import JobTable
from .unaccounted import is_unaccounted

log = logging.getLogger("orbit.psij")


ACCOUNTED_WITHIN, ACCOUNTED_MOST = 86400.0, 1000
"""Seconds since the end of jobs whose use of resources is looked for again, and how many of them are looked at."""


class Resume:
    """Finds jobs again: by their claim, by the scheduler's id, by their process.

    Parameters
    ----------
    jobs
        Where they are written down.
    reports
        Follows them.
    """

    def __init__(self, jobs: JobTable, reports: Reports) -> None:
        self._jobs, self._reports = jobs, reports

    def all(self) -> None:
        """Follow all jobs again; one that can't be is said in the log, and stays as it was."""
        live = self._jobs.live()
        processes = _launchers({record.job_id for record in live if record.executor == "local"})
        for record in live:
            try:
                self._find_again(record, processes.get(record.job_id))
                if record.cancel_requested and not record.ended:
                    self._reports.cancel(record)
            except Exception:
                log.exception("job %s can't be followed any more", record.job_id)
        if live:
            log.info("%d jobs of an earlier life of this endpoint are followed again", len(live))
        self._account()

    def _account(self) -> None:
        """Look again what jobs have used of which only their end was known."""
        try:
            ended = self._jobs.ended_since(time.time() - ACCOUNTED_WITHIN, ACCOUNTED_MOST)
        except PluginError as error:  # nobody has to wait for that, or fail of it
            log.info("what the last jobs have used isn't looked for: %s", error)
            return
        for record in ended:
            if record.executor in WATCHED and is_unaccounted(record):
                self._reports.watch.account_for(record)

    def _find_again(self, record: JobRecord, process: int | None) -> None:
        holder = None if record.claim is None else record.claim.holder()
        native_id = record.native_id if holder is None else holder.native_id
        if native_id is None and process is not None:
            native_id = str(process)
        if native_id is not None:
            self._reports.follow(record, native_id)
        elif record.executor in WATCHED:
            # It may be in the queue: the first look there says so.
            self._interrupted(record)
            self._reports.watch.stir()
        else:
            self._interrupted(record)

    def _interrupted(self, record: JobRecord) -> None:
        """Nobody knows of it, and nobody was answered: it is submitted again with its key, or not at all."""
        with record.lock:
            record.again = record.submitted = True
            record.message = INTERRUPTED
            self._jobs.save(record)
        if record.executor not in WATCHED:
            self._reports.lost(record)


def _launchers(job_ids: set[str]) -> dict[str, int]:
    """Return the processes that run jobs of this machine, by the jobs' ids, which PSI/J's launcher is given."""
    found: dict[str, int] = {}
    if not job_ids:
        return found
    import psutil  # not with the plugin: it takes its time

    for process in psutil.process_iter(["pid", "cmdline"]):
        with contextlib.suppress(psutil.Error):
            for job_id in job_ids.intersection(process.info["cmdline"] or ()):
                # The launcher's second half, which writes its log, has the same command line.
                found[job_id] = min(process.info["pid"], found.get(job_id, process.info["pid"]))
    return found
