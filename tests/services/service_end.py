"""The end of a service folder: also a program, which waits until its standard input is closed.

It kills what was started there, what has the folder's mark in its environment and what belongs to the folder's
users, with all that these have started, and removes the users and the folder. So the way is the same whether a
session ends or is killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import shutil
import sys
import time
from pathlib import Path

import psutil
from session_accounts import remove_account

MARK = "ORBIT_SERVICES"
PREFIX = "orbit-services-"
YOUNG = 60.0
"""Seconds that a folder without a keeper is left alone: it may be about to get one."""


def sweep(parent: Path) -> None:
    """End the folders whose keeper was killed as well, and the users of folders that are gone."""
    for folder in parent.glob(f"{PREFIX}*/"):
        with contextlib.suppress(FileNotFoundError, BlockingIOError):
            if time.time() - folder.stat().st_mtime > YOUNG:
                with (folder / "keeper").open("wb") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    end(folder)
    for entry in pwd.getpwall():
        folder = Path(entry.pw_dir).parent.parent  # see `end`; gone with a reboot, say
        if folder.name.startswith(PREFIX) and not folder.exists():
            remove_account(entry.pw_name)


def end(folder: Path) -> None:
    """Kill the folder's programs, then remove its users and itself."""
    until = time.monotonic() + 20
    while alive := belonging(folder):
        if time.monotonic() > until:
            raise RuntimeError(f"can't be killed: {alive}")
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(alive, timeout=1)
    for name in users(folder):
        remove_account(name)
    shutil.rmtree(folder)


def users(folder: Path) -> set[str]:
    """Return the names of the folder's users."""
    homes = folder / "homes"
    return {path.name for path in homes.iterdir()} if homes.exists() else set()


def note(folder: Path, pid: int) -> None:
    """Write down that a process belongs to the folder: a daemon may write over the mark, as sshd does."""
    with (folder / "started").open("a") as file:
        file.write(f"{pid} {psutil.Process(pid).create_time()}\n")


def belonging(folder: Path) -> list[psutil.Process]:
    """Return the processes that belong to the folder, with their descendants."""
    mark = f"{MARK}={folder}".encode()
    names = users(folder)
    started = (folder / "started").read_text().splitlines() if (folder / "started").exists() else []
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            noted = f"{process.pid} {process.create_time()}" in started
            marked = mark in Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
            if noted or marked or process.username() in names:
                found |= {one.pid: one for one in (process, *process.children(recursive=True))}
    return [process for process in found.values() if _runs(process)]


def _runs(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


if __name__ == "__main__":
    os.chdir("/")
    sys.stdin.buffer.read()
    end(Path(sys.argv[1]))
