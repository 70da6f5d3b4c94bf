"""Schedulers that don't answer: since when, and what they say instead."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from orbit_jupyter.plugin import PluginError

log = logging.getLogger("orbit.psij")


@dataclass(frozen=True)
class Silence:
    """Since when (epoch seconds) a scheduler doesn't answer, and what it says instead."""

    since: float
    why: str

    def told(self, executor: str) -> str:
        """Return it as the message of a job."""
        since = time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(self.since))
        return f"{executor} hasn't answered since {since}; the state is that of then. It says: {self.why}"


class Silences:
    """Those of all schedulers; said in the log when one begins and when it is over."""

    def __init__(self) -> None:
        self._silent: dict[str, Silence] = {}

    def __bool__(self) -> bool:
        return bool(self._silent)

    def of(self, executor: str) -> Silence | None:
        """Return since when a scheduler doesn't answer; None: it does."""
        return self._silent.get(executor)

    def begin(self, executor: str, error: PluginError) -> None:
        """Take in that it doesn't answer."""
        if executor not in self._silent:
            log.warning("%s doesn't say how its jobs are doing: %s", executor, error)
            self._silent[executor] = Silence(time.time(), str(error))

    def end(self, executor: str) -> None:
        """Take in that it answers."""
        silence = self._silent.pop(executor, None)
        if silence is not None:
            log.info("%s answers again, after %.0f s", executor, time.time() - silence.since)
