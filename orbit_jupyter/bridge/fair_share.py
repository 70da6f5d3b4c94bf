"""How many calls of each client are under way at an endpoint, and whose waits for its turn. No I/O.

The clock is a parameter.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

YOUNG = 256
"""Calls of a client that were sent within the last `YOUNG_FOR` seconds and have no answer: more wait."""

YOUNG_FOR = 1.0
"""Seconds after which a call no longer counts: calls that take hours never hold up their client's short ones."""

UNDER_WAY = 5_000
"""Calls of a client without an answer, old ones too: half of what a link carries, so that others find room."""

WAITING = 10_000
"""Calls of a client that wait; one more is refused."""

WAITING_BYTES = 64 * 2**20
"""Bytes of those; a call that would exceed them is refused."""

FRAME_BYTES = 200
"""What a call or frame that waits takes besides its body, about."""

T = TypeVar("T")


class _Waits(Generic[T]):
    __slots__ = ("item", "size", "until")

    def __init__(self, item: T, size: int, until: float) -> None:
        self.item, self.size, self.until = item, size, until


class _Client(Generic[T]):
    """One client's calls at the endpoint, each under its ticket."""

    __slots__ = ("old", "size", "waiting", "young")

    def __init__(self) -> None:
        self.young: OrderedDict[int, float] = OrderedDict()
        """When each was sent, in that order. Those that are too old are taken out once room is needed."""
        self.old = 0
        self.waiting: OrderedDict[int, _Waits[T]] = OrderedDict()
        self.size = 0

    def has_room(self, now: float) -> bool:
        young = self.young
        while len(young) >= YOUNG and now - young[first := next(iter(young))] >= YOUNG_FOR:
            del young[first]
            self.old += 1
        return len(young) < YOUNG and len(young) + self.old < UNDER_WAY


class FairShare(Generic[T]):
    """The calls to one endpoint, by the client that they come from. `T` is what stands for one that waits.

    Attributes
    ----------
    waiting
        How many wait.
    """

    def __init__(self) -> None:
        self.waiting = 0
        self._last = 0
        self._clients: dict[Hashable, _Client[T]] = {}
        self._turns: OrderedDict[Hashable, None] = OrderedDict()
        """Clients of whom a call waits and which may have room, in the order of their turns."""
        self._ends: list[tuple[float, int, Hashable]] = []
        """A heap of when the time of those that wait is over; some of them don't wait any more."""

    def __len__(self) -> int:
        return len(self._clients)

    def go(self, key: Hashable, now: float) -> int:
        """Return the ticket of a call that goes out now; 0: its client has many under way, and it must `wait`."""
        client = self._clients.get(key)
        if client is None:
            client = self._clients[key] = _Client()
        elif client.waiting or not client.has_room(now):
            return 0
        self._last += 1
        client.young[self._last] = now
        return self._last

    def ended(self, key: Hashable, ticket: int) -> bool:
        """Note that a call that went out has its answer; return whether there may be a `next`."""
        client = self._clients[key]
        if client.young.pop(ticket, None) is None:
            client.old -= 1
        if client.waiting:
            self._turns[key] = None
            return True
        if not client.young and not client.old:
            del self._clients[key]
        return False

    def wait(self, key: Hashable, item: T, size: int, until: float) -> int:
        """Have a call wait; return its ticket, or 0: too many wait.

        Parameters
        ----------
        size
            Bytes that it holds.
        until
            When its time is over.
        """
        client, size = self._clients[key], size + FRAME_BYTES
        if len(client.waiting) >= WAITING or client.size + size > WAITING_BYTES:
            return 0
        self._last += 1
        client.waiting[self._last] = _Waits(item, size, until)
        client.size += size
        self.waiting += 1
        heapq.heappush(self._ends, (until, self._last, key))
        return self._last

    def grow(self, key: Hashable, ticket: int, size: int) -> bool:
        """Note that a call that waits holds more; return whether it may."""
        client, size = self._clients[key], size + FRAME_BYTES
        if client.size + size > WAITING_BYTES:
            return False
        client.waiting[ticket].size += size
        client.size += size
        return True

    def leave(self, key: Hashable, ticket: int) -> T | None:
        """Take out a call that waits; None where it doesn't."""
        client = self._clients.get(key)
        waits = client.waiting.pop(ticket, None) if client is not None else None
        if client is None or waits is None:
            return None
        client.size -= waits.size
        self.waiting -= 1
        if len(self._ends) > 2 * self.waiting + 100:
            self._ends = [one for one in self._ends if self._waits(one)]
            heapq.heapify(self._ends)
        if not (client.waiting or client.young or client.old):
            del self._clients[key]
        return waits.item

    def next(self, now: float) -> tuple[Hashable, int, T] | None:
        """Take out the call whose turn it is, which goes out now; None: there is none, or no room."""
        while self._turns:
            key, _ = self._turns.popitem(last=False)
            client = self._clients.get(key)
            if client is None or not client.waiting or not client.has_room(now):
                continue
            ticket = next(iter(client.waiting))
            client.young[ticket] = now
            item = self.leave(key, ticket)
            assert item is not None
            if client.waiting:
                self._turns[key] = None  # behind the others
            return key, ticket, item
        return None

    def aged(self) -> None:
        """Have `next` look at every client again: calls of theirs may be old by now."""
        for key, client in self._clients.items():
            if client.waiting:
                self._turns.setdefault(key)

    def overdue(self, now: float) -> list[T]:
        """Take out the calls whose time is over."""
        over = []
        while self._ends and self._ends[0][0] <= now:
            _, ticket, key = heapq.heappop(self._ends)
            item = self.leave(key, ticket)
            if item is not None:
                over.append(item)
        return over

    def _waits(self, one: tuple[float, int, Hashable]) -> bool:
        client = self._clients.get(one[2])
        return client is not None and one[1] in client.waiting
