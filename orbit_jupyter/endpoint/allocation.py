"""Says that the allocation comes to its end, while there is still time to save something."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from orbit_jupyter.host.batch import BatchSystem, OwnAllocation, detect, system
from orbit_jupyter.protocol import OrbitError

log = logging.getLogger("orbit.endpoint")

PLUGIN, TOPIC = "endpoint", "allocation_end"
"""Of the event: it is the endpoint's own, whichever plugins it has loaded."""

WARNINGS = (600.0, 120.0)
"""Seconds before the end at which it is said."""

LOOK = 300.0
"""Seconds between two looks at the most: an allocation's end can be moved."""

AGAIN = 30.0
"""Seconds after which a batch system is asked again that didn't answer."""

Tell = Callable[[str, str, dict[str, Any]], None]
"""(plugin, topic, data) of an event."""


class Countdown:
    """Decides when to say what; without a clock and without asking anybody."""

    def __init__(self) -> None:
        self._said: set[float] = set()
        self._end: float | None = None

    def next(self, end: float, now: float) -> tuple[float | None, float]:
        """Return the warning that is due, and the seconds until the next look.

        Where several are due at once, as in an allocation that is short from the start, only the last is said.

        Parameters
        ----------
        end, now
            Seconds since the epoch.
        """
        if self._end is not None and end > self._end + 1:  # it was moved, so that its warnings come anew
            self._said = {at for at in self._said if end - now <= at}
        self._end = end
        left = end - now
        due = [at for at in WARNINGS if left <= at and at not in self._said]
        self._said.update(due)
        following = [left - at for at in WARNINGS if left > at]
        return (min(due) if due and left > 0 else None), max(0.05, min([LOOK, *following]))


async def tell_of_end(tell: Tell) -> None:
    """Send an event 10 and 2 minutes before the end of the allocation that this process is in, if it is in one."""
    if detect().job_id is None:
        return
    batch = system()
    countdown = Countdown()
    while batch is not None:
        wait = AGAIN
        try:
            allocation = await asyncio.to_thread(_ask, batch)
        except OrbitError as error:
            log.info("when the allocation ends isn't known just now: %s", error)
        else:
            if allocation is None or allocation.end_time is None:  # it never ends, or has ended
                return
            now = time.time()
            due, wait = countdown.next(allocation.end_time, now)
            if due is not None:
                _say(tell, allocation, allocation.end_time, now)
            if allocation.end_time <= now:
                return
        await asyncio.sleep(wait)


def _ask(batch: BatchSystem) -> OwnAllocation | None:
    return batch.own_allocation()


def _say(tell: Tell, allocation: OwnAllocation, end: float, now: float) -> None:
    left = int(end - now)
    log.warning("the allocation %s ends in %d:%02d", allocation.job_id, *divmod(left, 60))
    tell(PLUGIN, TOPIC, {"job_id": allocation.job_id, "end_time": end, "seconds_left": left})
