"""What a step is: a coroutine that loads something once and returns its figures by name."""

from __future__ import annotations

import asyncio
import statistics
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

ROUTE = "/sysinfo/version"
"""Relative to an endpoint, ours or another release's: its handler does next to nothing."""

WINDOW, CONNECTIONS = 32, 16
STEP_TIME = 120.0
"""Seconds after which a step is given up."""

Figures = dict[str, float]


@dataclass
class Sizes:
    """How much load the steps make.

    Parameters
    ----------
    seconds
        How long a step keeps up its load.
    events
        In one burst.
    mib
        Of bulk data, each way.
    endpoints
        Simulated at once.
    pause
        Seconds for which what is slow to show itself is watched.
    """

    seconds: float
    events: int = 20_000
    mib: int = 1024
    endpoints: int = 1_000
    pause: float = 10.0


@dataclass(frozen=True)
class Step:
    """One measurement.

    Parameters
    ----------
    figures
        Names of what it returns, known beforehand, so that a failure can be told in their place.
    """

    run: Callable[[], Awaitable[Figures]]
    figures: tuple[str, ...]


@dataclass
class Found:
    """What has been measured so far.

    Attributes
    ----------
    series
        By the name of a figure, its value in each round.
    missing
        By the name of a figure, why there is none. A figure is in one of the two.
    """

    series: dict[str, list[float]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def fail(self, step: Step, reason: str) -> None:
        """Note why the figures of a step can't be had; what earlier rounds found of them is dropped."""
        for name in step.figures:
            self.series.pop(name, None)
            self.missing[name] = reason

    async def take(self, step: Step, *, keep: bool = True) -> None:
        """Run a step once, unless it has failed before."""
        if any(name in self.missing for name in step.figures):
            return
        try:
            figures = await asyncio.wait_for(step.run(), STEP_TIME)
        except Exception as error:  # one step that fails must not cost the others' figures
            reason = str(error) or type(error).__name__
            print(f"{', '.join(step.figures)}: {reason}", file=sys.stderr, flush=True)
            self.fail(step, reason)
            return
        if keep:
            for name, value in figures.items():
                self.series.setdefault(name, []).append(value)

    async def rounds(self, steps: list[Step], rounds: int, title: str) -> None:
        """Run all steps in rounds, in turns forward and backward, so that a machine that drifts favours none."""
        for number in range(rounds):
            print(f"{title}: round {number + 1} of {rounds} …", file=sys.stderr, flush=True)
            for step in steps if number % 2 == 0 else reversed(steps):
                await self.take(step)


def p99(seconds: list[float]) -> float:
    """Return the 99th percentile of some times, in milliseconds."""
    return statistics.quantiles(seconds, n=100, method="inclusive")[98] * 1000
