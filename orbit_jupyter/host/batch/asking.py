"""Asking a batch system's own programs, with a deadline, and errors that say what is the matter."""

from __future__ import annotations

import logging
import os
import re
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from orbit_jupyter.plugin.program import NoAnswerError, Output, Program, TooMuchOutputError
from orbit_jupyter.protocol import OrbitError, PluginError

log = logging.getLogger("orbit.host")

T = TypeVar("T")

DEADLINE = 30.0
"""Seconds that a program may take, unless ``RADICAL_ORBIT_BATCH_TIMEOUT`` says another number."""

DEADLINE_VARIABLE = "RADICAL_ORBIT_BATCH_TIMEOUT"

SHOWN = 300
"""Characters of what a program said that an error repeats."""

# What Slurm and PBS say where the daemon that they ask isn't there, or is too busy: another try may help.
AWAY = re.compile(
    r"unable to contact|connection refused|cannot connect to server|connect failure|timed out|timeout"
    r"|no route to host|connection reset|zero bytes were transmitted|problem talking to the database"
    r"|temporarily unable|resource temporarily unavailable|standby mode|munge decode failed"
    r"|protocol authentication error|failed to access .*munge|server is not responding|end of file"
    r"|errno=150(?:10|31|34)|unable to establish|not available.*try again|configless mode",
    re.IGNORECASE,
)

# What they say where a job is another user's.
DENIED = re.compile(r"permission denied|invalid user id|unauthorized|not authorized", re.IGNORECASE)


class Asker:
    """Runs the programs of one batch system.

    Parameters
    ----------
    title
        What errors call it.
    settings
        Variables to set for its programs.
    ignored
        Beginnings of the names of variables that would change what its programs print.
    environ
        Environment to take; None: this process's.
    """

    def __init__(
        self,
        title: str,
        settings: Mapping[str, str],
        ignored: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.title = title
        environ = os.environ if environ is None else environ
        self._path = environ.get("PATH")
        self.deadline = _deadline(environ.get(DEADLINE_VARIABLE, ""))
        kept = {name: value for name, value in environ.items() if not name.startswith(tuple(ignored))}
        # Messages in English, so that they can be told apart.
        self._environ = {**kept, "LC_ALL": "C", **settings}
        self._lock = threading.Lock()
        self._programs: dict[str, Program] = {}

    def has(self, name: str) -> bool:
        """Return whether there is such a program."""
        return shutil.which(name, path=self._path) is not None

    def run(self, name: str, *arguments: str) -> Output:
        """Run a program to its end, whatever its exit code.

        Raises
        ------
        PluginError
            If it isn't there, takes too long or prints too much.
        """
        try:
            return self._program(name).run(list(arguments), self.deadline, self._environ)
        except NoAnswerError:
            raise self.away(
                f"{name} gave no answer within {self.deadline:g} s; try again, or set {DEADLINE_VARIABLE}"
                " to more seconds"
            ) from None
        except (TooMuchOutputError, OSError, ValueError) as error:
            raise PluginError(f"{self.title}: {name} can't be run: {error}") from None

    def ask(self, name: str, *arguments: str) -> str:
        """Return what a program prints.

        Raises
        ------
        PluginError
            If it can't be run, or its exit code isn't 0.
        """
        answer = self.run(name, *arguments)
        if answer.code != 0:
            raise self.failed(name, answer)
        return answer.text

    def read(self, name: str, text: str, parse: Callable[[str], T]) -> T:
        """Return what a parser makes of a program's answer.

        Raises
        ------
        PluginError
            If the parser can't read it; the error shows where it begins.
        """
        try:
            return parse(text)
        except OrbitError:
            raise
        except (
            ValueError,
            KeyError,
            TypeError,
            IndexError,
            AttributeError,
            OverflowError,
            RecursionError,
        ) as error:
            shown = f"; it begins with {repr(_first_line(text))[:SHOWN]}" if text else ""
            reason = f"{type(error).__name__}: {_first_line(str(error))}"
            log.debug("%s: what %s printed can't be read", self.title, name, exc_info=error)
            raise PluginError(f"{self.title}: what {name} printed can't be read ({reason}){shown}") from None

    def failed(self, name: str, answer: Output) -> PluginError:
        """Return the error for a program that ended with another exit code than 0."""
        said = _first_line(answer.complaints) or _first_line(answer.text) or f"exit code {answer.code}, no message"
        if AWAY.search(answer.complaints + answer.text[:SHOWN]):
            return self.away(f"{name} can't reach it: {said}; try again later")
        return PluginError(f"{self.title}: {name} failed: {said}")

    def away(self, what: str) -> PluginError:
        """Return the error for a batch system that doesn't answer just now."""
        return PluginError(f"{self.title}: {what}", status=503, transient=True)

    def close(self) -> None:
        """End the programs that still run."""
        with self._lock:
            programs, self._programs = list(self._programs.values()), {}
        for program in programs:
            program.close()

    def _program(self, name: str) -> Program:
        with self._lock:
            if name not in self._programs:
                path = shutil.which(name, path=self._path)
                if path is None:
                    raise PluginError(f"{self.title}: there is no {name} on PATH of the endpoint's host")
                self._programs[name] = Program(path)
            return self._programs[name]


def _deadline(said: str) -> float:
    if not said.strip():
        return DEADLINE
    try:
        seconds = float(said)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise PluginError(f"{DEADLINE_VARIABLE} is {said!r}; set it to a number of seconds, or unset it")
    return seconds


def _first_line(text: str) -> str:
    # Only the beginning is looked at: garbage may be long.
    lines = (line.strip() for line in text[: 20 * SHOWN].splitlines())
    return next((line for line in lines if line), "")[:SHOWN]
