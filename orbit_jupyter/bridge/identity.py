"""The bridge's persisted id, and the file in which a server tells its own kernels how to reach it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from pathlib import Path


def persisted_id(path: Path) -> str:
    """Return the id in `path`; the first call makes it. Of two first calls at once, one wins for both."""
    with contextlib.suppress(FileNotFoundError):
        return path.read_text(encoding="ascii").strip()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = path.with_suffix(f".{os.getpid()}")
    aside.write_text(secrets.token_hex(8), encoding="ascii")
    with contextlib.suppress(FileExistsError):
        os.link(aside, path)
    aside.unlink()
    return path.read_text(encoding="ascii").strip()


def write_runtime_file(path: Path, url: str, token: str, cert: str | None) -> None:
    """Write where this server's bridge is, for its own kernels alone: mode 0600, whole or not at all."""
    aside = path.with_suffix(".new")
    aside.unlink(missing_ok=True)
    with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump({"url": url, "token": token, "cert": cert, "pid": os.getpid()}, file)
    aside.rename(path)
