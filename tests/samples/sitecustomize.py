"""Clocks that a test sets, for processes that it starts; does nothing unless these are in the environment.

``ORBIT_TEST_CLOCK_OFFSET`` names a file with the seconds by which the wall clock is wrong; it is read each time,
so that the clock can jump. ``ORBIT_TEST_CLOCK_SPEED`` is how many seconds go by in one, for timers and for what
waits for them.
"""

from __future__ import annotations

import os
import selectors
import time
from collections.abc import Callable
from typing import Any


def _jumping(path: str) -> None:
    real = time.time

    def jumped() -> float:
        try:
            with open(path) as file:
                return real() + float(file.read() or 0)
        except (OSError, ValueError):
            return real()

    time.time = jumped


def _fast(speed: float) -> None:
    real, begin = time.monotonic, time.monotonic()
    time.monotonic = lambda: begin + (real() - begin) * speed
    select: Callable[..., Any] = selectors.DefaultSelector.select

    def sooner(self: Any, timeout: float | None = None) -> Any:
        return select(self, timeout / speed if timeout is not None and timeout > 0 else timeout)

    selectors.DefaultSelector.select = sooner  # type: ignore[method-assign]


if "ORBIT_TEST_CLOCK_OFFSET" in os.environ:
    _jumping(os.environ["ORBIT_TEST_CLOCK_OFFSET"])
if "ORBIT_TEST_CLOCK_SPEED" in os.environ:
    _fast(float(os.environ["ORBIT_TEST_CLOCK_SPEED"]))
