"""The events that the bridge remembers, and where each reader stands in them. No I/O of its own.

With a store they are on disk before anyone hears of them: endpoints get their acknowledgement, and readers the
event, once it is committed. Where the disk fails the log goes on in memory, until the store asks for another try.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from orbit_jupyter.protocol import Event

from .received import Position, Received

log = logging.getLogger("orbit.bridge")

SLOW = 10.0
"""Seconds after which a commit that isn't done counts as failed, and the log goes on in memory."""


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

    def may_want(self, endpoint: str, owner: str) -> bool:
        """Return whether the subscriber may get anything of an endpoint."""
        return (not self.endpoint or self.endpoint == endpoint) and (self.user is None or self.user == owner)

    def wants(self, logged: Logged) -> bool:
        """Return whether the subscriber gets this event."""
        return (
            (not self.endpoint or self.endpoint == logged.endpoint)
            and (not self.plugin or self.plugin == logged.event.plugin)
            and (not self.topic or self.topic == logged.event.topic)
            and (self.user is None or self.user == logged.owner)
        )


@dataclass(frozen=True)
class Batch:
    """What is written at once: events, and how far their endpoints have come with them."""

    number: int
    """Grows with each batch."""
    entries: list[Logged]
    received: Mapping[str, Position]


@dataclass(frozen=True)
class Page:
    """What a reader found on disk: how many are gone before it, where it ends, and what is of interest."""

    missed: int
    after: int
    batch: list[Logged]


@dataclass(frozen=True)
class Past:
    """What earlier processes of the bridge have left."""

    last: int = 0
    """Number of the last event."""
    epochs: Mapping[str, int] = field(default_factory=dict)
    """Epoch → number of its last event."""
    received: Mapping[str, Position] = field(default_factory=dict)


class Store(Protocol):
    """What keeps the log on disk. It calls back on the loop that `put` was called on."""

    past: Past
    written: Callable[[int], None]
    """Takes a batch's number: it, and all before it, are committed."""
    failed: Callable[[Exception], None]
    """Takes why nothing more is written: what was put since the last `written` is dropped."""
    retry: Callable[[int], None]
    """Takes the last event's number on disk: what is missing since may be put, with `resume`."""

    def put(self, batch: Batch) -> None:
        """Have a batch written; `written` or `failed` follows, later."""

    def resume(self, batch: Batch) -> None:
        """Begin again after a failure, with what is missing."""

    def give_up(self) -> None:
        """Fail: the disk takes too long."""

    async def read(self, after: int, upto: int, interest: Interest, limit: int) -> Page | None:
        """Return what is on disk behind a number; None where that can't be read."""

    async def close(self) -> None:
        """Write what is put, and let go of the folder."""


@dataclass(frozen=True)
class _Waiting:
    batch: int
    upto: int
    endpoint: str
    position: Position
    held: Callable[[], None]
    since: float


