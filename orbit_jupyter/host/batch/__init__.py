"""The batch system of this host: which one it is, and what it says of queues, jobs and accounts."""

from __future__ import annotations

from collections.abc import Mapping

from .detection import NAMES, Batch, Role, detect
from .hostlist import expand
from .model import Account, BatchJob, BatchSystem, Ended, OwnAllocation, Qos, Queue

__all__ = [
    "Account",
    "Batch",
    "BatchJob",
    "BatchSystem",
    "Ended",
    "OwnAllocation",
    "Qos",
    "Queue",
    "Role",
    "detect",
    "expand",
    "system",
    "system_of",
]


def system(environ: Mapping[str, str] | None = None) -> BatchSystem | None:
    """Return the batch system of this host, or None where there is none.

    Parameters
    ----------
    environ
        Environment to take, for PATH, too; None: this process's.
    """
    name = detect(environ).name
    return None if name == "none" else system_of(name, environ)


def system_of(name: str, environ: Mapping[str, str] | None = None) -> BatchSystem:
    """Return the batch system of that name, whether its programs are there or not.

    Parameters
    ----------
    name
        ``slurm`` or ``pbs``.
    environ
        Environment to take; None: this process's.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    # Here, since an endpoint without a batch system needs neither.
    if name == "slurm":
        from .slurm import SlurmSystem

        return SlurmSystem(environ)
    if name == "pbs":
        from .pbs import PBSSystem

        return PBSSystem(environ)
    raise ValueError(f"there is no batch system {name!r}; there is {' and '.join(NAMES[1:])}")
