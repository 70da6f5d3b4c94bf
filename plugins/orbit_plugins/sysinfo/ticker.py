"""Doing something again and again in a thread, one time after the other."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)

AFTER_FAILURE = 60.0
"""Seconds until the next time, after one that raised."""


class Ticker:
    """A thread that calls a function when its time has come; never twice at once.

    Parameters
    ----------
    tick
        What to call. It returns the seconds until it wants to be called again, or None if the thread may end.
    name
        Of the thread.
    """

    def __init__(self, tick: Callable[[], float | None], name: str) -> None:
        self._tick, self._name = tick, name
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._woken = self._closed = False

    def wake(self) -> None:
        """Have it called now, in a thread that is started where none runs."""
        with self._changed:
            if self._closed:
                return
            self._woken = True
            self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Call it no more; `join` waits for a call that is under way."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def join(self, seconds: float) -> None:
        """Wait for the thread's end, but not for longer."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)

    def _run(self) -> None:
        while self._waits():
            try:
                seconds = self._tick()
            except Exception:
                log.exception("%s failed", self._name)
                seconds = AFTER_FAILURE
            if not self._rest(seconds):
                return

    def _waits(self) -> bool:
        """Take the wake-up that led here; return whether there is still something to do."""
        with self._changed:
            self._woken = False
            return not self._ends(self._closed)

    def _rest(self, seconds: float | None) -> bool:
        with self._changed:
            if seconds is not None:
                self._changed.wait_for(lambda: self._woken or self._closed, seconds)
            return not self._ends(self._closed or (seconds is None and not self._woken))

    def _ends(self, end: bool) -> bool:
        # Said under the lock: a `wake` from now on starts a new thread.
        if end:
            self._thread = None
        return end
