"""A vendor's tools: where they are, when they are asked, and what is remembered of their answers."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from orbit_jupyter.plugin.program import NoAnswerError, Program

from .gpu_text import Gpu, Live

T = TypeVar("T")

NO_GPUS = (
    "no devices were found",
    "no json data to report",
    "no amd gpus specified",
    "no device discovered",
)
"""How the tools say that there are none, in lower case. nvidia-smi and rocm-smi call it a failure."""


@dataclass(frozen=True)
class Kind:
    """What there is to know about a vendor's tool.

    Attributes
    ----------
    program
        Its name.
    variable
        Environment variable that names the program to run instead.
    facts, live
        Arguments that have it print what doesn't change, and what does of the GPUs with these indices.
    parse_facts, parse_live
        Read what it prints then.
    elsewhere
        Where it is if not on the search path.
    """

    program: str
    variable: str
    facts: list[str]
    parse_facts: Callable[[str], list[Gpu]]
    live: Callable[[list[int]], list[str]]
    parse_live: Callable[[str], Live]
    elsewhere: str


class ToolError(Exception):
    """The tool ended without telling what it was asked for."""


class GpuTool:
    """The GPUs of one vendor, as its tool tells them.

    Parameters
    ----------
    kinds
        Which tool; of several the first that is there and tells of GPUs.
    deadline
        Seconds that one reading may take.
    hold
        Seconds for which it isn't asked again after it failed or knew of no GPU.
    """

    def __init__(self, *kinds: Kind, deadline: float = 5.0, hold: float = 60.0) -> None:
        # A tool that somebody has named is meant to be used.
        self.kinds = sorted(kinds, key=lambda kind: not os.environ.get(kind.variable))
        self.deadline, self._hold = deadline, hold
        self.name = self.kinds[0].program
        self._lock = threading.Lock()
        self._sought: dict[str, Program | None] = {}
        self._facts: list[Gpu] = []
        self._held_until = 0.0
        self._error: str | None = None

    def known(self) -> list[Gpu]:
        """Return the GPUs with what doesn't change of them, as far as it was read."""
        return [dict(gpu) for gpu in self._facts]

    def warm(self) -> None:
        """Read what doesn't change."""
        self._read(live=False)

    def read(self) -> tuple[list[Gpu], str | None]:
        """Return the GPUs, and what kept their values from being read."""
        return self._read(live=True)

    def close(self) -> None:
        """End the tool if it runs."""
        for program in list(self._sought.values()):
            if program is not None:
                program.close()

    def _read(self, live: bool) -> tuple[list[Gpu], str | None]:
        until = time.monotonic() + self.deadline
        if not self._lock.acquire(timeout=self.deadline):
            return self.known(), f"{self.name}: no answer within {self.deadline:g} s"
        try:
            if time.monotonic() < self._held_until:
                return self.known(), self._error
            measured = self._ask(until, live)
        except (NoAnswerError, ToolError, OSError, ValueError) as error:
            reason = f"no answer within {self.deadline:g} s" if isinstance(error, NoAnswerError) else str(error)
            self._put_off(f"{self.name}: {reason}")
            return self.known(), self._error
        finally:
            self._lock.release()
        return [_with_free(gpu | measured.get(gpu["index"], {})) for gpu in self.known()], None

    def _ask(self, until: float, live: bool) -> Live:
        if not self._facts:
            self._facts = self._find_gpus(until)
            if not self._facts:
                self._put_off(None)
        if not self._facts or not live:
            return {}
        kind = self.kinds[0]
        program = self._find(kind)
        if program is None:
            return {}
        indices = [gpu["index"] for gpu in self._facts]
        return self._run(program, kind.live(indices), kind.parse_live, until) or {}

    def _find_gpus(self, until: float) -> list[Gpu]:
        """Ask one tool after the other; the first that tells of GPUs is the only one from then on."""
        failures: list[tuple[str, Exception]] = []
        answered = False
        for kind in list(self.kinds):
            self.name = kind.program
            try:
                program = self._find(kind)
                if program is None:
                    continue
                facts = self._run(program, kind.facts, kind.parse_facts, until)
            except NoAnswerError:
                self._prefer(*(other for other in self.kinds if other is not kind))  # the next time
                raise
            except (ToolError, OSError, ValueError) as error:
                failures.append((kind.program, error))
                continue
            if facts:
                self._prefer(kind)
                return facts
            answered = True
        if failures and not answered:
            self.name, reason = failures[0]
            raise reason
        return []

    def _prefer(self, *kinds: Kind) -> None:
        self.kinds = [*kinds, *(kind for kind in self.kinds if kind not in kinds)]

    def _run(self, program: Program, arguments: list[str], parse: Callable[[str], T], until: float) -> T | None:
        answer = program.run(arguments, max(0.0, until - time.monotonic()))
        if any(words in (answer.text + answer.complaints).lower() for words in NO_GPUS):
            return None
        # Its exit code comes second: with one GPU lost the tool fails, and still tells of the others.
        try:
            read = parse(answer.text)
        except ValueError as error:
            raise ToolError(f"{error} (exit code {answer.code}): {answer.complaint()}") from None
        if answer.code != 0 and not read:
            raise ToolError(f"ended with exit code {answer.code}: {answer.complaint()}")
        return read

    def _put_off(self, error: str | None) -> None:
        # A hanging tool costs its deadline and may leave a process that can't be killed: not every few seconds.
        self._error, self._held_until = error, time.monotonic() + self._hold

    def _find(self, kind: Kind) -> Program | None:
        if kind.program not in self._sought:
            named = os.environ.get(kind.variable, "")
            path = shutil.which(named or kind.program)
            if path is None and named:
                raise ToolError(f"{kind.variable} is {named!r}, which is no program; correct or unset it")
            path = path or shutil.which(kind.elsewhere)
            self._sought[kind.program] = Program(path) if path else None
        return self._sought[kind.program]


def _with_free(gpu: Gpu) -> Gpu:
    if "mem_free" not in gpu and "mem_total" in gpu and "mem_used" in gpu:
        gpu["mem_free"] = gpu["mem_total"] - gpu["mem_used"]
    return gpu
