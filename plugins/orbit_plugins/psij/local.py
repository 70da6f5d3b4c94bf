"""PSI/J's `local` executor with five repairs (psij-python 0.9.11). Imported at first use: it brings PSI/J.

One thread of PSI/J's watches all local jobs, and one job could stop it for all of them:

- it reads the launcher's pipe to its end, which doesn't come while a process that a job left behind is alive;
- nothing reads that pipe before, so a ``pre_launch`` script that prints more than 64 KiB never ends;
- output of the launcher that isn't UTF-8, or has no newline, raises in it;
- so does a cancel when a process ends just then, and it reports the job as canceled before it is.

And a job's duration means nothing to it.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psutil
from psij import Job, JobExecutorConfig, JobState, JobStatus, SubmitException
from psij.executors.local import LocalJobExecutor, _ChildProcessEntry, _ProcessEntry, _ProcessReaper

GRACE = 5.0
"""Seconds between asking a cancelled job to end and killing it."""

if TYPE_CHECKING:
    from .claims import Claim

_KEPT = 64 * 1024
_LOOK = timedelta(seconds=0.2)


class _Entry(_ChildProcessEntry):
    """A process that PSI/J watches: its launcher's pipe is read as it fills, and never waited for.

    PSI/J looks at it ten times a second, and so sees when the job's time is over.
    """

    def __init__(self, entry: _ChildProcessEntry) -> None:
        super().__init__(entry.job, entry.executor, entry.launcher)
        self.process = entry.process
        self.nodefile = entry.nodefile
        self.overran = False
        self._said = b""
        self._ends_at = time.monotonic() + self.duration
        if self.process is not None and self.process.stdout is not None:
            os.set_blocking(self.process.stdout.fileno(), False)

    @property
    def duration(self) -> float:
        """Seconds that the job may take."""
        assert self.job.spec is not None
        assert self.job.spec.attributes is not None
        return self.job.spec.attributes.duration.total_seconds()

    def poll(self) -> tuple[int | None, str | None]:
        """Return the exit code, None while it runs, and what the launcher has printed."""
        process = self.process
        if process is None or process.stdout is None:
            return None, None
        # First this, then the pipe: what it wrote last is in there by then.
        code = process.poll()
        self._said = (self._said + (process.stdout.read() or b""))[-_KEPT:]
        if code is None:
            if not self.overran and time.monotonic() > self._ends_at:
                self.overran = True
                self.executor.cancel(self.job)
            return None, None
        process.stdout.close()
        if self.nodefile:
            os.unlink(self.nodefile)
        # A process that is reaped at once is registered before PSI/J has noted its id.
        self.job._native_id = process.pid
        said = self._said.decode("utf-8", "replace")
        # A launcher that was killed itself: as its shell says it of the program that it runs.
        code = 128 - code if code < 0 else code
        return code, said if not said or said.endswith("\n") else said + "\n"


class _Adopted(_ProcessEntry):
    """A job that another life of the endpoint, or another try, has started: no child of this process.

    Its claim says where it runs and how it ended; of one on another machine, which shares the folder, that is all.
    """

    def __init__(self, job: Job, executor: LocalExecutor, pid: int, claim: Claim) -> None:
        super().__init__(job, executor, None)
        self.lost = False
        self._pid, self._claim = pid, claim
        holder = claim.holder()
        self.elsewhere = None if holder is None or holder.host == os.uname().nodename else holder.host

    def kill(self) -> None:
        """Do nothing: `LocalExecutor.cancel` ends jobs."""

    def poll(self) -> tuple[int | None, str | None]:
        """Return the exit code, None while it runs; 0 where it is gone and nobody knows (`lost`)."""
        # First this, then the claim: what it wrote last is in there by then.
        runs = self.elsewhere is not None or _runs(self._pid, self.job)
        code = self._claim.exit_code()
        if code is None and not runs:
            self.lost, code = True, 0
        return code, None


class _Register:
    """What PSI/J's executor takes for its reaper."""

    def __init__(self, reaper: _ProcessReaper) -> None:
        self._reaper = reaper

    def register(self, entry: _ChildProcessEntry) -> None:
        self._reaper.register(_Entry(entry))

    def adopt(self, entry: _Adopted) -> None:
        self._reaper.register(entry)


