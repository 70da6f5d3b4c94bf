"""PSI/J's executors: one of each name, made at first use. Everything here may block: never on an event loop."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orbit_jupyter.plugin import InvalidFieldError

from .claims import Claim
from .offers import EXECUTOR_PROGRAMS, executor, executors, load_psij
from .refusal import cancel_failed, refused, said

if TYPE_CHECKING:
    import psij


WATCHED = frozenset({"slurm", "pbs"})
"""Those whose jobs' states come from a reader of ours (`Watch`); PSI/J's own doesn't run for them."""


@dataclass(frozen=True)
class Report:
    """What PSI/J or the scheduler says about a job; times in epoch seconds.

    `started` is when a job began that has ended: nobody may have looked while it ran.
    """

    job_id: str
    native_id: str | None
    state: str
    time: float
    exit_code: int | None
    message: str | None
    started: float | None = None


class Executors:
    """The executors of one plugin, and the jobs that they have in hand.

    Parameters
    ----------
    work
        Where PSI/J puts its scripts.
    on_report
        Called for each change, in threads of PSI/J's or in the one that submits; changes can repeat, and be out
        of order.
    keep_files
        Whether PSI/J's scripts stay when their jobs have ended.
    """

    def __init__(self, work: Path, on_report: Callable[[Report], None], *, keep_files: bool = False) -> None:
        self._work = work
        self._on_report = on_report
        self._keep_files = keep_files
        self._lock = threading.Lock()
        self._made: dict[str, psij.JobExecutor] = {}
        self._live: dict[str, psij.Job] = {}

    def warm(self) -> None:
        """Import PSI/J now; what is wrong with it is said at its first use."""
        with contextlib.suppress(Exception):
            load_psij()

    def get(self, name: str) -> psij.JobExecutor:
        """Return the executor of that name.

        Raises
        ------
        InvalidFieldError
            If PSI/J has no such executor, or lacks what it needs.
        """
        offer = executor(name)
        if offer is None or not offer.available:
            offers = executors()
            usable = [other.name for other in offers if other.available]
            if offer is None:
                why = f"PSI/J has no {name!r}; it has {', '.join(other.name for other in offers)}"
            else:
                why = f"{name} can't be used here: {offer.reason}; there is {', '.join(usable)}"
            raise InvalidFieldError(f"executor: {why}", field="executor", data={"available": usable})
        with self._lock:
            if name not in self._made:
                self._made[name] = self._make(name)
            return self._made[name]

    def submit(self, name: str, job: psij.Job) -> str:
        """Hand a job over and return its native id.

        Raises
        ------
        InvalidFieldError
            PSI/J, or the scheduler, finds something wrong with the job.
        PluginError
            The scheduler is away (status 503, transient), or refuses for reasons of its own; with what it says.
        """
        import psij

        target = self.get(name)
        self._live[job.id] = job
        try:
            target.submit(job)
        except BaseException as error:
            self._live.pop(job.id, None)
            if isinstance(error, psij.InvalidJobException):
                raise InvalidFieldError(f"job_spec: {said(error)}", field="job_spec") from None
            if isinstance(error, psij.SubmitException):
                raise refused(name, error) from None
            raise
        return job.native_id or ""

    def follow(self, name: str, job: psij.Job, native_id: str, claim: Claim | None) -> None:
        """Report of a job that was handed over before.

        Raises
        ------
        InvalidFieldError
            PSI/J lacks what the executor needs.
        """
        target = self.get(name)
        self._live[job.id] = job
        if name == "local":
            from .local import LocalExecutor

            assert isinstance(target, LocalExecutor)
            target.follow(job, int(native_id), claim or Claim(self._work / job.id))
        else:
            target.attach(job, native_id)

    def has(self, job_id: str) -> bool:
        """Return whether a job is in hand."""
        return job_id in self._live

    def drop(self, job_id: str) -> None:
        """Let go of a job that has ended."""
        self._live.pop(job_id, None)

    def cancel(self, job_id: str) -> None:
        """Ask for a job's end; one that is no longer in hand has ended.

        Raises
        ------
        PluginError
            The scheduler refuses, or doesn't answer.
        """
        job = self._live.get(job_id)
        if job is None:
            return
        import psij

        try:
            job.cancel()
        except psij.SubmitException as error:
            raise cancel_failed(job_id, error) from None

    def _make(self, name: str) -> psij.JobExecutor:
        import psij
        from psij.executors.batch.batch_scheduler_executor import BatchSchedulerExecutorConfig

        # The config of batch schedulers is one for all; the others read what they know of it.
        config = BatchSchedulerExecutorConfig(work_directory=self._work, keep_files=self._keep_files)
        try:
            if name == "local":
                from .local import LocalExecutor

                made: psij.JobExecutor = LocalExecutor(config=config)
            elif name in EXECUTOR_PROGRAMS:
                from .scheduler import executor_class

                made = executor_class(name, polls=name not in WATCHED)(None, config)
            else:
                made = psij.JobExecutor.get_instance(name, config=config)
        except Exception as error:
            why = error.__cause__ or error
            raise InvalidFieldError(f"executor: {name} can't be used here: {why}", field="executor") from error
        made.set_job_status_callback(self._changed)
        return made

    def _changed(self, job: psij.Job, status: psij.JobStatus) -> None:
        if status.final and self._live.get(job.id) is job:
            del self._live[job.id]
        report = Report(job.id, job.native_id, status.state.name, status.time, status.exit_code, status.message)
        self._on_report(report)
