"""From counters that only grow to rates."""

from __future__ import annotations

from collections.abc import Mapping


class RateMeter:
    """How fast a set of counters grows, in sum.

    A counter that was set back, or has wrapped around, counts for nothing until its next reading; so does one that
    is new. A rate is never negative.
    """

    def __init__(self) -> None:
        self._last: tuple[float, Mapping[str, int]] | None = None

    def rate(self, now: float, counters: Mapping[str, int]) -> float | None:
        """Return the growth a second since the last call; None in the first.

        Parameters
        ----------
        now
            Seconds.
        counters
            By name.
        """
        last, self._last = self._last, (now, dict(counters))
        if last is None or now <= last[0]:
            return None
        grown = sum(max(0, count - last[1][name]) for name, count in counters.items() if name in last[1])
        return round(grown / (now - last[0]), 1)
