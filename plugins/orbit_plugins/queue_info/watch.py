"""What has changed in the queues, from one look to the next."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TypedDict

from orbit_jupyter.host.batch.model import Queue

TOPIC = "queue_state"
"""Of the events."""

GONE = "GONE"
"""The state of a queue that is no longer there."""


class QueueState(TypedDict):
    """Data of an event: a queue whose state or nodes have changed.

    `previous_state` is null for a queue that is new. `time` is when it was seen (s since the epoch).
    """

    queue: str
    state: str
    previous_state: str | None
    nodes_total: int
    nodes_available: int
    nodes_down: int
    time: float


class QueueWatch:
    """Compares each look at the queues with the one before.

    Parameters
    ----------
    tell
        Takes the data of an event.
    clock
        Seconds since the epoch.
    """

    def __init__(self, tell: Callable[[QueueState], None], clock: Callable[[], float] = time.time) -> None:
        self._tell, self._clock = tell, clock
        self._known: dict[str, Queue] | None = None

    def see(self, queues: Iterable[Queue]) -> None:
        """Take a look; of the first there is nothing to tell."""
        now = {queue.name: queue for queue in queues}
        before, self._known = self._known, now
        if before is None:
            return
        for name in sorted(now.keys() | before.keys()):
            was, queue = before.get(name), now.get(name)
            if was is None or queue is None or _about(was) != _about(queue):
                self._tell(self._event(name, was, queue))

    def _event(self, name: str, was: Queue | None, queue: Queue | None) -> QueueState:
        total, available = (queue.nodes_total, queue.nodes_available) if queue else (0, 0)
        return {
            "queue": name,
            "state": queue.state if queue else GONE,
            "previous_state": was.state if was else None,
            "nodes_total": total,
            "nodes_available": available,
            "nodes_down": max(0, total - available),
            "time": round(self._clock(), 2),
        }


def _about(queue: Queue) -> tuple[str, int, int]:
    # Not which are idle: that changes with every job.
    return queue.state, queue.nodes_total, queue.nodes_available
