"""The far side of a join: what it is asked goes over the master connection, and its Python answers."""

from __future__ import annotations

import json
import secrets
import shlex
from importlib import resources
from typing import Any

from .errors import JoinError
from .master import Master
from .pythons import Python, choose, found_in, modules, modules_in, search
from .there import MODULES

ANSWER_TIME = 120.0
"""Seconds that an answer may take; a login node can be very busy."""

INSTALL_TIME = 1200.0
"""Seconds that bringing an installation over may take."""

_RUN = "import sys; f = sys.stdin.buffer; exec(f.read(int(f.readline())))"


def program() -> bytes:
    """Return the source of what runs over there: `there`, all of it in one piece."""
    folder = resources.files(__package__) / "there"
    sources = {name: (folder / f"{name}.py").read_text(encoding="utf-8") for name in MODULES}
    begin = (folder / "begin.py").read_text(encoding="utf-8")
    return f"{begin}\n\nbegin({sources!r})\n".encode()


class FarSide:
    """Asks and tells the far side.

    Parameters
    ----------
    master
        The connection, open.
    python
        The Python there; empty: it isn't known yet.
    """

    def __init__(self, master: Master, python: str = "") -> None:
        self._master, self.python = master, python
        self._program = program()

    def find_python(self, given: str | None) -> Python:
        """Look for a Python and return it; calls are its from now on.

        Raises
        ------
        JoinError
            There is none that will do.
        """
        mark = secrets.token_hex(8)
        found = found_in(self._shell(search(mark, given), mark), mark)
        listed: list[str] = []
        if given is None and not any(python.usable for python in found):
            listed = modules_in(self._shell(modules(mark), mark), mark)
        python = choose(self._master.host, found, given, listed)
        self.python = python.executable
        return python

    def _shell(self, script: str, mark: str) -> str:
        # The login shell may be any; it is asked for nothing but to run this one.
        status, out, complaints = self._master.run("exec /bin/sh", script.encode(), ANSWER_TIME)
        said = out.decode(errors="replace")
        if f"{mark}end" not in said:
            raise JoinError(
                f"{self._master.host} runs no commands for you (status {status}): "
                f"{complaints or said.strip()[-500:]}"
            )
        return said

    def __call__(
        self, verb: str, name: str, *, archive: bytes = b"", seconds: float = ANSWER_TIME, **more: Any
    ) -> Any:
        """Ask for one of the verbs of `there` and return its answer.

        Raises
        ------
        JoinError
            It can't be done, or there is no answer.
        """
        mark = secrets.token_hex(8)
        request = json.dumps({"verb": verb, "name": name, "mark": mark, **more}).encode()
        given = b"%d\n%s%s\n%s" % (len(self._program), self._program, request, archive)
        command = f"exec {shlex.quote(self.python)} -c {shlex.quote(_RUN)}"
        status, out, complaints = self._master.run(command, given, seconds)
        for line in out.decode(errors="replace").splitlines():
            if line.startswith(mark):
                said = json.loads(line[len(mark) :])
                if "trouble" in said:
                    raise JoinError(f"on {self._master.host}: {said['trouble']}")
                return said["answer"]
        why = complaints[-1000:] or "it said nothing; the connection may be lost. Join again"
        raise JoinError(f"{self._master.host} didn't answer (status {status}): {why}", transient=True)
