"""Processes, told apart from others that get the same number later."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from .places import folder_of


def started(pid: int) -> str:
    """Return when a process began, in words that only that process has; empty where there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        state, *fields = text.rpartition(")")[2].split()
        return "" if state in "ZX" else f"{boot}/{fields[18]}"
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return ""
    except OSError:
        return ""
    asked = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return asked.stdout.strip()


def record_of(name: str) -> dict[str, Any]:
    """Return what was noted of an endpoint at its start; empty without one."""
    try:
        read = json.loads((folder_of(name) / "endpoint.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def is_alive(record: dict[str, Any]) -> bool:
    """Return whether the process that was noted still runs, on this host."""
    return bool(record) and started(int(record["pid"])) == record["started"] != ""


def tail(path: Path, size: int = 2000) -> str:
    """Return the end of a log."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - size))
            return file.read().decode(errors="replace").strip()
    except OSError:
        return ""
