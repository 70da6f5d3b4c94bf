"""Server-sent events: topology first, then notifications, each with an id to go on from."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from jupyter_server.base.handlers import APIHandler
from tornado import web
from tornado.iostream import StreamClosedError

from orbit_jupyter.protocol import EndpointInfo

from ..event_log import Interest, Logged
from ..readers import Wakeup
from .base import OrbitMixin

KEEP_ALIVE = 15.0
"""Seconds of silence after which a comment is sent, so that proxies on the way keep the connection."""

_encode = msgspec.json.encode


class EventsHandler(OrbitMixin, APIHandler):
    """``GET /events``, with ``?endpoint=``, ``?plugin=`` and ``?topic=`` to ask for less."""

    _track_activity = False
    _wakeup: Wakeup | None = None
    _gone = False
    _written = 0.0

    @web.authenticated
    async def get(self) -> None:
        principal = await self.principal()
        self.require(principal, "read")
        hub = self.orbit.hub
        hub.first_use()
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-cache")
        self.set_header("X-Accel-Buffering", "no")
        interest = Interest(
            self.get_query_argument("endpoint", ""),
            self.get_query_argument("plugin", ""),
            self.get_query_argument("topic", ""),
            principal.user,
        )
        wakeup = self._wakeup = hub.subscribe(interest, self._seen())
        topology_changed = True

        def on_topology(_changed: dict[str, EndpointInfo], _removed: list[str]) -> None:
            nonlocal topology_changed
            topology_changed = True
            wakeup.event.set()

        self._written = asyncio.get_running_loop().time()
        hub.watch(on_topology)
        hub.user_comes(principal.user)
        try:
            while not self._gone and not self.orbit.stopping.is_set():
                if topology_changed:
                    topology_changed = False
                    # With an id, so that a reader that saw no event yet goes on from here, too.
                    self.write(self._id(wakeup.reader.after))
                    self.write(_message("topology", self.orbit.own_routes.topology()))
                    if wakeup.lost:
                        wakeup.lost = False
                        self.write(_message("gap", {"missed": None}))
                missed, batch = await wakeup.reader.next()
                if missed:
                    self.write(_message("gap", {"missed": missed}))
                for logged in batch:
                    self.write(self._notification(logged))
                await self.flush()
                if not wakeup.reader.behind:
                    await self._wait(wakeup.more())
        except StreamClosedError:
            pass
        finally:
            hub.user_goes(principal.user)
            hub.unwatch(on_topology)
            hub.unsubscribe(wakeup)

    def on_connection_close(self) -> None:
        """End the subscription of a reader that has gone, without waiting for an event to find out."""
        super().on_connection_close()
        self._gone = True
        if self._wakeup is not None:
            self._wakeup.event.set()

    async def _wait(self, more: Any) -> None:
        waits = {asyncio.ensure_future(more), asyncio.ensure_future(self.orbit.stopping.wait())}
        quiet = self._written + KEEP_ALIVE - asyncio.get_running_loop().time()
        _, pending = await asyncio.wait(waits, timeout=max(0.0, quiet), return_when=asyncio.FIRST_COMPLETED)
        for wait in pending:
            wait.cancel()
        # Events that this reader doesn't want wake it, too: what counts is what it was sent.
        if asyncio.get_running_loop().time() >= self._written + KEEP_ALIVE:
            self.write(": keep-alive\n\n")
            await self.flush()

    def write(self, chunk: Any) -> None:
        """Note when the client was last sent something."""
        self._written = asyncio.get_running_loop().time()
        super().write(chunk)

    def _seen(self) -> tuple[str, int] | None:
        """Return epoch and number of the last event that the client has; None where it doesn't say."""
        seen = self.request.headers.get("Last-Event-ID", "")
        epoch, _, sequence = seen.rpartition("-")
        # Other digits, as ², are none to `int`, and the database takes no more than 64 bits.
        if not sequence.isdecimal() or len(sequence) > 18:
            return (seen, 0) if seen else None
        return epoch, int(sequence)

    def _id(self, sequence: int) -> bytes:
        return b"id: %s-%d\n" % (self.orbit.hub.events.epoch.encode(), sequence)

    def _notification(self, logged: Logged) -> bytes:
        event = logged.event
        head = _encode({"endpoint": logged.endpoint, "plugin": event.plugin, "topic": event.topic})
        # The event's data is JSON already, checked when the endpoint sent it; it goes in as it is.
        body = b'{"topic":"notification","data":' + head[:-1] + b',"data":' + event.data + b"}}"
        return b"%sdata: %s\n\n" % (self._id(logged.sequence), body)

    def finish(self, *chunks: Any, **more: Any) -> Any:
        """Keep the content type, which `APIHandler` would make JSON."""
        if self.get_status() == 200:
            more.setdefault("set_content_type", "text/event-stream")
        return super().finish(*chunks, **more)


def _message(topic: str, data: Any) -> bytes:
    return b"data: " + _encode({"topic": topic, "data": data}) + b"\n\n"
