"""Which process a file belongs to, and whether that process is still there."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Literal

import msgspec

Fate = Literal["alive", "dead", "unknown"]


class Holder(msgspec.Struct, frozen=True):
    """A process, told apart from all others, on other machines and in other containers too."""

    host: str
    pid: int
    started: float
    """When it started: on Linux in ticks since the machine's boot, which no change of the clock moves."""
    machine: str = ""
    kernel: str = ""
    """New with each boot of the machine; empty where the system doesn't say."""
    namespace: str = ""
    """In which the pid counts."""

    @classmethod
    def here(cls) -> Holder:
        """Return this process."""
        pid = os.getpid()
        return cls(socket.gethostname(), pid, _started(pid) or 0.0, *_machine())

    def fate(self) -> Fate:
        """Return whether the process lives; ``unknown`` where that can't be seen from here."""
        machine, kernel, namespace = _machine()
        if (self.host, self.machine) != (socket.gethostname(), machine):
            return "unknown"
        if self.kernel != kernel:
            return "dead" if machine else "unknown"  # the machine has booted since, if it is the same one
        if self.namespace != namespace:
            return "unknown"
        return "alive" if _started(self.pid) == self.started else "dead"


def _machine() -> tuple[str, str, str]:
    """Return what tells this machine, its boot and our pids apart; empty what the system doesn't say."""
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    return _text("/etc/machine-id"), _text("/proc/sys/kernel/random/boot_id"), namespace


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def _started(pid: int) -> float | None:
    """Return when a process started, or None where there is none (or only its exit status is left)."""
    try:
        # Not psutil on Linux: it adds the time of the boot, which moves when the clock is set.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return None if fields[0] in (b"Z", b"X") else float(fields[19])
    except (OSError, IndexError, ValueError):
        pass
    import psutil  # late: most who import this module never need it

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.Error:
        return None
