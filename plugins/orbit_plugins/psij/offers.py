"""Which executors and launchers there are, and what those lack that can't be used here.

Only PATH is looked at, and what PSI/J found when it was imported: no scheduler is asked, none can be slow.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from typing import Any

import msgspec

DEFAULT_EXECUTOR = "local"
"""Of a submit that names none."""

_QSUB = ("qsub", "qstat", "qdel")
EXECUTOR_PROGRAMS = {
    "local": ("/bin/bash",),
    "slurm": ("sbatch", "squeue", "scancel"),
    "pbs": _QSUB,
    "pbs_classic": _QSUB,
    "cobalt": _QSUB,
    "lsf": ("bsub", "bjobs", "bkill"),
}
LAUNCHER_PROGRAMS = {"mpirun": ("mpirun",), "srun": ("srun",), "aprun": ("aprun",), "jrun": ("jsrun",)}


class Offer(msgspec.Struct, frozen=True):
    """An executor or a launcher; `version` is PSI/J's of it, `reason` says why it isn't available."""

    name: str
    available: bool
    reason: str | None
    version: str | None


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


def executors() -> list[Offer]:
    """Return all executors that PSI/J knows of, `local` first."""
    load_psij()
    import psij

    names = sorted(psij.JobExecutor._executors, key=lambda name: (name != DEFAULT_EXECUTOR, name))
    return [_offer(name, psij.JobExecutor._executors[name], EXECUTOR_PROGRAMS) for name in names]


def executor(name: str) -> Offer | None:
    """Return the executor of that name, or None."""
    load_psij()
    import psij

    versions = psij.JobExecutor._executors.get(name)
    return None if versions is None else _offer(name, versions, EXECUTOR_PROGRAMS)


def launchers() -> list[Offer]:
    """Return all launchers that PSI/J knows of, PSI/J's default first; available means: on this machine."""
    load_psij()
    import psij

    names = sorted(psij.Launcher._launchers, key=lambda name: (name != psij.Launcher.DEFAULT_LAUNCHER_NAME, name))
    return [_offer(name, psij.Launcher._launchers[name], LAUNCHER_PROGRAMS) for name in names]


def missing_programs(programs: tuple[str, ...], path: str | None = None) -> str | None:
    """Return what to say of programs that aren't on `path` (None: the endpoint's own PATH), or None."""
    gone = [program for program in programs if shutil.which(program, path=path) is None]
    if not gone:
        return None
    names = gone[0] if len(gone) == 1 else f"{', '.join(gone[:-1])} and {gone[-1]}"
    return f"{names} {'is' if len(gone) == 1 else 'are'} not on the PATH of this endpoint"


def _offer(name: str, versions: list[Any], programs: Mapping[str, tuple[str, ...]]) -> Offer:
    newest = versions[-1]  # as PSI/J chooses
    reason = _why_not(newest.exc) if newest.exc is not None else missing_programs(programs.get(name, ()))
    return Offer(name, reason is None, reason, str(newest.version))


def _why_not(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"the Python module {error.name} is not installed beside this endpoint"
    return f"PSI/J can't load it: {error}"
