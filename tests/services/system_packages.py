"""Which system packages these tests need, and which of them aren't there: also for ``make`` and ``.ci/run``.

As a program it says what is missing, with status 1, or prints the names of the packages alone (``--names``); the
browser is also for ``tests/ui``. It runs before there is an environment: it imports nothing but Python's own.
"""

from __future__ import annotations

import glob
import os
import shutil
import sys

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

NEEDED = {
    "munge": ("munged", "munge"),
    "slurmctld": ("slurmctld",),
    "slurmd": ("slurmd", "slurmstepd"),
    "slurm-client": ("sbatch", "squeue", "sacct", "sacctmgr", "scontrol", "sinfo"),
    "slurmdbd": ("slurmdbd",),
    "slurm-wlm-mysql-plugin": ("/usr/lib/*/slurm-wlm/accounting_storage_mysql.so",),
    "mariadb-server": ("mariadbd", "mariadb-install-db", "mariadb"),
    "openssh-server": ("sshd",),
    "openssh-client": ("ssh", "ssh-keygen"),
    "openmpi-bin": ("mpirun",),
    "chromium": ("chromium",),
}
"""Debian's names of the packages, and the programs and files by which one sees that they are installed."""


def missing() -> list[str]:
    """Return the names of the packages that aren't installed."""
    return [package for package, parts in NEEDED.items() if not all(map(_is_there, parts))]


def complaint() -> str:
    """Return what keeps the tests from running here, and what to do; empty where nothing does."""
    if missing():
        return f"The service tests need packages that are missing: {' '.join(missing())}. .ci/run installs them."
    if os.geteuid() != 0:
        return "The service tests start daemons and act as several users: run them as root."
    return ""


def _is_there(part: str) -> bool:
    return bool(glob.glob(part)) if "/" in part else shutil.which(part, path=PATH) is not None


if __name__ == "__main__":
    if sys.argv[1:] == ["--names"]:
        print(" ".join(missing()))
    else:
        sys.exit(complaint() or 0)
