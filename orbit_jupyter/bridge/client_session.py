"""One native client at the bridge: a notebook's kernel, a script, later a browser."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator

import msgspec

from orbit_jupyter.link import Answer, Canceller, Link, Transport
from orbit_jupyter.protocol import (
    AnyFrame,
    Call,
    EndpointInfo,
    Events,
    Principal,
    Subscribe,
    Topology,
)

from .event_log import Interest, Logged
from .hub import Hub, Wakeup

PIECE = 2**20
"""Bytes of JSON, about, in one frame of a whole topology."""


class ClientSession:
    """Passes a client's calls to the hub, and the hub's events and changes of topology to the client."""

    def __init__(self, hub: Hub, principal: Principal, transport: Transport) -> None:
        self._hub, self._principal = hub, principal
        self.link = Link(transport, on_call=self._on_call, on_frame=self._on_frame)
        self.link.closed.add_done_callback(lambda _: self._end())
        self._subscriptions: dict[int, asyncio.Task[None]] = {}
        for frame in _whole(hub.registry.topology()):
            self.link.send(frame)
        hub.watch(self._on_topology)
        hub.clients.add(self.link)
        hub.user_comes(principal.user)

    def _on_call(self, call: Call, answer: Answer) -> Canceller | None:
        return self._hub.call(call, self._principal, answer)

    def _on_frame(self, frame: AnyFrame) -> None:
        if isinstance(frame, Subscribe) and frame.id not in self._subscriptions:
            interest = Interest(frame.endpoint, frame.plugin, frame.topic, self._principal.user)
            after = (frame.after or {}).get("")
            epoch, sequence = after or ("", 0)
            wakeup = self._hub.subscribe(interest, sequence if epoch == self._hub.events.epoch else None)
            self._subscriptions[frame.id] = asyncio.ensure_future(self._deliver(wakeup))

    def _on_topology(self, changed: dict[str, EndpointInfo], removed: list[str]) -> None:
        self.link.send(Topology(changed, removed))

    async def _deliver(self, wakeup: Wakeup) -> None:
        reader = wakeup.reader
        try:
            while True:
                missed, batch = reader.read()
                for frame in _frames(self._hub.events.epoch, batch, missed):
                    await self.link.writable()
                    self.link.send(frame)
                if not reader.behind:
                    await wakeup.more()
                else:
                    await asyncio.sleep(0)  # other subscribers have their turn
        finally:
            self._hub.unsubscribe(wakeup)

    def _end(self) -> None:
        self._hub.unwatch(self._on_topology)
        self._hub.clients.discard(self.link)
        self._hub.user_goes(self._principal.user)
        for task in self._subscriptions.values():
            task.cancel()


def _whole(endpoints: dict[str, EndpointInfo]) -> Iterator[Topology]:
    """Yield the whole topology, in frames that are far from too large: the first is full, the others add to it."""
    piece: dict[str, EndpointInfo] = {}
    size, full = 0, True
    for name, info in endpoints.items():
        more = len(msgspec.json.encode(info))
        if piece and size + more > PIECE:
            yield Topology(piece, full=full)
            piece, size, full = {}, 0, False
        piece[name] = info
        size += more
    yield Topology(piece, full=full)


def _frames(epoch: str, batch: list[Logged], missed: int) -> Iterator[Events]:
    """Yield a frame for each run of events of one endpoint, a gap first."""
    if missed and not batch:
        yield Events(epoch, 0, [], missed=missed)
    for endpoint, run in itertools.groupby(batch, key=lambda logged: logged.endpoint):
        logged = list(run)
        yield Events(
            epoch,
            logged[0].sequence,
            [one.event for one in logged],
            endpoint=endpoint,
            missed=missed,
            last=logged[-1].sequence,
        )
        missed = 0
