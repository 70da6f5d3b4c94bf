"""From one thread's loop to another's, with one wake-up for whatever has gathered meanwhile."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

TURN = 256
"""Calls that are made in one turn of the loop; more wait for the next, so that sockets have theirs."""


class Hop:
    """Has functions called on a loop, in order, from any thread.

    A wake-up of a loop is a system call at either side, far dearer than what most functions do.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._woken = False

    def put(self, what: Callable[..., object], *values: Any) -> None:
        """Have `what` called there; dropped where the loop is closed: nobody is there to hear it any more."""
        self._waiting.append((what, values))
        if not self._woken:
            self._woken = True
            try:
                self._loop.call_soon_threadsafe(self._run)
            except RuntimeError:
                self._woken = False
                self._waiting.clear()

    def _run(self) -> None:
        # Before the look into the queue: who appends after it wakes the loop again.
        self._woken = False
        for _ in range(min(TURN, len(self._waiting))):
            what, values = self._waiting.popleft()
            try:
                what(*values)
            except Exception as error:
                self._loop.call_exception_handler({"message": f"{what} failed", "exception": error})
        if self._waiting and not self._woken:
            self._woken = True
            self._loop.call_soon(self._run)
