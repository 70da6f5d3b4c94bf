"""The events that the bridge remembers, and where each reader stands in them. No I/O."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import islice

from orbit_jupyter.protocol import Event, Events


@dataclass(frozen=True)
class Logged:
    """An event with its number in the bridge's log and the endpoint that it came from."""

    sequence: int
    endpoint: str
    owner: str
    """Who may see it."""
    event: Event


@dataclass(frozen=True)
class Interest:
    """What a subscriber wants; empty matches all. `user` None sees everyone's."""

    endpoint: str = ""
    plugin: str = ""
    topic: str = ""
    user: str | None = None

    def wants(self, logged: Logged) -> bool:
        """Return whether the subscriber gets this event."""
        return (
            (not self.endpoint or self.endpoint == logged.endpoint)
            and (not self.plugin or self.plugin == logged.event.plugin)
            and (not self.topic or self.topic == logged.event.topic)
            and (self.user is None or self.user == logged.owner)
        )


class EventLog:
    """A bounded log; the oldest events go first.

    Parameters
    ----------
    epoch
        Within it, sequence numbers grow by one.
    max_events, max_bytes
        The bounds.
    """

    def __init__(self, epoch: str, max_events: int = 100_000, max_bytes: int = 64 * 2**20) -> None:
        self.epoch = epoch
        self._max_events, self._max_bytes = max_events, max_bytes
        self.entries: deque[Logged] = deque()
        self._bytes = 0
        self.last = 0

    @property
    def first(self) -> int:
        """Number of the oldest event that is still there."""
        return self.last - len(self.entries) + 1

    def append(self, endpoint: str, owner: str, event: Event) -> None:
        """Add an event. It is the endpoint's owner's, whatever the endpoint says."""
        self.last += 1
        self.entries.append(Logged(self.last, endpoint, owner, event))
        self._bytes += len(event.data)
        while len(self.entries) > self._max_events or self._bytes > self._max_bytes:
            self._bytes -= len(self.entries.popleft().event.data)


class Reader:
    """One subscriber's place in a log.

    Parameters
    ----------
    log
        Where to read.
    interest
        What the subscriber wants.
    after
        The last sequence number that the subscriber has; None: only what comes from now on.
    """

    BATCH, SCAN = 256, 2048

    def __init__(self, log: EventLog, interest: Interest, after: int | None = None) -> None:
        self._log, self._interest = log, interest
        self.after = log.last if after is None else after

    def read(self) -> tuple[int, list[Logged]]:
        """Return how many events were missed since the last read, and the next batch that is of interest.

        What was missed is counted before the filter: nobody knows any more what it was.
        """
        missed = max(0, self._log.first - 1 - self.after)
        self.after += missed
        offset = self.after - (self._log.first - 1)
        batch: list[Logged] = []
        # A bounded look: a reader far behind must not hold up the loop that it shares with notebooks.
        for logged in islice(self._log.entries, offset, offset + self.SCAN):
            self.after = logged.sequence
            if self._interest.wants(logged):
                batch.append(logged)
                if len(batch) == self.BATCH:
                    break
        return missed, batch

    @property
    def behind(self) -> bool:
        """Whether there is more to read."""
        return self.after < self._log.last


class Received:
    """What the bridge has received from each endpoint, so that a resent event is entered once."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[str, int]] = {}

    def new(self, endpoint: str, events: Events) -> tuple[int, list[Event]]:
        """Return how many are missing in between, and the events that weren't received before."""
        epoch, last = self._last.get(endpoint, ("", 0))
        if epoch != events.epoch:
            last = 0
        end = events.first + len(events.events) - 1
        if end <= last:
            return 0, []
        gap = max(0, events.first - 1 - last)
        self._last[endpoint] = (events.epoch, end)
        return gap, events.events[max(0, last + 1 - events.first) :]

    def last(self, endpoint: str, epoch: str) -> int:
        """Return the number of the last event received in this epoch."""
        known, last = self._last.get(endpoint, ("", 0))
        return last if known == epoch else 0
