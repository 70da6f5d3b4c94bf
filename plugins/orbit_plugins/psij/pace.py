"""How often a scheduler is asked: soon after something was done, ever less often where nothing happens."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable

log = logging.getLogger("orbit.psij")

POLL_VARIABLE = "RADICAL_ORBIT_PSIJ_POLL"

POLL = 10.0
"""Seconds between two looks, where nothing happens."""

SOON, APART = 1.0, 2.0
"""Seconds until the first look after a submit, a cancel or a change; and at least between any two."""

GROWTH = 1.5
SHARE, BUSY = 10.0, 60.0
"""A query that takes T seconds isn't made again before this many T have passed, for the scheduler is busy then; or
this many seconds, if that is less."""


def poll_interval() -> float:
    """Return what the user wants for `POLL`, in seconds."""
    text = os.environ.get(POLL_VARIABLE, "").strip()
    try:
        wanted = float(text) if text else POLL
    except ValueError:
        wanted = 0.0
    if not 0 < wanted < float("inf"):
        log.warning("%s is %r: give a number of seconds; %g is taken", POLL_VARIABLE, text, POLL)
        return POLL
    return wanted


class Pace:
    """When to look next; for one thread, or under a lock.

    Parameters
    ----------
    longest
        Seconds between two looks at most, but for queries that take long.
    clock
        Seconds.
    """

    def __init__(self, longest: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._longest, self._clock = longest, clock
        self._delay = longest
        self._last = clock() - longest
        self.next = clock() + longest

    def stir(self) -> None:
        """Something was done: look soon."""
        self._delay = min(SOON, self._longest)
        now = self._clock()
        soon = max(now + self._delay, self._last + min(APART, self._longest))
        self.next = min(self.next, soon) if self.next > now else soon

    def looked(self, took: float, *, changed: bool, answered: bool = True) -> None:
        """A look has ended that took so long; a change makes the next come soon.

        One that had no answer has waited long enough.
        """
        self._last = self._clock()
        self._delay = min(APART if changed else max(self._delay * GROWTH, APART), self._longest)
        self.next = self._last + max(self._delay, min(SHARE * took, BUSY) if answered else 0.0)

    @property
    def left(self) -> float:
        """Seconds until the next look."""
        return max(0.0, self.next - self._clock())
