"""When to start again what has died, and when to leave it down. No I/O; the clock is a parameter."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable


class Restarts:
    """The deaths of one child process.

    Parameters
    ----------
    limit, window
        A child that dies so many times within so many seconds stays down.
    first, longest
        Seconds before the first new start; each further death within the window doubles them, up to `longest`.
    clock
        Returns seconds that only grow.
    """

    def __init__(
        self,
        limit: int,
        window: float,
        *,
        first: float,
        longest: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit, self._window, self._first, self._longest = limit, window, first, longest
        self._clock = clock
        self._died: deque[float] = deque()

    def after_death(self) -> float | None:
        """Note a death; return the seconds to wait before the next start, or None where it stays down."""
        now = self._clock()
        while self._died and now - self._died[0] >= self._window:
            self._died.popleft()
        self._died.append(now)
        if len(self._died) >= self._limit:
            return None
        return min(self._first * 2.0 ** (len(self._died) - 1), self._longest)
