"""Which machine this is, and how long it has been up."""

from __future__ import annotations

import getpass
import os
import socket
import time

import psutil

from .probe import Probe


def uptime() -> float:
    """Return the seconds since the machine was started."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    if boottime is not None:
        # Unlike now minus boot time, this doesn't jump when the clock is set.
        return time.clock_gettime(boottime)
    return time.time() - psutil.boot_time()


def user() -> str:
    """Return the name of the user that this process runs as, or the id of one without a name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return str(os.getuid())


class SystemProbe(Probe):
    """Reads ``system``."""

    name = "system"

    def __init__(self) -> None:
        self._facts: dict[str, str] = {}

    def warm(self) -> None:
        """Look up the names; the user's may come from a directory server."""
        uname = os.uname()
        self._facts = {
            "hostname": socket.gethostname(),
            "user": user(),
            "kernel": f"{uname.sysname} {uname.release}",
            "arch": uname.machine,
        }

    def read(self) -> dict[str, str | float]:
        """Return the names, and the uptime in seconds."""
        if not self._facts:
            self.warm()
        return {**self._facts, "uptime": round(uptime(), 2)}
