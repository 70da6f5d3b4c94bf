"""Programs on PATH that print what was recorded of real ones."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parent.parent / "host" / "recorded"

TOKEN = "0a1b2c3d"
"""What stands in recordings of squeue and sinfo where each question has a word of its own."""

PROGRAM = r"""
import json, re, sys
answers, arguments = json.loads(open(sys.argv[1]).read()), sys.argv[2:]
asked = re.search("\x1e([0-9a-f]+)\x1e", " ".join(arguments))
for words, answer in answers:
    if all(word in arguments for word in words):
        out = answer["stdout"].replace("0a1b2c3d", asked[1]) if asked else answer["stdout"]
        sys.stdout.buffer.write(out.encode("utf-8", "surrogateescape"))
        sys.stderr.write(answer["stderr"])
        sys.exit(answer["rc"] if answer["rc"] >= 0 else 1)
sys.exit("nothing is recorded for " + " ".join(arguments))
"""


def recording(name: str) -> dict[str, Any]:
    """Return a recording: ``cmd``, ``rc``, ``stdout``, ``stderr``; `name` is such as ``pbs/qstat-t``."""
    found: dict[str, Any] = json.loads((RECORDED / f"{name}.json").read_text())
    return found


class Replay:
    """A folder for PATH.

    Parameters
    ----------
    folder
        Of its own.
    """

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir(parents=True)
        self._answers: dict[str, list[tuple[list[str], dict[str, Any]]]] = {}

    @property
    def environ(self) -> dict[str, str]:
        """This process's environment, with these programs alone."""
        return {**os.environ, "PATH": str(self.bin)}

    def answer(self, program: str, name: str, *words: str) -> None:
        """Have a program print a recording, where these words are among its arguments; the first fit counts."""
        self.say(program, recording(name), *words)

    def say(self, program: str, answer: dict[str, Any], *words: str) -> None:
        """Have a program print something else than a recording."""
        answers = self._answers.setdefault(program, [])
        answers.append((list(words), {"rc": 0, "stdout": "", "stderr": "", **answer}))
        data = self.bin / f"{program}.answers"
        data.write_text(json.dumps(answers))
        code = self.bin / "replay.py"
        code.write_text(PROGRAM)
        path = self.bin / program
        command = shlex.join([sys.executable, "-S", "-E", str(code), str(data)])
        path.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        path.chmod(0o755)