class EventLog:
    """A bounded log; the oldest events go first.

    Parameters
    ----------
    epoch
        New with each process of the bridge; the numbers go on.
    max_events, max_bytes
        The bounds in memory.
    store
        What keeps it on disk; None: nothing does.

    Attributes
    ----------
    last, committed
        Number of the last event that came, and of the last one that readers get.
    received
        How far each endpoint's events have come.
    told
        Called when there is more to read.
    """

    def __init__(
        self, epoch: str, max_events: int = 100_000, max_bytes: int = 64 * 2**20, store: Store | None = None
    ) -> None:
        past = store.past if store is not None else Past()
        self.epoch = epoch
        self._epochs = past.epochs
        self._max_events, self._max_bytes = max_events, max_bytes
        self.entries: deque[Logged] = deque()
        self._bytes = 0
        self.last = self.committed = past.last
        self.received = Received(past.received)
        self.told: Callable[[], None] = _nobody
        self._waiting: deque[_Waiting] = deque()
        self._batches = 0
        self._watchdog: asyncio.TimerHandle | None = None
        self._store, self._on_disk = store, store is not None
        self._complained = False
        if store is not None:
            store.written, store.failed, store.retry = self._written, self._failed, self._retry

    @property
    def first(self) -> int:
        """Number of the oldest event in memory."""
        return self.last - len(self.entries) + 1

    def append(
        self, endpoint: str, owner: str, events: list[Event], held: Callable[[], None] | None = None
    ) -> None:
        """Add events of an endpoint, and how far it has come; call `held` once they stay.

        They are the endpoint's owner's, whatever the endpoint says.
        """
        entries = [Logged(number, endpoint, owner, event) for number, event in enumerate(events, self.last + 1)]
        self.last += len(entries)
        self.entries.extend(entries)
        self._bytes += sum(len(event.data) for event in events)
        while len(self.entries) > self._max_events or self._bytes > self._max_bytes:
            self._bytes -= len(self.entries.popleft().event.data)
        self._put(entries, endpoint, held or _nobody)

    def place(self, epoch: str, sequence: int) -> tuple[int, bool]:
        """Return where a reader goes on that had come to a number of an epoch, and whether it misses something.

        How much that is nobody knows: its number is of a log that is gone, or of events that were never on disk.
        """
        end = self.last if epoch == self.epoch else self._epochs.get(epoch)
        return (self.committed, True) if end is None else (min(sequence, end), sequence > end)

    def between(self, start: int, end: int) -> Iterable[Logged]:
        """Return entries by their place in memory; from the nearer end, since a deque is walked along."""
        size = len(self.entries)
        if start < size // 2:
            return islice(self.entries, start, end)
        return reversed(list(islice(reversed(self.entries), size - end, size - start)))

    async def page(self, after: int, interest: Interest, limit: int) -> Page | None:
        """Return what is older than the memory reaches; None where there is nothing."""
        if self._store is None or after >= self.first - 1:
            return None
        found = await self._store.read(after, self.first - 1, interest, limit)
        return found if found is not None and found.after > after else None

    async def close(self) -> None:
        """Have all that came on disk."""
        if self._store is not None:
            await self._store.close()
            await asyncio.sleep(0)  # what it has called back for
            self._store = None
            self._memory_only()

    # -- towards the disk ----------------------------------------------------------------------------------------

    def _put(self, entries: list[Logged], endpoint: str, held: Callable[[], None]) -> None:
        position = self.received.position(endpoint)
        now = asyncio.get_running_loop().time() if self._on_disk else 0.0
        self._batches += 1
        self._waiting.append(_Waiting(self._batches, self.last, endpoint, position, held, now))
        if not self._on_disk or self._store is None:
            self._release(self._batches)
        else:
            self._store.put(Batch(self._batches, entries, {endpoint: position}))
            if self._watchdog is None:
                self._watch()

    def _written(self, batch: int) -> None:
        self._release(batch)

    def _failed(self, error: Exception) -> None:
        if not self._complained:
            self._complained = True
            log.error("the event log goes on in memory, and is gone with this server: %s", error)
        self._memory_only()

    def _memory_only(self) -> None:
        self._on_disk = False
        self._release(self._batches)

    def _retry(self, last: int) -> None:
        if self._store is None:
            return
        missing = max(0, len(self.entries) - (self.last - last))
        self._batches += 1
        self._on_disk = True
        now = asyncio.get_running_loop().time()
        self._waiting.append(_Waiting(self._batches, self.last, "", Position(), self._resumed, now))
        entries = list(islice(self.entries, missing, None))
        self._store.resume(Batch(self._batches, entries, self.received.positions()))
        if self._watchdog is None:
            self._watch()

    def _resumed(self) -> None:
        if self._on_disk:
            self._complained = False
            log.warning("the event log is on disk again")

    def _release(self, batch: int) -> None:
        """Let readers and endpoints know of all up to a batch."""
        while self._waiting and self._waiting[0].batch <= batch:
            done = self._waiting.popleft()
            self.committed = done.upto
            if done.endpoint:
                self.received.hold(done.endpoint, done.position)
            done.held()
        self.told()

    def _watch(self) -> None:
        """Look after the oldest batch that waits; a disk that hangs must not hold up those who wait for events."""
        self._watchdog = None
        if not self._on_disk or not self._waiting or self._store is None:
            return
        loop = asyncio.get_running_loop()
        left = self._waiting[0].since + SLOW - loop.time()
        if left <= 0:
            self._store.give_up()
            self._failed(TimeoutError(f"the disk has taken more than {SLOW:g} s"))
        else:
            self._watchdog = loop.call_later(left, self._watch)


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
        self.after = log.committed if after is None else after

    async def next(self) -> tuple[int, list[Logged]]:
        """Return as `read` does; what the memory no longer has comes from the disk."""
        page = await self._log.page(self.after, self._interest, self.BATCH)
        if page is None:
            return self.read()
        self.after = page.after
        return page.missed, page.batch

    def read(self) -> tuple[int, list[Logged]]:
        """Return how many events were missed since the last read, and the next batch that is of interest.

        What was missed is counted before the filter: nobody knows any more what it was.
        """
        missed = max(0, min(self._log.first - 1, self._log.committed) - self.after)
        self.after += missed
        offset = self.after - (self._log.first - 1)
        end = min(offset + self.SCAN, self._log.committed - (self._log.first - 1))
        batch: list[Logged] = []
        # A bounded look: a reader far behind must not hold up the loop that it shares with notebooks.
        for logged in self._log.between(offset, end) if 0 <= offset < end else ():
            self.after = logged.sequence
            if self._interest.wants(logged):
                batch.append(logged)
                if len(batch) == self.BATCH:
                    break
        return missed, batch

    @property
    def behind(self) -> bool:
        """Whether there is more to read."""
        return self.after < self._log.committed


def _nobody() -> None:
    pass
