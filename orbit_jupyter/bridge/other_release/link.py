"""A link to such an endpoint: calls, events, topology and liveness, as the hub expects them of every link."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from orbit_jupyter.host.notification import event_of
from orbit_jupyter.link import Answer, Down, Limits, State, TransportClosedError
from orbit_jupyter.link.liveness import Liveness
from orbit_jupyter.protocol import (
    AnyFrame,
    Bye,
    Call,
    Cancel,
    Credit,
    Data,
    EndpointDisconnectedError,
    Events,
    OrbitError,
    OverloadedError,
    Plugins,
    ProtocolError,
    Topology,
    fail_from,
)

from ..readers import MAX_NAMES
from . import messages
from .asking import Asking
from .messages import UnreadableMessageError, infos_of, read, to_json

log = logging.getLogger("orbit.bridge")

HEARTBEAT = 20.0
"""Seconds between two pings that are messages, as that release's bridge sends them."""

PATIENCE = 600.0
"""Seconds of silence after which an endpoint is given up, as there: plugins run on the loop that answers pings."""

SAID_ALOUD = 10
"""Messages that can't be read of which the log tells; the rest is for debugging."""


class Wire(Protocol):
    """The WebSocket, as this link needs it."""

    waiting: int
    """Bytes that haven't gone out yet."""

    def send(self, message: bytes, binary: bool) -> None:
        """Send a message, or raise `TransportClosedError`."""

    def ping(self, data: bytes) -> None:
        """Send a ping of the WebSocket's own, if it is open."""

    def give_up_after(self, seconds: float) -> None:
        """Have the connection end when nothing gets through for so long, whatever the far side's process does."""

    def close(self, code: int, reason: str) -> None:
        """Close; a second time does nothing."""


