"""A program that is called as ssh is, for tests of joining: its hosts are folders of this machine.

`FakeHosts.bin` belongs on the PATH. Each host has a home of its own, where commands run that go
over a master connection; what it asks before it lets anybody in is in a file, as are its answers.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

FOLDER_VARIABLE = "FAKE_SSH"


class FakeHosts:
    """The hosts that can be reached, from the test's side.

    Parameters
    ----------
    folder
        Where all of it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir(parents=True)
        program = self.bin / "ssh"
        program.write_text(
            f"#!{sys.executable} -ISu\nimport sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\n"
            "import fake_ssh\nfake_ssh.main(sys.argv[1:])\n"
        )
        program.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs that is to find it."""
        runtime = self.folder / "run"
        runtime.mkdir(mode=0o700, exist_ok=True)
        return {
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            FOLDER_VARIABLE: str(self.folder),
            "XDG_RUNTIME_DIR": str(runtime),
        }

    def add(self, name: str, *asks: Sequence[str], says: Sequence[str] = (), fails: str = "") -> Path:
        """Add a host; return its home.

        Parameters
        ----------
        asks
            Question and right answer, one pair after the other.
        says
            Lines that it says first.
        fails
            What ssh says in place of letting anybody in.
        """
        facts = {"asks": [list(one) for one in asks], "says": list(says), "fails": fails}
        (self.folder / f"{name}.json").write_text(json.dumps(facts))
        home = self.folder / name
        home.mkdir(exist_ok=True)
        return home

    def masters(self) -> list[int]:
        """Return the connections that stand, as processes."""
        return [pid for pid in self._noted() if _runs(pid)]

    def _noted(self) -> Iterator[int]:
        for path in self.folder.glob("*.master"):
            with contextlib.suppress(ValueError):
                yield int(path.stem)

    def close(self) -> None:
        """End every connection, and whatever was started over one."""
        for pid in self.masters():
            os.kill(pid, signal.SIGKILL)
        for process in _started_over(self.folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def _started_over(folder: Path) -> Iterator[int]:
    mark = f"{FOLDER_VARIABLE}_HOME={folder}".encode()
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (path / "environ").read_bytes():
                yield int(path.name)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


# -- the program ----------------------------------------------------------------------------------------------


def main(arguments: list[str]) -> NoReturn:
    """Do what ssh would."""
    folder = Path(os.environ[FOLDER_VARIABLE])
    path = arguments[arguments.index("-S") + 1]
    if "-M" in arguments:
        _let_in(folder, arguments)
        _become_master(folder, arguments[-1], path)
    if "-O" in arguments:
        word = arguments[arguments.index("-O") + 1]
        way = arguments[arguments.index("-R") + 1] if "-R" in arguments else ""
        _end(_tell(path, word, way))
    host = _tell(path, "host", "")
    home = folder / host
    environment = {
        "HOME": str(home),
        "SHELL": "/bin/sh",
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "RADICAL_ORBIT_BATCH": "none",
        f"{FOLDER_VARIABLE}_HOME": str(folder),
    }
    os.chdir(home)
    os.execve("/bin/sh", ["sh", "-c", arguments[-1]], environment)


def _end(said: str) -> NoReturn:
    print(said)
    sys.exit(0)


def _fail(said: str) -> NoReturn:
    print(said, file=sys.stderr)
    sys.exit(255)


def _let_in(folder: Path, arguments: list[str]) -> None:
    host = arguments[-1]
    alias = host.rpartition("@")[2]
    try:
        facts: dict[str, Any] = json.loads((folder / f"{alias}.json").read_text())
    except OSError:
        _fail(f"ssh: Could not resolve hostname {alias}: Name or service not known")
    for line in facts["says"]:
        print(line, file=sys.stderr)
    if facts["fails"]:
        _fail(facts["fails"])
    for prompt, right in facts["asks"]:
        if "BatchMode=yes" in arguments:
            _fail(f"{host}: Permission denied (publickey,password).")
        if "(yes/no" in prompt:
            if _ask(prompt) != right:
                _fail("Host key verification failed.")
            continue
        for _ in range(3):
            if _ask(prompt) == right:
                break
            print("Permission denied, please try again.", file=sys.stderr)
        else:
            _fail(f"{host}: Permission denied (password).")


def _ask(prompt: str) -> str:
    program = os.environ["SSH_ASKPASS"]
    asked = subprocess.run([program, prompt], stdout=subprocess.PIPE, text=True, check=False)
    if asked.returncode:
        _fail("Permission denied (password).")
    return asked.stdout.removesuffix("\n")


def _tell(path: str, word: str, way: str) -> str:
    try:
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(path)
            link.sendall(json.dumps([word, way]).encode() + b"\n")
            with link.makefile() as lines:
                said = json.loads(lines.readline() or '["no answer", 255]')
    except OSError as error:
        _fail(f"Control socket connect({path}): {error.strerror}")
    if said[1]:
        _fail(said[0])
    return str(said[0])


def _become_master(folder: Path, host: str, path: str) -> NoReturn:
    control = socket.socket(socket.AF_UNIX)
    control.bind(path)
    control.listen()
    if os.fork():
        os._exit(0)
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    note = folder / f"{os.getpid()}.master"
    note.touch()
    forwards: dict[str, socket.socket] = {}
    while True:
        link, _ = control.accept()
        with link, link.makefile("rw") as lines:
            word, way = json.loads(lines.readline())
            said, status = _done(word, way, host, forwards)
            lines.write(json.dumps([said, status]) + "\n")
        if word == "exit":
            for listening in list(forwards):
                Path(listening).unlink(missing_ok=True)
            Path(path).unlink(missing_ok=True)
            note.unlink(missing_ok=True)
            os._exit(0)


def _done(word: str, way: str, host: str, forwards: dict[str, socket.socket]) -> tuple[str, int]:
    there, _, target = way.partition(":")
    if word == "check":
        return f"Master running (pid={os.getpid()})", 0
    if word == "host":
        return host.rpartition("@")[2], 0
    if word == "forward":
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(there)
        listening.listen()
        forwards[there] = listening
        threading.Thread(target=_serve, args=(listening, target), daemon=True).start()
    elif word == "cancel":
        if there not in forwards:
            return "no such forward", 255
        forwards.pop(there).close()
        Path(there).unlink(missing_ok=True)
    return "", 0


def _serve(listening: socket.socket, target: str) -> None:
    host, _, port = target.rpartition(":")
    with contextlib.suppress(OSError):
        while True:
            near, _ = listening.accept()
            try:
                far = socket.create_connection((host.strip("[]"), int(port)))
            except OSError:
                near.close()
                continue
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=_pass_on, args=(one, other), daemon=True).start()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := one.recv(1 << 16):
            other.sendall(data)
    for end in (one, other):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
