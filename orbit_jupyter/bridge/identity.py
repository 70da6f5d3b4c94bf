"""The bridge's persisted id, and the file in which a server tells its own kernels how to reach it."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
from pathlib import Path

from orbit_jupyter.state import write_whole

log = logging.getLogger("orbit.bridge")


def persisted_id(path: Path) -> str:
    """Return the id in `path`; the first call makes it. Of two first calls at once, one wins for both.

    Where nothing can be written the id is this process's alone.
    """
    id = secrets.token_hex(8)
    try:
        with contextlib.suppress(FileNotFoundError):
            return path.read_text(encoding="ascii").strip()
        aside = path.with_suffix(f".{id}")
        write_whole(aside, id.encode())
        with contextlib.suppress(FileExistsError):
            os.link(aside, path)  # not a rename: that would replace another's
        aside.unlink()
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        log.info("the bridge's id can't be kept: %s", error)
        return id


def write_runtime_file(path: Path, url: str, token: str, cert: str | None) -> None:
    """Write where this server's bridge is, for its own kernels alone: mode 0600, whole or not at all."""
    write_whole(path, json.dumps({"url": url, "token": token, "cert": cert, "pid": os.getpid()}).encode())
