"""Which batch system this host has, and whether this process is inside an allocation."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

Role = Literal["bridge", "login", "compute", "standalone"]


@dataclass(frozen=True)
class Batch:
    """A batch system, as an endpoint sees it.

    Attributes
    ----------
    name
        ``slurm``, ``pbs`` or ``none``.
    psij_executor
        The PSI/J executor that submits to it.
    job_id
        The allocation that this process is in, or None.
    """

    name: str
    psij_executor: str
    job_id: str | None = None

    @property
    def role(self) -> Role:
        """The role of a host that isn't the bridge."""
        if self.job_id is not None:
            return "compute"
        return "standalone" if self.name == "none" else "login"


def detect(environ: Mapping[str, str] | None = None, which: Callable[[str], str | None] = shutil.which) -> Batch:
    """Return the batch system of this host, by its tools on PATH and the job's variables.

    Parameters
    ----------
    environ
        Environment to look at; None: this process's.
    which
        Finds a program, as `shutil.which` does.
    """
    environ = os.environ if environ is None else environ
    if which("squeue"):
        return Batch("slurm", "slurm", environ.get("SLURM_JOB_ID"))
    if which("qstat"):
        return Batch("pbs", "pbs", environ.get("PBS_JOBID"))
    return Batch("none", "local")
