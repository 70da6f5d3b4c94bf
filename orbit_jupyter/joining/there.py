"""What runs on the cluster's side of a join: sent over ssh and run by the Python there, nothing but its library.

Each run reads one request, a line of JSON, from its standard input, with an archive behind it where one is needed,
and answers with one line of JSON behind the mark that the request names: what a login shell prints beside it is
nobody's answer.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HOME = Path.home() / ".radical" / "orbit"
SOCKET_PATH = 100
"""Bytes of a socket's path: the system takes 107 or fewer, and sshd binds under the very name."""

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


class Trouble(Exception):
    """It can't be done; the message is for the user."""


# -- places ---------------------------------------------------------------------------------------------------


def folder_of(name: str) -> Path:
    """Return the folder of one joined endpoint."""
    return HOME / "joined" / name


def token_of(name: str) -> Path:
    """Return the file with its token, where `orbit-endpoint` looks for it."""
    return HOME / "endpoints" / f"{name}.token"


def make_private(folder: Path) -> Path:
    """Make a folder that is its owner's alone.

    Raises
    ------
    Trouble
        It can't be made, or is somebody else's.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = folder.lstat()
        if facts.st_uid != os.getuid():
            raise Trouble(f"{folder} belongs to another user; choose another name, or ask for it to be removed")
        if facts.st_mode & 0o077:
            folder.chmod(0o700)
    except OSError as error:
        raise Trouble(
            f"{folder} can't be made: {error.strerror}; see that {HOME.parent} can be written to, and the quota"
        ) from None
    return folder


def write_private(path: Path, content: str) -> None:
    """Write a file that its owner alone can read, whole or not at all."""
    make_private(path.parent)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
        os.replace(aside, path)
    except OSError as error:
        raise Trouble(f"{path} can't be written: {error.strerror}; is the disk full, or the quota?") from None
    finally:
        aside.unlink(missing_ok=True)


# -- processes ------------------------------------------------------------------------------------------------


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


# -- what can be asked for ------------------------------------------------------------------------------------


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
        _remove_empty(folder)
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
    _remove_empty(HOME / "env")
    return {}


def uninstall(digest: str, **_: Any) -> dict[str, Any]:
    """Remove an environment."""
    shutil.rmtree(HOME / "env" / digest, ignore_errors=True)
    _remove_empty(HOME / "env")
    return {}


def prune(keep: str, **_: Any) -> dict[str, Any]:
    """Remove the environments that no joined endpoint runs from, but for one."""
    used = {record_of(one.name).get("environment") for one in _folders(HOME / "joined")} | {keep}
    unused = [one for one in _folders(HOME / "env") if one.name not in used and not one.name.startswith(".")]
    for environment in unused:
        shutil.rmtree(environment, ignore_errors=True)
    return {"removed": [one.name for one in unused]}


def way(name: str, path: str = "", **_: Any) -> dict[str, Any]:
    """Return where the tunnel is to end: the path of a socket that nobody else can come to.

    With a path it is that one, made free for a new listener: sshd leaves the socket of one that is gone.
    """
    if path:
        make_private(Path(path).parent)
        Path(path).unlink(missing_ok=True)
        return {"path": path}
    refused = ""
    for folder in (folder_of(name), Path(f"/tmp/orbit-{os.getuid()}")):  # noqa: S108 - its owner is checked
        place = folder / ("bridge.sock" if folder.name == name else f"{name}.sock")
        if len(os.fsencode(place)) > SOCKET_PATH:
            refused = f"the path {place} is too long"
            continue
        try:
            make_private(folder)
            place.unlink(missing_ok=True)
            with socket.socket(socket.AF_UNIX) as probe:  # some file systems have no sockets
                probe.bind(str(place))
            place.unlink()
        except (OSError, Trouble) as error:
            refused = f"{place}: {error}"
            continue
        return {"path": str(place)}
    raise Trouble(f"there is no place for the tunnel's socket: {refused}")


def trust(name: str, cert: str, **_: Any) -> dict[str, Any]:
    """Have the endpoint trust another certificate; it reads it each time that it dials."""
    write_private(folder_of(name) / "bridge_cert.pem", cert)
    return {}


def reaches(path: str, **_: Any) -> dict[str, Any]:
    """Say whether something listens at the tunnel's end."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(5)
        try:
            probe.connect(path)
            # Without a far side the connection is taken by sshd and closed at once.
            probe.settimeout(1)
            return {"reaches": bool(probe.recv(1))}
        except TimeoutError:
            return {"reaches": True}
        except OSError:
            return {"reaches": False}


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
        _remove_empty(Path(path).parent)
    token_of(name).unlink(missing_ok=True)
    shutil.rmtree(folder_of(name), ignore_errors=True)
    kept: list[str] = []
    if remove:
        shutil.rmtree(HOME / "state" / name, ignore_errors=True)
        used = {record_of(one.name).get("environment") for one in _folders(HOME / "joined")}
        for environment in _folders(HOME / "env"):
            if environment.name in used:
                kept.append(environment.name)
            else:
                shutil.rmtree(environment, ignore_errors=True)
    (HOME / "joined" / f".{name}.lock").unlink(missing_ok=True)
    for folder in (HOME / "joined", HOME / "endpoints", HOME / "env", HOME / "state", HOME, HOME.parent):
        _remove_empty(folder)
    return {"kept": kept}


def _folders(folder: Path) -> list[Path]:
    return [one for one in folder.iterdir() if one.is_dir()] if folder.is_dir() else []


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


def _elsewhere(name: str, record: dict[str, Any]) -> str:
    here = socket.gethostname()
    return f"endpoint {name} runs on {record['hostname']} and this is {here}; give that host's own name"


# -- one request ----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Wait until no other run works on that endpoint: an undo waits for what it undoes."""
    file = make_private(HOME / "joined") / f".{name}.lock"
    try:
        opened = os.open(file, os.O_WRONLY | os.O_CREAT, 0o600)
    except OSError as error:
        raise Trouble(f"{file} can't be written: {error.strerror}; is the disk full, or the quota?") from None
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


VERBS = {
    verb.__name__: verb
    for verb in (facts, install, uninstall, abandon, prune, way, trust, reaches, start, look, stop, clean)
}
UNLOCKED = ("facts", "install", "uninstall", "abandon", "reaches", "look")
"""These change nothing of an endpoint, or nothing that another run could be at."""


def main() -> None:
    """Answer one request."""
    os.umask(0o077)
    request = json.loads(sys.stdin.buffer.readline())
    verb, mark = request.pop("verb"), request.pop("mark")
    try:
        if verb in UNLOCKED:
            answer = VERBS[verb](**request)
        else:
            with one_at_a_time(request["name"]):
                answer = VERBS[verb](**request)
        said: dict[str, Any] = {"answer": answer}
    except Trouble as error:
        said = {"trouble": str(error)}
    except Exception as error:
        said = {"trouble": f"{type(error).__name__}: {error}"}
    print(f"\n{mark}{json.dumps(said)}", flush=True)


if __name__ == "__main__":
    main()
