"""What goes out next: control before calls before events before bulk before goodbye; bulk fairly by stream."""

from __future__ import annotations

from collections import OrderedDict, deque
from enum import IntEnum

from orbit_jupyter.protocol import AnyFrame, Bye, Call, Data, Events, Fail, Reply

BULK_BODY = 32 * 2**10
"""Bytes from which a body waits behind small calls."""


class Lane(IntEnum):
    """Lower goes first."""

    CONTROL = 0
    CALL = 1
    EVENT = 2
    BULK = 3
    LAST = 4


def lane_of(frame: AnyFrame) -> Lane:
    """Return the lane that a frame travels in."""
    if isinstance(frame, Call | Reply):
        return Lane.BULK if len(frame.body) > BULK_BODY else Lane.CALL
    if isinstance(frame, Data):
        return Lane.BULK
    if isinstance(frame, Events):
        return Lane.EVENT
    if isinstance(frame, Bye):
        return Lane.LAST
    return Lane.CALL if isinstance(frame, Fail) else Lane.CONTROL


class Lanes:
    """Encoded frames that wait to be written. `size` is their sum in bytes."""

    def __init__(self) -> None:
        self.size = 0
        self._lanes: dict[Lane, deque[bytes]] = {lane: deque() for lane in Lane if lane is not Lane.BULK}
        self._bulk: OrderedDict[int, deque[bytes]] = OrderedDict()

    def push(self, lane: Lane, data: bytes, stream: int = 0) -> None:
        """Append to a lane; `stream` tells bulk of one call from that of another."""
        self.size += len(data)
        if lane is Lane.BULK:
            self._bulk.setdefault(stream, deque()).append(data)
        else:
            self._lanes[lane].append(data)

    def pop(self) -> bytes | None:
        """Take out what goes next, or None."""
        for lane in (Lane.CONTROL, Lane.CALL, Lane.EVENT):
            if self._lanes[lane]:
                return self._taken(self._lanes[lane].popleft())
        if not self._bulk:
            last = self._lanes[Lane.LAST]
            return self._taken(last.popleft()) if last else None
        stream, waiting = self._bulk.popitem(last=False)
        data = waiting.popleft()
        if waiting:
            self._bulk[stream] = waiting  # to the end: every stream has its turn
        return self._taken(data)

    def _taken(self, data: bytes) -> bytes:
        self.size -= len(data)
        return data