class OtherReleaseLink:
    """A link to an endpoint of radical.orbit 0.2.0.

    Parameters
    ----------
    name
        The endpoint's.
    epoch
        Of its events, which it doesn't number itself: those that are lost on the way are lost unseen.
    """

    def __init__(self, name: str, epoch: str, socket: Wire, limits: Limits) -> None:
        self.name, self.limits = name, limits
        self.on_frame: Callable[[AnyFrame], None] = lambda _: None
        self.on_state: Callable[[State], None] = lambda _: None
        self.lost_error: Callable[[str], OrbitError] = EndpointDisconnectedError
        self._loop = asyncio.get_running_loop()
        self._socket = socket
        self._asking = Asking(self._write, limits.outgoing_calls)
        self._epoch, self._events = epoch, 0
        self._names: dict[str, messages.Names] = {}
        self._unreadable = 0
        self._heard = asyncio.Event()
        self._pinged = b""
        self._state: State = "present"
        self._beat = self._loop.time()
        self.liveness = Liveness(
            self._beat,
            interval=limits.ping_interval,
            suspect_after=limits.suspect_after,
            lost_after=max(PATIENCE, limits.lost_after),
        )
        self.closed: asyncio.Future[Down] = self._loop.create_future()
        self._watcher = self._loop.create_task(self._watch())
        # A process that is busy for minutes is still there; a machine or a network that swallows bytes isn't.
        socket.give_up_after(limits.lost_after)

    @property
    def attached(self) -> bool:
        """Whether there is a socket. This link ends with it: its endpoint can't say that it goes on."""
        return not self.closed.done()

    # -- calls -------------------------------------------------------------------------------------------------

    def call(self, call: Call, on_answer: Answer) -> int:
        """Send a call and return the id to go on with it.

        `on_answer` is called exactly once with a `Reply` or `Fail`, whatever dies on the way.
        """
        try:
            if self.closed.done():
                raise self.lost_error(self.closed.result().reason)
            if self._socket.waiting > self.limits.queued_bytes:
                raise OverloadedError("the link's send queue is full", data={"retry_after": 1})
            return self._asking.begin(call, on_answer)
        except OrbitError as error:
            on_answer(fail_from(error))
            return 0

    def onward(self, id: int, frame: Cancel | Data | Credit) -> None:
        """Say something more in call `id`."""
        self._asking.onward(id, frame)

    def cancel(self, id: int, reason: str = "") -> None:
        """End call `id`, for which nobody waits."""
        self._asking.onward(id, Cancel(0, reason))

    # -- what comes --------------------------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Take one message; what comes after the end is dropped."""
        if self.closed.done():
            return
        self._alive()
        try:
            said = read(data)
        except UnreadableMessageError as error:
            self._skip(str(error))
            self._asking.unreadable(error)
            return
        if isinstance(said, messages.Response):
            self._asking.responded(said)
        elif isinstance(said, messages.Notification):
            self._notify(said)
        elif isinstance(said, messages.Announcement):
            if self.name in said.endpoints:
                self.on_frame(Plugins(infos_of(said.endpoints[self.name].plugins)))
        elif isinstance(said, messages.Register):
            self._registers_again(said)

    def _notify(self, said: messages.Notification) -> None:
        if len(said.plugin) + len(said.topic) > MAX_NAMES:
            self._skip("an event whose plugin and topic are too long")
            return
        self._events += 1
        self.on_frame(Events(self._epoch, self._events, [event_of(said.plugin, said.topic, said.data)]))

    def _registers_again(self, said: messages.Register) -> None:
        if said.endpoint_name == self.name:
            self.on_frame(Plugins(infos_of(said.plugins)))
            return
        log.error("endpoint %s is ended: it registered again, under another name", self.name)
        self._end(Bye("an endpoint has one name on one connection", retry=False, code=ProtocolError.code))

    def _skip(self, why: str) -> None:
        self._unreadable += 1
        level = logging.WARNING if self._unreadable <= SAID_ALOUD else logging.DEBUG
        log.log(level, "endpoint %s: skipped: %s", self.name, why)

    # -- what goes ---------------------------------------------------------------------------------------------

    def send(self, frame: AnyFrame) -> None:
        """Send what this release has a message for, which is the topology: always all of it, names alone."""
        if not isinstance(frame, Topology):
            return
        before = {} if frame.full else self._names
        names = {name: plugins for name, plugins in before.items() if name not in frame.removed}
        names |= {name: messages.Names(list(info.plugins)) for name, info in frame.endpoints.items()}
        if frame.full or names != self._names:
            self._names = names
            self._write(to_json(messages.Topology(names)))

    def _write(self, message: bytes, binary: bool = False) -> None:
        if self.closed.done():
            return
        try:
            self._socket.send(message, binary)
        except TransportClosedError as error:
            self.down(str(error))

    # -- alive or not ------------------------------------------------------------------------------------------

    async def probe(self, seconds: float) -> bool:
        """Ask the endpoint whether it is there; return whether anything was heard within so many seconds."""
        self._heard.clear()
        self._ping(self._loop.time())
        self._write(to_json(messages.Ping()))
        try:
            await asyncio.wait_for(self._heard.wait(), seconds)
        except asyncio.TimeoutError:
            return False
        return not self.closed.done()

    def pong(self, data: bytes) -> None:
        """Take the answer to a ping of the WebSocket's own."""
        self._alive(float(data) if data and data == self._pinged else None)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self.limits.ping_interval)
            now = self._loop.time()
            if self.liveness.look(now) == "lost":
                self.down(f"nothing was heard for {self.liveness.lost_after:g} s")
                return
            self._say_state()
            self._ping(now)
            if now - self._beat >= HEARTBEAT:
                self._beat = now
                self._write(to_json(messages.Ping()))

    def _ping(self, now: float) -> None:
        self._pinged = repr(now).encode()
        self._socket.ping(self._pinged)

    def _alive(self, ping_time: float | None = None) -> None:
        self.liveness.heard(self._loop.time(), ping_time)
        self._heard.set()
        self._say_state()

    def _say_state(self) -> None:
        if self.liveness.state != self._state:
            self._state = self.liveness.state
            self.on_state(self._state)

    # -- the end -----------------------------------------------------------------------------------------------

    async def close(self, bye: Bye | None = None) -> None:
        """Say goodbye, in the one form there is: ``shutdown`` where the endpoint must not come back."""
        self._end(bye or Bye("closed here"))

    def _end(self, bye: Bye) -> None:
        if not bye.retry:
            self._write(to_json(messages.Shutdown(bye.reason)))
        self._down(bye.reason, 1001 if bye.retry else 1000)

    def hung_up(self, code: int, reason: str) -> None:
        """Note that the endpoint has closed its connection; with 1000 it ends, and has nothing more to say."""
        self._down(reason, 1000, Bye(reason) if code == 1000 else None)

    def down(self, reason: str) -> None:
        """Note that the link has ended: open calls fail, the connection is closed. A second time does nothing."""
        self._down(reason, 1001)  # what its own bridge closes with when it stops: the endpoint dials again

    def _down(self, reason: str, code: int, bye: Bye | None = None) -> None:
        if self.closed.done():
            return
        self.closed.set_result(Down(reason, bye))
        self._watcher.cancel()
        self._socket.close(code, reason)
        self._asking.fail_all(self.lost_error(reason))
