"""Installations: made aside, and renamed once they are whole."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

from .places import HOME, Trouble, folders, make_private, remove_empty
from .processes import record_of


def install(digest: str, attempt: str, missing: list[str], **_: Any) -> dict[str, Any]:
    """Make an environment from the archive on standard input: aside first, and renamed once it is whole."""
    folder = make_private(HOME / "env")
    new, final = folder / f".{attempt}", folder / digest
    try:
        make_private(new)
        (new / ".pid").write_text(str(os.getpid()))
        _build(new, final, missing)
        (new / ".pid").unlink()
        if final.exists():  # somebody else has made the same meanwhile
            return {"python": str(final / "bin" / "python")}
        new.rename(final)
    except OSError as error:
        raise Trouble(
            f"the endpoint can't be installed in {folder}: {error}; is the disk full, or the quota?"
        ) from None
    finally:
        shutil.rmtree(new, ignore_errors=True)
        remove_empty(folder)
    return {"python": str(final / "bin" / "python")}


def _build(new: Path, final: Path, missing: list[str]) -> None:
    import venv

    venv.EnvBuilder(symlinks=True, with_pip=False).create(new)
    python = new / "bin" / "python"
    site = next(new.glob("lib/python3*/site-packages"))
    try:
        with tarfile.open(fileobj=sys.stdin.buffer, mode="r|*") as archive:
            for member in archive:
                if not member.isfile() or member.name.startswith("/") or ".." in member.name.split("/"):
                    raise Trouble(f"the archive holds {member.name!r}, which doesn't belong there")
                archive.extract(member, site, set_attrs=False)
    except (tarfile.TarError, EOFError) as error:
        raise Trouble(f"the installation broke off on its way: {error}; join again") from None
    if missing:
        _pip(python, site, missing)
    command = final / "bin" / "python"
    script = new / "bin" / "orbit-endpoint"
    script.write_text(f'#!/bin/sh\nexec "{command}" -m orbit_jupyter.endpoint "$@"\n')
    script.chmod(0o755)
    tried = subprocess.run(
        [
            python,
            "-I",
            "-c",
            "import orbit_jupyter.endpoint.command, orbit_plugins.psij, psij, websockets, tenacity",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if tried.returncode:
        raise Trouble(f"what was installed doesn't run there: {tried.stderr.strip()[-1500:]}")


def _pip(python: Path, site: Path, missing: list[str]) -> None:
    """Have the machine's own pip fetch what this side couldn't bring."""
    options = ["install", "--quiet", "--no-input", "--disable-pip-version-check", "--no-deps"]
    said = ""
    for pip in ([sys.executable, "-m", "pip"], [str(python), "-m", "pip"]):
        if pip[0] == str(python):
            subprocess.run([python, "-m", "ensurepip"], capture_output=True, timeout=120, check=False)
        ran = subprocess.run(
            [*pip, *options, "--only-binary", ":all:", "--target", str(site), *missing],
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        if ran.returncode == 0:
            return
        said = ran.stderr.strip()[-1500:]
    raise Trouble(f"{', '.join(missing)} can't be brought along, and pip there couldn't install them: {said}")


def abandon(attempt: str, **_: Any) -> dict[str, Any]:
    """End an installation that nobody waits for any more, and remove what it has made."""
    new = HOME / "env" / f".{attempt}"
    with contextlib.suppress(OSError, ValueError):
        os.kill(int((new / ".pid").read_text()), signal.SIGKILL)
    for _again in range(50):
        shutil.rmtree(new, ignore_errors=True)
        if not new.exists():
            break
        time.sleep(0.1)
    remove_empty(HOME / "env")
    return {}


def uninstall(digest: str, **_: Any) -> dict[str, Any]:
    """Remove an environment."""
    shutil.rmtree(HOME / "env" / digest, ignore_errors=True)
    remove_empty(HOME / "env")
    return {}


def prune(keep: str, **_: Any) -> dict[str, Any]:
    """Remove the environments that no joined endpoint runs from, but for one."""
    used = {record_of(one.name).get("environment") for one in folders(HOME / "joined")} | {keep}
    unused = [one for one in folders(HOME / "env") if one.name not in used and not one.name.startswith(".")]
    for environment in unused:
        shutil.rmtree(environment, ignore_errors=True)
    return {"removed": [one.name for one in unused]}
