"""Telling those who asked for it how the host is, again and again."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any

from .ticker import Ticker

SHORTEST = 1.0
"""Seconds between two readings, at least."""

LOOK = 1.0
"""Seconds after which is looked again whether somebody listens."""


class Publisher:
    """Reads the metrics for all subscriptions at once, at the smallest interval that one of them asked for.

    Parameters
    ----------
    read
        Returns the metrics tree; may block for some seconds.
    send
        Takes it.
    listening
        Whether anybody would hear it.
    clock
        Seconds, for tests.
    ticker
        What calls `tick`.
    """

    def __init__(
        self,
        read: Callable[[], dict[str, Any]],
        send: Callable[[dict[str, Any]], None],
        listening: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
        ticker: type[Ticker] = Ticker,
    ) -> None:
        self._read, self._send, self._listening, self._clock = read, send, listening, clock
        self._lock = threading.Lock()
        self._intervals: dict[str, float] = {}
        self._due = 0.0
        self._began = -math.inf
        self._ticker = ticker(self.tick, "sysinfo-metrics")

    def subscribe(self, sid: str, interval: float) -> None:
        """Begin to send, or change how often; the first reading is made at once."""
        with self._lock:
            self._intervals[sid] = interval
            self._due = max(self._clock(), self._began + SHORTEST)
        self._ticker.wake()

    def unsubscribe(self, sid: str) -> None:
        """Send no more for this session."""
        with self._lock:
            known = self._intervals.pop(sid, None)
        if known is not None:
            self._ticker.wake()

    def close(self) -> None:
        """Send no more at all."""
        with self._lock:
            self._intervals.clear()
        self._ticker.close()

    def join(self, seconds: float) -> None:
        """Wait for the end of the thread, but not for longer."""
        self._ticker.join(seconds)

    def tick(self) -> float | None:
        """Read and send, if it is time and somebody listens.

        Returns
        -------
        float or None
            Seconds until the next look; None if there is no subscription.
        """
        with self._lock:
            if not self._intervals:
                return None
            wait = self._due - self._clock()
        if wait > 0:
            return wait
        if not self._listening():
            return LOOK
        began = self._began = self._clock()
        tree = self._read()
        with self._lock:
            if not self._intervals:
                return None
            interval = min(self._intervals.values())
            ended = self._clock()
            # A reading that took longer than the interval is not followed by another at once.
            self._due = began + interval if began + interval > ended else ended + interval
        self._send(tree)
        return self._due - ended
