"""PSI/J's executors: one of each name, made at first use. Everything here may block: never on an event loop."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orbit_jupyter.plugin import InvalidFieldError, PluginError

if TYPE_CHECKING:
    import psij


@dataclass(frozen=True)
class Report:
    """What PSI/J says about a job; `time` in epoch seconds."""

    job_id: str
    native_id: str | None
    state: str
    time: float
    exit_code: int | None
    message: str | None


def load_psij() -> None:
    """Import PSI/J, and keep it from logging what jobs are made of."""
    # At DEBUG it logs commands with their arguments, and whole job scripts.
    # At INFO it says which optional libraries are missing; the list of executors tells the same.
    logging.getLogger("psij").setLevel(logging.WARNING)
    # It warns of an import outside the main thread, where it can't take the process's SIGCHLD handler for itself:
    # that it shall not do, and looking ten times a second instead costs a job's end at most 0.1 s.
    logging.getLogger("psij.executors.local").addFilter(_about_the_job)
    import psij

    psij.JobExecutor.get_executor_names()


def _about_the_job(record: logging.LogRecord) -> bool:
    return "non-main thread" not in record.getMessage()


class Executors:
    """The executors of one plugin, and the jobs that they have in hand.

    Parameters
    ----------
    work
        Where PSI/J puts its scripts.
    on_report
        Called for each change, in threads of PSI/J's or in the one that submits; changes can repeat, and be out
        of order.
    """

    def __init__(self, work: Path, on_report: Callable[[Report], None]) -> None:
        self._work = work
        self._on_report = on_report
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
        load_psij()
        import psij

        names = sorted(psij.JobExecutor.get_executor_names())
        if name not in names:
            raise InvalidFieldError(
                f"executor: PSI/J has no {name!r} here; there is {', '.join(names)}",
                field="executor",
                data={"available": names},
            )
        with self._lock:
            if name not in self._made:
                self._made[name] = self._make(name)
            return self._made[name]

    def submit(self, name: str, job: psij.Job) -> str:
        """Hand a job over and return its native id.

        Raises
        ------
        InvalidFieldError
            PSI/J finds the job invalid.
        PluginError
            The scheduler, or the system, refuses it; with what it says.
        """
        import psij

        executor = self.get(name)
        self._live[job.id] = job
        try:
            executor.submit(job)
        except psij.InvalidJobException as error:
            self._live.pop(job.id, None)
            raise InvalidFieldError(f"job_spec: {_text(error)}", field="job_spec") from None
        except psij.SubmitException as error:
            self._live.pop(job.id, None)
            raise PluginError(f"{name} refused the job: {_text(error)}", transient=error.transient) from None
        except BaseException:
            self._live.pop(job.id, None)
            raise
        return job.native_id or ""

    def cancel(self, job_id: str) -> None:
        """Ask for a job's end; one that is no longer in hand has ended.

        Raises
        ------
        PluginError
            The scheduler refuses, or doesn't answer.
        """
        import psij

        job = self._live.get(job_id)
        if job is None:
            return
        try:
            job.cancel()
        except psij.SubmitException as error:
            raise PluginError(
                f"job {job_id} can't be cancelled: {_text(error)}", transient=error.transient
            ) from None

    def _make(self, name: str) -> psij.JobExecutor:
        import psij

        config = psij.JobExecutorConfig(work_directory=self._work)
        try:
            if name == "local":
                from .local import LocalExecutor

                executor: psij.JobExecutor = LocalExecutor(config=config)
            else:
                executor = psij.JobExecutor.get_instance(name, config=config)
        except Exception as error:
            why = error.__cause__ or error
            raise InvalidFieldError(f"executor: {name} can't be used here: {why}", field="executor") from error
        executor.set_job_status_callback(self._changed)
        return executor

    def _changed(self, job: psij.Job, status: psij.JobStatus) -> None:
        if status.final:
            self._live.pop(job.id, None)
        report = Report(job.id, job.native_id, status.state.name, status.time, status.exit_code, status.message)
        self._on_report(report)


def _text(error: psij.SubmitException | psij.InvalidJobException) -> str:
    return f"{error.message}: {error.exception}" if error.exception else str(error.message)
