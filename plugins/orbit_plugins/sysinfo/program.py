"""Running a vendor's tool that may hang, and ending it with all that it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from dataclasses import dataclass

from .guard import NoAnswerError

GRACE = 1.0
"""Seconds that a killed program gets to be gone. One that waits for a broken driver isn't gone then."""


@dataclass(frozen=True)
class Output:
    """What a program answered."""

    code: int
    text: str
    complaints: str

    def complaint(self) -> str:
        """Return the first line that speaks of an error, or else that says something, for an error message."""
        lines = [line.strip() for line in (self.text + "\n" + self.complaints).splitlines()]
        lines = [line for line in lines if line.strip("=- ")]
        spoken = (line for line in lines if "error" in line.lower() or "fail" in line.lower())
        return next(spoken, lines[0] if lines else "no output")


class Program:
    """A program that is run by one thread at a time.

    Parameters
    ----------
    path
        The executable.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._process: subprocess.Popen[str] | None = None
        self._closed = False

    def run(self, arguments: list[str], seconds: float) -> Output:
        """Run it to its end.

        Raises
        ------
        NoAnswerError
            If it hasn't ended after `seconds`; it is killed.
        OSError
            If it can't be started.
        """
        process = self._process = subprocess.Popen(
            [self.path, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, "LC_ALL": "C"},
            start_new_session=True,  # a wrapper script is killed with what it waits for
        )
        try:
            if self._closed:
                self.kill()
            text, complaints = process.communicate(timeout=seconds)
            return Output(process.returncode, text, complaints)
        except subprocess.TimeoutExpired:
            self.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=GRACE)
            raise NoAnswerError(f"no answer within {seconds:g} s") from None
        finally:
            self._process = None
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()

    def close(self) -> None:
        """End it, also if it is being started at this moment."""
        self._closed = True
        self.kill()

    def kill(self) -> None:
        """End it, if it runs."""
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
