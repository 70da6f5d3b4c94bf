"""How full the mounted file systems are."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import psutil

from orbit_jupyter.plugin.program import NoAnswerError

from .guard import Guard, Run
from .mounts import Mount, classify, mounts
from .probe import PartialReadingError, Probe

MOST = 128
"""File systems that are asked, each in a thread: an automounter may have hundreds of homes mounted."""

Usage = tuple[int, int, float]
"""Total and used bytes, used percent."""


def usage(path: str) -> Usage | None:
    """Return how full the file system at `path` is; None if a single file is mounted there. May hang."""
    if not os.path.isdir(path):
        os.stat(path)  # one that can't be seen raises here, and says why
        return None
    space = psutil.disk_usage(path)
    return space.total, space.used, space.percent


class DiskProbe(Probe):
    """Reads ``disks``.

    Parameters
    ----------
    table
        Returns the mounts.
    ask
        Returns how full one is, None to leave it out, or hangs.
    each
        Seconds that a mount may take to answer.
    home
        The user's home folder: of a shared file system's mounts the one that holds it is listed.
    """

    name = "disks"

    def __init__(
        self,
        table: Callable[[], list[Mount]] = mounts,
        ask: Callable[[str], Usage | None] = usage,
        each: float = 2.0,
        home: str | None = None,
    ) -> None:
        self.deadline = each + 1.0
        self._home = os.path.expanduser("~") if home is None else home
        self._table, self._ask, self._each = table, ask, each
        self._lock = threading.Lock()
        self._guards: dict[str, Guard[Usage | None]] = {}

    def empty(self) -> list[Any]:
        """Return no disks."""
        return []

    def warm(self) -> None:
        """Find the mounts that hang before the first caller has to wait for them."""
        self.read()

    def read(self) -> list[dict[str, Any]]:
        """Return the file systems; one that doesn't answer stays in the list, with ``error``.

        Raises
        ------
        PartialReadingError
            If there are more than `MOST`.
        """
        table = self._table()
        if len(table) <= MOST:
            return self._read(table)
        wanted = sorted(table, key=lambda mount: not (mount.path == "/" or self._holds_home(mount)))
        reason = f"{len(table) - MOST} of {len(table)} file systems were left out"
        raise PartialReadingError(self._read(wanted[:MOST]), reason)

    def _read(self, table: list[Mount]) -> list[dict[str, Any]]:
        runs = self._start([mount.path for mount in table])
        entries = [(mount, _entry(mount, run)) for mount, run in zip(table, runs, strict=True)]
        return self._once([(mount, entry) for mount, entry in entries if entry is not None])

    def _once(self, entries: list[tuple[Mount, dict[str, Any]]]) -> list[dict[str, Any]]:
        """Return each file system once: of its mounts the whole one, and of those the shortest path."""
        best: dict[tuple[Any, ...], tuple[Mount, dict[str, Any]]] = {}
        for mount, entry in entries:
            key = _same(mount, entry)
            other = best.get(key)
            if other is None or self._rank(mount) < self._rank(other[0]):
                best[key] = (mount, entry)
        kept = {mount.path for mount, _ in best.values()}
        return [entry for mount, entry in entries if mount.path in kept]

    def _rank(self, mount: Mount) -> tuple[bool, bool, int]:
        return not (mount.shared and self._holds_home(mount)), mount.root != "/", len(mount.path)

    def _holds_home(self, mount: Mount) -> bool:
        return mount.path != "/" and f"{self._home}/".startswith(f"{mount.path}/")

    def _start(self, paths: list[str]) -> list[Run[Usage | None]]:
        with self._lock:
            # A guard goes with its mount, unless its thread hangs: the mount may come back.
            known = {path: guard for path, guard in self._guards.items() if path in paths or guard.busy}
            self._guards = known | {path: self._guard(path) for path in paths if path not in known}
            return [self._guards[path].start() for path in paths]

    def _guard(self, path: str) -> Guard[Usage | None]:
        return Guard(lambda: self._ask(path), self._each, f"sysinfo-disk-{path}")


def _entry(mount: Mount, run: Run[Usage | None]) -> dict[str, Any] | None:
    entry: dict[str, Any] = {
        "mount": _text(mount.path),
        "device": _text(mount.device),
        "fstype": mount.fstype,
        "type": classify(mount),
    }
    try:
        answer = run.result()
    except NoAnswerError as error:
        return {**entry, "total": None, "used": None, "percent": None, "error": str(error)}
    except OSError as error:
        reason = error.strerror or str(error)
        return {**entry, "total": None, "used": None, "percent": None, "error": reason}
    if answer is None or (answer[0] == 0 and not mount.shared):
        return None  # a file, or something of the kernel's that holds nothing
    return {**entry, "total": answer[0], "used": answer[1], "percent": answer[2]}


def _text(name: str) -> str:
    # A path may hold bytes that aren't UTF-8; JSON can't.
    return os.fsencode(name).decode("utf-8", "replace")


def _same(mount: Mount, entry: dict[str, Any]) -> tuple[Any, ...]:
    """Return what the mounts of one file system have in common."""
    number = mount.number or mount.path
    if not mount.shared:
        return number, mount.device
    # An automounter mounts each home by its own name, all of one file system. And a folder that is bound to
    # another place may have a quota of its own, which shows as another size.
    return number, entry["total"]
