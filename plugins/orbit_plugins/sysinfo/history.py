"""What the last ten minutes were like."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from .answers import Columns
from .moving import UNITS, Values, unit_of
from .ticker import Ticker

INTERVAL = 5.0
"""Seconds from one sample to the next."""

KEPT = 120
"""Samples that are kept: ten minutes of them."""


class History:
    """Takes a sample every few seconds, and keeps the last ones.

    Parameters
    ----------
    read
        Returns the values at a time.
    clock
        Seconds that never step back.
    wall
        Seconds since the epoch.
    """

    def __init__(
        self,
        read: Callable[[float], Values],
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._read, self._clock, self._wall = read, clock, wall
        self._samples: deque[tuple[float, float, Values]] = deque(maxlen=KEPT)
        self._lock = threading.Lock()
        self._next: float | None = None
        self._ticker = Ticker(self.tick, "sysinfo-history")

    def start(self) -> None:
        """Begin to take samples."""
        self._ticker.wake()

    def close(self) -> None:
        """Take no more."""
        self._ticker.close()

    def join(self, seconds: float) -> None:
        """Wait for the end of the thread, but not for longer."""
        self._ticker.join(seconds)

    def tick(self) -> float:
        """Take a sample; return the seconds until the next."""
        now = self._clock()
        values = self._read(now)
        with self._lock:
            self._samples.append((now, round(self._wall(), 2), values))
        due = (now if self._next is None else self._next) + INTERVAL
        if due <= now:  # the machine slept, or was too busy for us: samples that were missed are not made up for
            due = now + INTERVAL
        self._next = due
        return due - now

    def answer(self, seconds: float = INTERVAL * KEPT) -> Columns:
        """Return the samples of the last `seconds`, column by column.

        Returns
        -------
        dict
            ``interval`` (s), ``columns``: lists of equal length by name, oldest value first, None where none is
            known; ``units``: of each column. The column ``time`` is in seconds since the epoch.
        """
        border = self._clock() - seconds
        with self._lock:
            samples = [sample for sample in self._samples if sample[0] >= border]
        # A GPU may have been seen for the first time in the middle.
        names = list(dict.fromkeys([*UNITS, *(name for _, _, values in samples for name in values)]))
        columns: dict[str, list[float | None]] = {"time": [wall for _, wall, _ in samples]}
        columns |= {name: [values.get(name) for _, _, values in samples] for name in names}
        units = {"time": "s", **{name: unit_of(name) for name in names}}
        return {"interval": INTERVAL, "columns": columns, "units": units}
