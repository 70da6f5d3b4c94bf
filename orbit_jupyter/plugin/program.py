"""Running a program that may hang or never stop printing, and ending it with all that it started."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

GRACE = 1.0
"""Seconds that a killed program gets to be gone. One that waits for a broken driver isn't gone then."""

MOST = 256 * 2**20
"""Bytes that a program may print, unless its caller says another number."""

PIECE = 2**20


class NoAnswerError(Exception):
    """A program, or another call, did not end within its deadline."""


class TooMuchOutputError(ValueError):
    """A program printed more than it may."""


@dataclass(frozen=True)
class Output:
    """What a program answered.

    Attributes
    ----------
    code
        Its exit code; -N where signal N ended it.
    text, complaints
        Its standard output and standard error.
    """

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
    """A program; several threads may run it at once.

    Parameters
    ----------
    path
        The executable.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._closed = False

    def run(
        self,
        arguments: list[str],
        seconds: float,
        environ: Mapping[str, str] | None = None,
        most: int = MOST,
    ) -> Output:
        """Run it to its end.

        Parameters
        ----------
        arguments
            Without its own name.
        seconds
            How long it may take.
        environ
            Its environment; None: this process's, with messages in English.
        most
            Bytes that it may print, on both outputs together.

        Raises
        ------
        NoAnswerError
            If it hasn't ended after `seconds`; it is killed.
        TooMuchOutputError
            If it prints more than `most` bytes; it is killed.
        OSError
            If it can't be started.
        """
        until = time.monotonic() + seconds
        process = subprocess.Popen(
            [self.path, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "LC_ALL": "C"} if environ is None else dict(environ),
            start_new_session=True,  # a wrapper script is killed with what it waits for
        )
        with self._lock:
            self._processes.add(process)
            closed = self._closed
        try:
            if closed:
                _kill(process)
            text, complaints = _read(process, until, most)
            code = process.wait(timeout=max(0.0, until - time.monotonic()))
        except (NoAnswerError, subprocess.TimeoutExpired):
            raise NoAnswerError(f"no answer within {seconds:g} s") from None
        except TooMuchOutputError:
            raise TooMuchOutputError(f"more than {most // 2**20} MiB of output") from None
        finally:
            with self._lock:
                self._processes.discard(process)
            _end(process)
        return Output(code, text.decode(errors="replace"), complaints.decode(errors="replace"))

    def close(self) -> None:
        """End it wherever it runs, also where it is being started at this moment; it can't be run any more."""
        with self._lock:
            self._closed = True
            processes = list(self._processes)
        for process in processes:
            _kill(process)


def _read(process: subprocess.Popen[bytes], until: float, most: int) -> tuple[bytes, bytes]:
    text: list[bytes] = []
    complaints: list[bytes] = []
    with selectors.DefaultSelector() as selector:
        for pipe, pieces in ((process.stdout, text), (process.stderr, complaints)):
            if pipe is not None:
                selector.register(pipe, selectors.EVENT_READ, pieces)
        while selector.get_map():
            left = until - time.monotonic()
            ready = selector.select(left) if left > 0 else []
            if not ready:
                raise NoAnswerError
            for key, _ in ready:
                piece = os.read(key.fd, PIECE)
                key.data.append(piece)
                most -= len(piece)
                if not piece:
                    selector.unregister(key.fileobj)
            if most < 0:
                raise TooMuchOutputError
    return b"".join(text), b"".join(complaints)


def _end(process: subprocess.Popen[bytes]) -> None:
    _kill(process)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE)
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def _kill(process: subprocess.Popen[bytes]) -> None:
    # Not once it has been waited for: its number may then be another's.
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
