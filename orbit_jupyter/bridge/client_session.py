"""One native client at the bridge: a notebook's kernel, a script, later a browser."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import msgspec

from orbit_jupyter.link import Answer, Limits, Link, Onward, Transport
from orbit_jupyter.protocol import (
    AnyFrame,
    Bye,
    Call,
    EndpointInfo,
    Events,
    Principal,
    ProtocolError,
    Subscribe,
    Topology,
)

from .event_log import Interest, Logged
from .hub import Hub
from .readers import Wakeup, gap_event

PIECE = 2**20
"""Bytes, about, in one frame: of a whole topology's JSON, of events."""

MAX_SUBSCRIPTIONS = 256
"""Of one client at once; one more ends its connection."""

MANY = 64
"""Endpoints at most in one frame of changes; `border` bounds what each says of its plugins."""


class ClientSession:
    """Passes a client's calls to the hub, and the hub's events and changes of topology to the client."""

    def __init__(self, hub: Hub, principal: Principal, transport: Transport, limits: Limits | None = None) -> None:
        self._hub, self._principal = hub, principal
        self.link = Link(transport, on_call=self._on_call, on_frame=self._on_frame, limits=limits)
        self.link.closed.add_done_callback(lambda _: self._end())
        self._subscriptions: dict[int, asyncio.Task[None]] = {}
        for frame in _whole(hub.registry.topology()):
            self.link.send(frame)
        hub.watch(self._on_topology)
        hub.clients.add(self.link)
        hub.user_comes(principal.user)

    def _on_call(self, call: Call, answer: Answer) -> Onward | None:
        return self._hub.call(call, self._principal, answer, caller=self)

    def _on_frame(self, frame: AnyFrame) -> None:
        if not isinstance(frame, Subscribe) or frame.id in self._subscriptions:
            return
        if len(self._subscriptions) >= MAX_SUBSCRIPTIONS:
            self.link.send(Bye(f"a client may have {MAX_SUBSCRIPTIONS} subscriptions", False, ProtocolError.code))
            self.link.down("it subscribed too often")
        else:
            interest = Interest(frame.endpoint, frame.plugin, frame.topic, self._principal.user)
            wakeup = self._hub.subscribe(interest, (frame.after or {}).get(""))
            self._subscriptions[frame.id] = asyncio.ensure_future(self._deliver(wakeup))

    def _on_topology(self, changed: dict[str, EndpointInfo], removed: list[str]) -> None:
        names = list(changed)
        for start in range(0, max(1, len(names)), MANY):
            piece = {name: changed[name] for name in names[start : start + MANY]}
            self.link.send(Topology(piece, [] if start else removed))

    async def _deliver(self, wakeup: Wakeup) -> None:
        reader, epoch = wakeup.reader, self._hub.events.epoch
        try:
            # An empty one says where the client stands: it goes on from there though no event came meanwhile.
            gap = [gap_event(None, "the bridge's log is another than before")] if wakeup.lost else []
            self.link.send(Events(epoch, reader.after, gap, last=reader.after))
            while True:
                missed, batch = await reader.next()
                for frame in _frames(epoch, batch, missed, reader.after):
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


def _frames(epoch: str, batch: list[Logged], missed: int, after: int) -> Iterator[Events]:
    """Yield a frame for each run of events of one endpoint, a gap first."""
    if missed and not batch:
        yield Events(epoch, 0, [], missed=missed, last=after)
    for run in _runs(batch):
        yield Events(
            epoch,
            run[0].sequence,
            [one.event for one in run],
            endpoint=run[0].endpoint,
            missed=missed,
            last=run[-1].sequence,
        )
        missed = 0


def _runs(batch: list[Logged]) -> Iterator[list[Logged]]:
    """Yield what goes into one frame: events of one endpoint, far from too large together."""
    run: list[Logged] = []
    size = 0
    for logged in batch:
        if run and (logged.endpoint != run[0].endpoint or size > PIECE):
            yield run
            run, size = [], 0
        run.append(logged)
        size += len(logged.event.data)
    if run:
        yield run
