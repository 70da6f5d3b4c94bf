"""How long jobs and their files are kept: 30 days after the end, and seven days what belongs to no job.

The claim of a job that has ended is kept as long as its idempotency key.
Only files in the plugin's own folder, and of names that it gives itself, are ever removed: no ``stdout_path`` of a
user's, and no launcher of PSI/J's, which it would miss.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from orbit_jupyter.plugin.intents import MAX_AGE

from .claims import Claim
from .jobs import JobRecord
from .offers import EXECUTOR_PROGRAMS

log = logging.getLogger("orbit.psij")

STALE = 7 * 86400.0
"""Seconds since its last change after which a file is removed whose job isn't known any more."""

LONGEST_WAIT = 366 * 86400.0
"""Seconds since its last change after which a claim goes whose job never ended: it may wait in a queue."""

KEPT_DAYS = 30.0
"""Days for which a job that has ended is remembered, with all that belongs to it."""

KEEP_DAYS_VARIABLE = "RADICAL_ORBIT_PSIJ_KEEP_DAYS"

KEEP_FILES_VARIABLE = "RADICAL_ORBIT_PSIJ_KEEP_FILES"

OUTPUT = (".out", ".err")
SCRIPTS = (".job", ".ec", ".out", ".nodefile")
"""What PSI/J and its job scripts write: ``JOB.job``, and the rest by the scheduler's id."""


def keep_files() -> bool:
    """Return whether the user wants to keep everything, to look into it."""
    return os.environ.get(KEEP_FILES_VARIABLE, "").strip().lower() in ("1", "true", "yes", "on")


def keep_time() -> float:
    """Return for how many seconds the user wants ended jobs to be remembered."""
    text = os.environ.get(KEEP_DAYS_VARIABLE, "").strip()
    try:
        days = float(text) if text else KEPT_DAYS
    except ValueError:
        days = -1.0
    if not 0 <= days < float("inf"):
        log.warning("%s is %r: give a number of days; %g is taken", KEEP_DAYS_VARIABLE, text, KEPT_DAYS)
        days = KEPT_DAYS
    return days * 86400


class Keeper:
    """Removes the files of jobs.

    Parameters
    ----------
    output
        Where jobs' output is.
    work
        Where PSI/J's scripts are, in a folder for each executor.
    claims
        Where the claims of jobs are, in a folder for each job.
    keep
        Whether to remove nothing.
    """

    def __init__(self, output: Path, work: Path, claims: Path, *, keep: bool = False) -> None:
        self._output, self._work, self._claims, self._keep = output, work, claims, keep

    @property
    def keeps(self) -> bool:
        """Whether nothing is removed."""
        return self._keep

    def remove_script(self, executor: str, job_id: str) -> None:
        """Remove the script of a job that its scheduler has, or has refused."""
        if not self._keep:
            _remove(self._work / executor / f"{job_id}.job")

    def tidy(self, record: JobRecord) -> None:
        """Remove what nobody needs of a job that has ended: scripts, and a claim that no other try can want."""
        if self._keep:
            return
        work = self._work / record.executor
        _remove(work / f"{record.job_id}.job")
        if record.native_id and "/" not in record.native_id:
            for suffix in SCRIPTS:
                _remove(work / f"{record.native_id}{suffix}")
        if record.claim is not None and not record.keyed:
            record.claim.remove()

    def forget(self, record: JobRecord) -> None:
        """Remove what belongs to a job whose record goes."""
        if self._keep:
            return
        self.tidy(record)
        for suffix in OUTPUT:
            _remove(self._output / f"{record.job_id}{suffix}")
        if record.claim is not None:
            record.claim.remove()

    def sweep(self, known: Callable[[str], bool], stopped: Callable[[], bool] = lambda: False) -> int:
        """Remove files that nobody has changed for `STALE` seconds, of jobs that aren't known.

        Parameters
        ----------
        known
            Says of a job's id whether it is.
        stopped
            Looked at between two files: whether to leave the rest for another time.

        Returns
        -------
        int
            How many files there were.
        """
        removed = 0
        if self._keep:
            return removed
        oldest = time.time() - STALE
        for path in self._files():
            if stopped():
                break
            with contextlib.suppress(OSError):
                if path.lstat().st_mtime < oldest and not known(path.stem):
                    removed += _remove(path)
        for path in _folders(self._claims):
            if stopped():
                break
            claim = Claim(path)
            patience = MAX_AGE if claim.exit_code() is not None else LONGEST_WAIT
            with contextlib.suppress(OSError):
                if path.lstat().st_mtime < time.time() - patience and not known(path.name):
                    claim.remove()
                    removed += 1
        if removed:
            log.info("%d files of jobs from more than %g days ago were removed", removed, STALE / 86400)
        return removed

    def _files(self) -> Iterator[Path]:
        yield from _in(self._output, OUTPUT)
        for executor in EXECUTOR_PROGRAMS:
            yield from _in(self._work / executor, SCRIPTS)


def _in(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(suffixes) and entry.is_file(follow_symlinks=False):
                yield Path(entry.path)


def _folders(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    return []


def _remove(path: Path) -> bool:
    """Remove a file; one that can't be is left for the next sweep."""
    try:
        path.unlink()
    except OSError:
        return False
    return True
