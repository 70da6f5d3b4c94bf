"""The file that all programs of the fake PBS share."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Tree = dict[str, Any]


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Tree]:
    """Yield the state, held for this process alone, and write what was changed of it."""
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = folder / "state.json"
        before = path.read_text()
        state = json.loads(before)
        yield state
        after = json.dumps(state)
        if after != before:
            written = folder / "state.new"
            written.write_text(after)
            os.replace(written, path)


def faults(folder: Path) -> Tree:
    """Return how the server fails just now."""
    path = folder / "faults.json"
    found: Tree = json.loads(path.read_text()) if path.exists() else {}
    return found


def stamp(seconds: float | None = None) -> str:
    """Return a time as PBS writes it."""
    return time.strftime("%a %b %d %H:%M:%S %Y", time.localtime(seconds))


def clock(seconds: float) -> str:
    """Return a duration as PBS writes it."""
    whole = int(seconds)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"


def seconds_of(text: str) -> int | None:
    """Return the seconds of a duration; None if it is none."""
    parts = text.split(":")
    if not all(part.isdigit() for part in parts) or len(parts) > 3:
        return None
    total = 0
    for part in parts:
        total = total * 60 + int(part)
    return total
