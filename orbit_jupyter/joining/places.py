"""Where a join keeps what it needs on this side."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from orbit_jupyter.protocol import ConflictError

from .errors import JoinError

LONGEST = 60
"""Bytes of the folder's path: ssh adds a name of ours and 17 of its own, and a socket's path has 103 at most."""


def control_folder() -> Path:
    """Return the folder of the master connections' sockets, on this machine's own disk and nobody else's.

    Raises
    ------
    JoinError
        There is no place for it.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    candidates = [Path(runtime) / "orbit"] if runtime and os.access(runtime, os.W_OK) else []
    candidates += [Path(base) / f"orbit-{os.getuid()}" for base in (tempfile.gettempdir(), "/tmp")]  # noqa: S108
    said = ""
    for folder in candidates:
        if len(os.fsencode(folder)) > LONGEST:
            said = f"{folder}: the path is too long"
            continue
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            facts = folder.lstat()
        except OSError as error:
            said = f"{folder}: {error.strerror}"
            continue
        if facts.st_uid == os.getuid() and not facts.st_mode & 0o077 and not folder.is_symlink():
            return folder
        said = f"{folder} is somebody else's, or open to others; remove it or run: chmod 700 {folder}"
    raise JoinError(f"there is no place for ssh's control socket: {said}; set TMPDIR to a short path of your own")


@contextlib.contextmanager
def one_join(path: Path, what: str) -> Iterator[None]:
    """Hold a lock for as long as the block runs.

    Raises
    ------
    ConflictError
        Another process holds it.
    """
    opened = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConflictError(
                f"another join or leave of {what} is under way on this machine; wait for it, or interrupt it"
            ) from None
        yield
    finally:
        os.close(opened)
