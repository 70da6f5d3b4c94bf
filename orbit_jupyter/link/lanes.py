"""What goes out next: control before calls before events before bulk before goodbye; bulk fairly by stream.

Pings and acknowledgements of frames go before everything. They and the goodbye aren't counted: they belong to one
socket, while all else is sent again over the next one where it was lost.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from enum import IntEnum

from orbit_jupyter.protocol import AnyFrame, Bye, Call, Data, Events, Fail, Ping, Pong, Reply, Seen

BULK_BODY = 32 * 2**10
"""Bytes from which a body waits behind small calls."""


class Lane(IntEnum):
    """Lower goes first."""

    BEAT = 0
    CONTROL = 1
    CALL = 2
    EVENT = 3
    BULK = 4
    LAST = 5

    @property
    def counted(self) -> bool:
        """Whether its frames are kept until they have arrived."""
        return Lane.BEAT < self < Lane.LAST


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
    if isinstance(frame, Ping | Pong | Seen):
        return Lane.BEAT
    return Lane.CALL if isinstance(frame, Fail) else Lane.CONTROL


class Lanes:
    """Encoded frames that wait to be written. `size` is their sum in bytes."""

    def __init__(self) -> None:
        self.size = 0
        self._lanes: dict[Lane, deque[bytes]] = {}  # made when one is needed: an idle link has none
        self._bulk: OrderedDict[int, deque[bytes]] = OrderedDict()

    def push(self, lane: Lane, data: bytes, stream: int = 0) -> None:
        """Append to a lane; `stream` tells bulk of one call from that of another."""
        self.size += len(data)
        if lane is Lane.BULK:
            self._bulk.setdefault(stream, deque()).append(data)
        else:
            waiting = self._lanes.get(lane)
            if waiting is None:
                waiting = self._lanes[lane] = deque()
            waiting.append(data)

    def pop(self) -> tuple[Lane, bytes] | None:
        """Take out what goes next, or None."""
        for lane in (Lane.BEAT, Lane.CONTROL, Lane.CALL, Lane.EVENT):
            if waiting := self._lanes.get(lane):
                return self._taken(lane, waiting.popleft())
        if not self._bulk:
            last = self._lanes.get(Lane.LAST)
            return self._taken(Lane.LAST, last.popleft()) if last else None
        stream, pieces = self._bulk.popitem(last=False)
        data = pieces.popleft()
        if pieces:
            self._bulk[stream] = pieces  # to the end: every stream has its turn
        return self._taken(Lane.BULK, data)

    def drop_uncounted(self) -> None:
        """Forget what was meant for a socket that is gone."""
        for lane in (Lane.BEAT, Lane.LAST):
            while waiting := self._lanes.get(lane):
                self._taken(lane, waiting.popleft())

    def beat(self) -> bytes | None:
        """Take out a ping, or None: those go also while everything else has to wait."""
        beats = self._lanes.get(Lane.BEAT)
        return self._taken(Lane.BEAT, beats.popleft())[1] if beats else None

    def _taken(self, lane: Lane, data: bytes) -> tuple[Lane, bytes]:
        self.size -= len(data)
        return lane, data
