"""The endpoint itself: whether it is there, its start and its end."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from .places import HOME, Trouble, folder_of, folders, make_private, remove_empty, token_of, write_private
from .processes import is_alive, record_of, started, tail

PROFILE_TIME = 20.0
"""Seconds that the login shell's profile may take."""

STOP_TIME = 15.0
"""Seconds that an endpoint may take to say goodbye."""

MARK = "orbit-environment"
DROPPED = (
    *("RADICAL_ORBIT_BRIDGE_", "RADICAL_ORBIT_CLIENT_", "RADICAL_ORBIT_ENDPOINT_"),
    *("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "SSH_", "VIRTUAL_ENV"),
)
"""Variables of the login shell that an endpoint isn't given: they are another program's, or lead elsewhere."""


def facts(name: str, **_: Any) -> dict[str, Any]:
    """Say what is there already."""
    record = record_of(name)
    here = socket.gethostname()
    env = HOME / "env"
    return {
        "hostname": here,
        "home": str(Path.home()),
        "record": record,
        "elsewhere": bool(record) and record["hostname"] != here,
        "alive": is_alive(record) if record and record["hostname"] == here else False,
        "token": token_of(name).is_file(),
        "environments": sorted(one.name for one in env.iterdir() if one.name[0] != ".") if env.is_dir() else [],
        "log": tail(folder_of(name) / "endpoint.log") if record else "",
    }


def start(
    name: str,
    python: str,
    token: str,
    cert: str,
    url: str,
    path: str,
    plugins: str,
    noted: dict[str, Any],
    **_: Any,
) -> dict[str, Any]:
    """Start the endpoint in a session of its own, so that it outlives the connection; note it."""
    folder = make_private(folder_of(name))
    write_private(token_of(name), token + "\n")
    command = [python, "-E", "-s", "-m", "orbit_jupyter.endpoint", "--name", name, "--url", url, "--through", path]
    command += ["--plugins", plugins, "--token-file", str(token_of(name))]
    if cert:
        write_private(folder / "bridge_cert.pem", cert)
        command += ["--cert", str(folder / "bridge_cert.pem")]
    try:
        with open(os.open(folder / "endpoint.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as log:
            process = subprocess.Popen(
                command,
                env=_environment(),
                cwd=Path.home(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
    except OSError as error:
        raise Trouble(f"the endpoint can't be started: {error}") from None
    record = {**noted, "pid": process.pid, "started": started(process.pid), "hostname": socket.gethostname()}
    record |= {"python": python, "path": path, "environment": Path(python).parent.parent.name}
    try:
        write_private(folder / "endpoint.json", json.dumps(record))
    except Trouble:
        process.kill()
        raise
    return {"pid": process.pid}


def _environment() -> dict[str, str]:
    """Return the login shell's environment, where the batch system's commands are found; else this one."""
    shell = os.environ.get("SHELL") or "/bin/sh"
    command = f"printf '{MARK}\\0'; env -0"
    flags = ["-c"] if Path(shell).name in ("csh", "tcsh") else ["-l", "-c"]
    found = dict(os.environ)
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        said = subprocess.run(
            [shell, *flags, command],
            capture_output=True,
            timeout=PROFILE_TIME,
            stdin=subprocess.DEVNULL,
            check=True,
        ).stdout
        _, mark, rest = os.fsdecode(said).partition(f"{MARK}\0")
        if mark:
            found = dict(pair.split("=", 1) for pair in rest.split("\0") if "=" in pair)
    return {key: value for key, value in found.items() if not key.startswith(DROPPED)}


def look(name: str, **_: Any) -> dict[str, Any]:
    """Say whether the endpoint runs, and what it has written last."""
    return {"alive": is_alive(record_of(name)), "log": tail(folder_of(name) / "endpoint.log")}


def stop(name: str, **_: Any) -> dict[str, Any]:
    """End the endpoint."""
    record = record_of(name)
    if record and record["hostname"] != socket.gethostname():
        raise Trouble(_elsewhere(name, record))
    was_alive = is_alive(record)
    for sign, seconds in ((signal.SIGTERM, STOP_TIME), (signal.SIGKILL, STOP_TIME)):
        until = time.monotonic() + seconds
        if is_alive(record):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(record["pid"]), sign)
        while is_alive(record) and time.monotonic() < until:
            time.sleep(0.05)
    return {"ended": was_alive}


def clean(name: str, remove: bool = False, **_: Any) -> dict[str, Any]:
    """Remove what a join has left, and with `remove` the installation and the endpoint's state, too."""
    path = record_of(name).get("path", "")
    if path:
        Path(path).unlink(missing_ok=True)
        remove_empty(Path(path).parent)
    token_of(name).unlink(missing_ok=True)
    shutil.rmtree(folder_of(name), ignore_errors=True)
    kept: list[str] = []
    if remove:
        shutil.rmtree(HOME / "state" / name, ignore_errors=True)
        used = {record_of(one.name).get("environment") for one in folders(HOME / "joined")}
        for environment in folders(HOME / "env"):
            if environment.name in used:
                kept.append(environment.name)
            else:
                shutil.rmtree(environment, ignore_errors=True)
    (HOME / "joined" / f".{name}.lock").unlink(missing_ok=True)
    for folder in (HOME / "joined", HOME / "endpoints", HOME / "env", HOME / "state", HOME, HOME.parent):
        remove_empty(folder)
    return {"kept": kept}


def _elsewhere(name: str, record: dict[str, Any]) -> str:
    here = socket.gethostname()
    return f"endpoint {name} runs on {record['hostname']} and this is {here}; give that host's own name"
