"""Passwords, second factors and unknown host keys: ssh asks, and the user answers where the join was typed.

ssh runs a small program for each question. It passes the question on through a socket in a folder that nobody else
can enter, and prints the answer.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import secrets
import select
import shlex
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from .errors import JoinError

Ask = Callable[[str, bool], str | None]
"""Takes ssh's question and whether the answer may be seen while it is typed; returns it, or None to cancel."""

SOCKET_VARIABLE = "ORBIT_ASK_SOCKET"

PROGRAM = '''"""Passes a question of ssh's on to the join that runs it, and prints the answer."""
import json, os, socket, sys

with socket.socket(socket.AF_UNIX) as desk:
    desk.connect(os.environ["ORBIT_ASK_SOCKET"])
    question = {"prompt": " ".join(sys.argv[1:]), "hint": os.environ.get("SSH_ASKPASS_PROMPT", "")}
    desk.sendall(json.dumps(question).encode() + b"\\n")
    with desk.makefile() as lines:
        answer = json.loads(lines.readline() or "null")
if answer is None:
    sys.exit(1)
print(answer)
'''


def in_kernel() -> bool:
    """Return whether this is a notebook's kernel, whose `input` and `getpass` ask in the cell."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


def ask_here(prompt: str, echo: bool) -> str | None:
    """Ask in the notebook's cell or in the terminal.

    Raises
    ------
    JoinError
        There is neither: a script, or a notebook that is run without its user.
    """
    *before, last = prompt.rstrip("\n").split("\n")
    for line in before:
        print(line, flush=True)
    try:
        if in_kernel() or sys.stdin.isatty():
            return input(last) if echo else getpass.getpass(last)
    except EOFError:
        return None
    except RuntimeError:  # a notebook that runs without its user: ipykernel has its own kind of this
        pass
    raise JoinError(
        f"ssh asks {last.strip()!r} and nobody is here to answer; join once in a terminal (jupyter orbit join), "
        "or have a key in your ssh-agent. The connection is then used again"
    )


class Desk:
    """Where the questions of one ssh process arrive.

    Parameters
    ----------
    folder
        Its owner's alone.
    ask
        Answers them, on the thread that calls `serve`.
    tell
        Is given what ssh wants to be shown without an answer, such as that a key is to be touched.
    """

    def __init__(self, folder: Path, ask: Ask, tell: Callable[[str], None]) -> None:
        self._ask, self._tell = ask, tell
        self.cancelled = False
        # Of its own: another thread may open a connection to another host meanwhile.
        name = f"ask-{os.getpid()}-{secrets.token_hex(4)}"
        self._script, self._module, self._path = folder / name, folder / f"{name}.py", folder / f"{name}.sock"
        self._socket = socket.socket(socket.AF_UNIX)

    def __enter__(self) -> Desk:
        self._socket.bind(str(self._path))
        self._path.chmod(0o600)
        self._socket.listen()
        self._module.write_text(PROGRAM)
        # -I -S: it must start at once, and not read what an environment of the user's says to Python.
        python = f"exec {shlex.quote(sys.executable)} -I -S {shlex.quote(str(self._module))}"
        self._script.write_text(f'#!/bin/sh\n{python} "$@"\n')
        self._script.chmod(0o700)
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        for path in (self._path, self._module, self._script):
            path.unlink(missing_ok=True)

    @property
    def environment(self) -> dict[str, str]:
        """What ssh needs to know of it. A ssh before 8.4 asks for a display instead of ``SSH_ASKPASS_REQUIRE``."""
        return {
            "SSH_ASKPASS": str(self._script),
            "SSH_ASKPASS_REQUIRE": "force",
            "DISPLAY": os.environ.get("DISPLAY", ":0"),
            SOCKET_VARIABLE: str(self._path),
        }

    def asked(self, seconds: float) -> bool:
        """Return whether a question comes within so many seconds; `serve` answers it."""
        return bool(select.select([self._socket], [], [], seconds)[0])

    def serve(self, seconds: float) -> bool:
        """Answer one question if it comes within so many seconds; return whether one came."""
        if not self.asked(seconds):
            return False
        asking, _ = self._socket.accept()
        with asking, asking.makefile("rw", encoding="utf-8") as lines:
            asking.settimeout(5)
            with contextlib.suppress(OSError, ValueError, KeyError):
                question = json.loads(lines.readline())
                prompt, hint = str(question["prompt"]), str(question["hint"])
                answer = self._answer(prompt, hint)
                lines.write(json.dumps(answer) + "\n")
                lines.flush()
        return True

    def _answer(self, prompt: str, hint: str) -> str | None:
        if hint == "none":
            self._tell(prompt)
            return ""
        if hint == "confirm":
            said = self._ask(f"{prompt} (yes/no) ", True)
            if said is not None and said.strip().lower() in ("y", "yes"):
                return ""
        else:
            said = self._ask(prompt, "(yes/no" in prompt or "'yes'" in prompt)
            if said is not None:
                return said
        self.cancelled = True
        return None
