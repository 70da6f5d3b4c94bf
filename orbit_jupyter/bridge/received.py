"""How far the bridge has each endpoint's events. No I/O."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from orbit_jupyter.protocol import Event, Events


class Position(msgspec.Struct, frozen=True):
    """The last event of an endpoint that came, and whether its process has said goodbye since."""

    epoch: str = ""
    last: int = 0
    clean: bool = True


_NOTHING = Position()


class Received:
    """What has come from each endpoint, so that a resent event is entered once.

    What came and what is held differ while events are on their way to the disk: an endpoint is told to forget only
    what is held.
    """

    def __init__(self, held: Mapping[str, Position] | None = None) -> None:
        self._held = dict(held or {})
        self._came = dict(self._held)

    def begin(self, endpoint: str, epoch: str) -> bool:
        """Note an endpoint's process; return whether an earlier one ended without a goodbye."""
        before = self.position(endpoint)
        if before.epoch == epoch:
            self._came[endpoint] = msgspec.structs.replace(before, clean=False)
            return False
        self._came[endpoint] = Position(epoch, 0, clean=False)
        return not before.clean

    def end(self, endpoint: str, epoch: str) -> None:
        """Note that a process has said goodbye: nothing of it waits any more."""
        before = self.position(endpoint)
        if before.epoch == epoch:
            self._came[endpoint] = msgspec.structs.replace(before, clean=True)

    def new(self, endpoint: str, events: Events) -> tuple[int, list[Event]]:
        """Return how many are missing in between, and the events that weren't received before."""
        before = self.position(endpoint)
        last = before.last if before.epoch == events.epoch else 0
        end = events.first + len(events.events) - 1
        if end <= last:
            return 0, []
        gap = max(0, events.first - 1 - last)
        self._came[endpoint] = Position(events.epoch, end, clean=False)
        return gap, events.events[max(0, last + 1 - events.first) :]

    def position(self, endpoint: str) -> Position:
        """Return what has come from an endpoint."""
        return self._came.get(endpoint, _NOTHING)

    def positions(self) -> dict[str, Position]:
        """Return what has come from all."""
        return dict(self._came)

    def hold(self, endpoint: str, position: Position) -> None:
        """Note that what came up to there is held, and stays."""
        self._held[endpoint] = position

    def last(self, endpoint: str, epoch: str) -> int:
        """Return the number of the last event that is held of this epoch."""
        held = self._held.get(endpoint, _NOTHING)
        return held.last if held.epoch == epoch else 0
