"""Which batch system this host has, and whether this process is inside an allocation."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

from orbit_jupyter.protocol import PluginError

Role = Literal["bridge", "login", "compute", "standalone"]

VARIABLE = "RADICAL_ORBIT_BATCH"
"""Environment variable that says which batch system there is: ``none``, ``slurm`` or ``pbs``."""

NAMES = ("none", "slurm", "pbs")

JOB_VARIABLES = {"slurm": "SLURM_JOB_ID", "pbs": "PBS_JOBID"}
"""The variable that a job finds its own id in."""


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


def detect(environ: Mapping[str, str] | None = None, which: Callable[[str], str | None] | None = None) -> Batch:
    """Return the batch system of this host: what ``RADICAL_ORBIT_BATCH`` says, or the one whose tools are on PATH.

    Parameters
    ----------
    environ
        Environment to look at; None: this process's.
    which
        Finds a program, as `shutil.which` does; None: on that environment's PATH.

    Raises
    ------
    PluginError
        If the variable has another value.
    """
    environ = os.environ if environ is None else environ
    if which is None:
        which = partial(shutil.which, path=environ.get("PATH"))
    name = environ.get(VARIABLE, "").strip().lower() or _found(which)
    if name not in NAMES:
        raise PluginError(f"{VARIABLE} is {name!r}; set it to {', '.join(NAMES[:-1])} or {NAMES[-1]}, or unset it")
    if name == "none":
        return Batch("none", "local")
    return Batch(name, _executor(name, which), environ.get(JOB_VARIABLES[name]) or None)


def _found(which: Callable[[str], str | None]) -> str:
    return "slurm" if which("squeue") else "pbs" if which("qstat") else "none"


def _executor(name: str, which: Callable[[str], str | None]) -> str:
    # Torque has `qstat` as well, but neither reservations (`pbs_rsub`) nor the JSON that PSI/J's `pbs` reads.
    if name == "pbs" and which("qnodes") and not which("pbs_rsub"):
        return "pbs_classic"
    return name
