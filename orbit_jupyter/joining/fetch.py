"""What doesn't fit is fetched for the far side's system, with the pip and the index of this one."""

from __future__ import annotations

import logging
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from .bundle import Bundle
from .pythons import Python

log = logging.getLogger("orbit.joining")

FETCH_TIME = 300.0
"""Seconds that pip may take."""


def fetch(bundle: Bundle, python: Python) -> Bundle:
    """Return the bundle with what was missing, or as it is where that can't be had from here."""
    if not bundle.missing:
        return bundle
    with tempfile.TemporaryDirectory(prefix="orbit-") as folder:
        major, minor = python.version
        command = [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"),
            *("--no-deps", "--only-binary", ":all:", "--retries", "1", "--timeout", "10", "--dest", folder),
            *("--python-version", f"{major}.{minor}", "--implementation", "cp"),
            *(word for abi in (f"cp{major}{minor}", "abi3", "none") for word in ("--abi", abi)),
            *(word for one in _platforms(python) for word in ("--platform", one)),
            *bundle.missing,
        ]
        try:
            ran = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_TIME, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            log.info("pip here can't fetch %s: %s", ", ".join(bundle.missing), error)
            return bundle
        if ran.returncode:
            log.info("pip here can't fetch %s: %s", ", ".join(bundle.missing), ran.stderr.strip()[-500:])
            return bundle
        files = dict(bundle.files)
        for wheel in sorted(Path(folder).glob("*.whl")):
            files.update(_unpacked(wheel))
        return Bundle(files, [])


def _platforms(python: Python) -> list[str]:
    if python.system == "linux" and python.libc.startswith("glibc "):
        newest = int(python.libc.partition(".")[2].partition(".")[0])
        names = [f"manylinux_2_{minor}" for minor in range(newest, 4, -1)]
        return [f"{name}_{python.machine}" for name in (*names, "manylinux2014")]
    if python.system == "linux":
        return [f"musllinux_1_{minor}_{python.machine}" for minor in (2, 1)]
    return []


def _unpacked(wheel: Path) -> dict[str, bytes]:
    files = {}
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            path = PurePosixPath(name)
            if name.endswith("/"):
                continue
            if path.parts[0].endswith(".data"):
                if path.parts[1] not in ("purelib", "platlib"):
                    continue  # scripts and headers, which nobody needs there
                path = PurePosixPath(*path.parts[2:])
            files[path.as_posix()] = archive.read(name)
    return files