class LocalExecutor(LocalJobExecutor):
    """Jobs as processes on this machine."""

    _NAME_ = "local"

    def __init__(self, config: JobExecutorConfig) -> None:
        super().__init__(config=config)
        self._reaper: Any = _Register(self._reaper)
        self._elsewhere: dict[str, str] = {}

    def follow(self, job: Job, pid: int, claim: Claim) -> None:
        """Report of a job that runs already."""
        entry = _Adopted(job, self, pid, claim)
        if entry.elsewhere is not None:
            self._elsewhere[job.id] = entry.elsewhere
        job.executor = self
        job._native_id = pid
        self._set_job_status(job, JobStatus(JobState.QUEUED))
        self._set_job_status(job, JobStatus(JobState.ACTIVE))
        self._reaper.adopt(entry)

    def cancel(self, job: Job) -> None:
        """End the job's processes, as a scheduler does: first politely, after `GRACE` by force.

        The job's state changes when they are gone.
        """
        if job.id in self._elsewhere:
            raise SubmitException(f"it runs on {self._elsewhere[job.id]}; end its process {job.native_id} there")
        threading.Thread(target=_end, args=(job,), name=f"psij cancel {job.id}", daemon=True).start()

    def _process_done(self, p: _ProcessEntry) -> None:
        if isinstance(p, _Entry) and p.overran:
            message = f"the job was ended: it took longer than its duration of {p.duration:g} s"
            status = JobStatus(JobState.FAILED, time=p.done_time, exit_code=p.exit_code, message=message)
            self._set_job_status(p.job, status)
        elif isinstance(p, _Adopted):
            self._elsewhere.pop(p.job.id, None)
            why = "its process is gone, and nothing is known of its end" if p.lost else None
            state = JobState.FAILED if p.lost or p.exit_code else JobState.COMPLETED
            code = None if p.lost else p.exit_code
            self._set_job_status(p.job, JobStatus(state, time=p.done_time, exit_code=code, message=why))
        else:
            super()._process_done(p)


def _end(job: Job) -> None:
    asked: set[psutil.Process] = set()
    deadline = time.monotonic() + GRACE
    with contextlib.suppress(psutil.Error, ValueError):  # the launcher is gone
        launcher = psutil.Process(int(job.native_id or -1))
        if job.id not in launcher.cmdline():  # it is gone, and its number is another's
            return
        while not job.status.final:
            processes = _of_the_job(launcher)
            if time.monotonic() > deadline:
                # The launcher last: left alone it still runs post_launch, and says how the job ended.
                for process in processes or [*launcher.children(recursive=True), launcher]:
                    _signal(process.kill)
            else:
                for process in processes:
                    if process not in asked:
                        _signal(process.terminate)
                asked.update(processes)
            job.wait(_LOOK)


def _runs(pid: int, job: Job) -> bool:
    """Return whether a process is a job's launcher; a dead one that nobody has reaped has no command line."""
    with contextlib.suppress(psutil.Error, ValueError):
        return job.id in psutil.Process(pid).cmdline()
    return False


def _of_the_job(launcher: psutil.Process) -> list[psutil.Process]:
    """Return the processes under the launcher, parents first: a script's trap comes before its child's end.

    The launcher's second half, which writes its log, is not among them: post_launch needs it.
    """
    own = launcher.cmdline()
    found: list[psutil.Process] = []
    for process in launcher.children():
        with contextlib.suppress(psutil.Error):
            if process.cmdline() != own:
                found += [process, *process.children(recursive=True)]
    return found


def _signal(send: Callable[[], None]) -> None:
    with contextlib.suppress(psutil.Error):  # it has ended by itself
        send()
