"""Frames in lanes over whichever socket there is: what a lost socket hasn't delivered goes over the next one.

Everything here belongs to one event loop. Who has another thread hops.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any

from orbit_jupyter.protocol import (
    MAX_FRAME,
    AnyFrame,
    Bye,
    Call,
    Fail,
    Listeners,
    Ping,
    Pong,
    Reply,
    Seen,
    TooLargeError,
    Topology,
    UnreadableFrameError,
    decode,
    encode,
)

from .delivery import HOLD, Delivery
from .lanes import Lane, Lanes, lane_of
from .limits import Limits
from .liveness import Liveness, State
from .transport import Transport, TransportClosedError

log = logging.getLogger("orbit.link")

GATHER = 64 * 2**10
"""Bytes of small frames that wait for the end of a turn of the loop, to go out together."""

TOGETHER = 0.1
"""Seconds between two looks of all links of a loop after their pings: together, since each wake-up costs."""

UNCOUNTED = frozenset({"ping", "pong", "seen", "bye", "hello", "welcome"})


@dataclass(frozen=True)
class Down:
    """How a link ended."""

    reason: str
    bye: Bye | None = None


class Carrier:
    """One end of a connection, under the calls: lanes, pings, and the change from one socket to the next.

    Parameters
    ----------
    transport
        What carries the bytes at first.
    on_state
        Takes each change between present and suspect.
    """

    def __init__(
        self, transport: Transport, *, limits: Limits, on_state: Callable[[State], None] | None = None
    ) -> None:
        self.limits = limits
        self._loop = asyncio.get_running_loop()
        self._transport: Transport | None = transport
        self._on_state = on_state
        self._delivery = Delivery() if limits.resume_for > 0 else None
        self._again: deque[bytes] | None = None
        self._lanes = Lanes()
        self._gathering = False
        self._gathered: list[tuple[Lane, bytes, int]] = []
        self._gathered_bytes = 0
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._bye: Bye | None = None
        self._state: State = "present"
        self._given_up: asyncio.TimerHandle | None = None
        self._background: set[asyncio.Task[None]] = set()
        self._probes: set[asyncio.Event] = set()
        self.liveness = Liveness(
            self._loop.time(),
            interval=limits.ping_interval,
            # One end's pings do for both. The listener's go first, whose round trip people see.
            quiet=limits.ping_interval * (1.5 if limits.redial_after else 0.9),
            suspect_after=limits.suspect_after,
            lost_after=limits.lost_after,
        )
        self.closed: asyncio.Future[Down] = self._loop.create_future()
        self._writer = self._loop.create_task(self._write())
        self._watcher = self._loop.create_task(self._watch())

    # -- what a subclass does ----------------------------------------------------------------------------------

    def _take(self, frame: AnyFrame) -> None:
        raise NotImplementedError

    def _unreadable(self, error: UnreadableFrameError) -> None:
        raise NotImplementedError

    def _ended(self, reason: str) -> None:
        raise NotImplementedError

    # -- frames out and in -------------------------------------------------------------------------------------

    def send(self, frame: AnyFrame) -> None:
        """Queue a frame. Frames after the link went down are dropped.

        Raises
        ------
        TooLargeError
            A call or an answer is longer than a socket takes. Another frame of that size is dropped.
        """
        try:
            self._push(lane_of(frame), frame, getattr(frame, "id", 0))
        except TooLargeError as error:
            if isinstance(frame, Call | Reply | Fail):
                raise
            log.error("a frame is dropped: %s", error)

    async def writable(self) -> None:
        """Wait until the send queue has room; for senders that can wait, as events do."""
        await self._room.wait()

    def _push(self, lane: Lane, frame: AnyFrame, stream: int = 0) -> None:
        if self.closed.done():
            return
        data = _told_to_all(frame) if isinstance(frame, Topology | Listeners) else encode(frame)
        if len(data) > MAX_FRAME:  # it would end this socket, and each one that it was sent over again
            raise TooLargeError(f"a {type(frame).__name__} of {len(data)} bytes; {MAX_FRAME} is the most")
        if lane <= Lane.CALL and (self._gathering or not self._lanes.size):
            if self._gathering and self._gathered_bytes < GATHER:
                self._gathered.append((lane, data, stream))
                self._gathered_bytes += len(data)
                return
            self._flush()
            if not self._lanes.size and not self._again and self._sent_now([(lane, data, stream)]):
                # A write is dear, whatever its size: what else this turn of the loop has to say goes in one.
                self._gathering = True
                self._loop.call_soon(self._gathered_all)
                return
        self._queue(lane, data, stream)

    def _gathered_all(self) -> None:
        self._gathering = False
        self._flush()

    def _flush(self) -> None:
        gathered = self._gathered
        if not gathered:
            return
        if self._lanes.size or self._again or not self._sent_now(gathered):
            self._gathered_to_lanes()
            self._wake.set()
        else:
            self._gathered, self._gathered_bytes = [], 0

    def _gathered_to_lanes(self) -> None:
        if self._gathered:
            for lane, data, stream in self._gathered:
                self._lanes.push(lane, data, stream)
            self._gathered, self._gathered_bytes = [], 0

    def _queue(self, lane: Lane, data: bytes, stream: int) -> None:
        if self.closed.done():
            return
        self._lanes.push(lane, data, stream)
        if self._lanes.size > 2 * self.limits.queued_bytes:  # refusals and pongs aren't refused
            self.down("the far side sends and doesn't read")
            return
        if self._lanes.size > self.limits.queued_bytes // 4:
            self._room.clear()
        self._wake.set()

    def _sent_now(self, frames: list[tuple[Lane, bytes, int]]) -> bool:
        transport, delivery = self._transport, self._delivery
        if transport is None or (delivery is not None and delivery.kept_bytes > HOLD):
            return False
        try:
            if not transport.send_now(*(data for _, data, _ in frames)):
                return False
        except TransportClosedError as error:
            self.lost(transport, str(error))
            return False
        if delivery is not None:
            for lane, data, _ in frames:
                if lane.counted:
                    delivery.sent(data)
        return True

    def feed(self, data: bytes, via: Transport | None = None) -> None:
        """Take one message from the far side; what comes after the end, or over a given-up socket, is dropped."""
        if self.closed.done() or (via is not None and via is not self._transport):
            return
        try:
            frame = decode(data)
        except UnreadableFrameError as error:
            if error.kind not in UNCOUNTED:
                self._count(data)
            self._unreadable(error)
            return
        if self.liveness.heard(self._loop.time()) != self._state:
            self._say_state()
        for probe in self._probes:
            probe.set()
        kind = type(frame)
        if kind is Ping or kind is Pong or kind is Seen:
            self._beat(frame)
        elif isinstance(frame, Bye):
            self._bye = frame
            self.down(frame.reason)
        else:
            self._count(data)
            self._take(frame)

    def _count(self, data: bytes) -> None:
        if self._delivery is not None and self._delivery.arrived(len(data)):
            self.send(Seen(self._delivery.told()))

    def _beat(self, frame: AnyFrame) -> None:
        assert isinstance(frame, Ping | Pong | Seen)
        if self._delivery is not None:
            self._delivery.acknowledged(frame.received)
            self._wake.set()
        if isinstance(frame, Ping):
            self.send(Pong(frame.time, self._told()))
        elif isinstance(frame, Pong):
            self.liveness.heard(self._loop.time(), frame.time)

    def _told(self) -> int:
        return self._delivery.told() if self._delivery is not None else 0

    @property
    def received(self) -> int:
        """How many counted frames have come: what a `Hello` or `Welcome` says to go on."""
        return self._delivery.received if self._delivery is not None else 0

    # -- one socket after another ------------------------------------------------------------------------------

    @property
    def attached(self) -> bool:
        """Whether there is a socket."""
        return self._transport is not None

    @property
    def state(self) -> State:
        """Present, or suspect: silent, or without a socket just now."""
        return self._state

    async def probe(self, seconds: float) -> bool:
        """Ask the far side whether it is there; return whether anything was heard within so many seconds."""
        if self._transport is None or self.closed.done():
            return False
        heard = asyncio.Event()
        self._probes.add(heard)  # two may ask at once
        self.send(Ping(self._loop.time(), self._told()))
        try:
            await asyncio.wait_for(heard.wait(), seconds)
        except asyncio.TimeoutError:
            return False
        finally:
            self._probes.discard(heard)
        return True

    def lost(self, transport: Transport, reason: str) -> None:
        """Note that a socket is gone. The connection waits for the next one, or goes down where it doesn't."""
        if transport is not self._transport or self.closed.done():
            return
        if self._delivery is None:
            self.down(reason)
            return
        self._transport = None
        self._lanes.drop_uncounted()
        seconds = self.limits.resume_for
        self._given_up = self._loop.call_later(seconds, self.down, f"{reason}, and not back after {seconds:g} s")
        self._in_background(transport.close(1001, reason))
        self._say_state()

    def detach(self) -> None:
        """Take the connection off its socket, half-open or not: from now on nothing more comes over that one.

        Who says in a `Welcome` what has come does this first.
        """
        transport = self._transport
        if transport is not None and self._delivery is not None:
            with contextlib.suppress(TransportClosedError):
                transport.send_now(encode(Bye("the same process has connected again", retry=False)))
            self.lost(transport, "it was taken over")

    def can_resume(self, received: int) -> bool:
        """Whether the connection can go on with a far side that has so many frames."""
        return not self.closed.done() and self._delivery is not None and self._delivery.possible(received)

    def attach(self, transport: Transport, received: int) -> bool:
        """Go on over another socket, whose far side has so many frames; return whether that is possible."""
        if not self.can_resume(received):
            return False
        assert self._delivery is not None
        self.detach()
        self._transport = transport
        if self._given_up is not None:
            self._given_up.cancel()
            self._given_up = None
        self._lanes.drop_uncounted()
        self._again = deque(self._delivery.again(received))
        # The writer may hang in the old socket. What it was about to send is kept, so that nothing is lost.
        self._writer.cancel()
        self._writer = self._loop.create_task(self._write())
        self._wake.set()
        self.liveness.heard(self._loop.time())
        self._say_state()
        return True

    async def run(self) -> Down | None:
        """Read the socket until it ends; for transports that are read, not pushed.

        Returns
        -------
        How the link ended, or None where only the socket did: `attach` another one, and run again.
        """
        transport = self._transport
        if transport is not None and not self.closed.done():
            reading = self._loop.create_task(self._read(transport))
            try:
                waits: set[asyncio.Future[Any]] = {reading, self.closed}
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                self.down("the link was stopped")
                await self._finish()
                raise
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
        if not self.closed.done():
            return None
        await self._finish()
        return self.closed.result()

    async def _read(self, transport: Transport) -> None:
        try:
            await transport.deliver(partial(self.feed, via=transport))
        except TransportClosedError as error:
            self.lost(transport, str(error))

    def finish_by_itself(self) -> None:
        """Close the transport once the link is down; for transports that push, whose link nobody runs."""
        self.closed.add_done_callback(lambda _: self._in_background(self._finish()))

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._background.add(task)  # a loop holds its tasks weakly
        task.add_done_callback(self._background.discard)

    async def _write(self) -> None:
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                transport = self._transport
                while transport is not None and transport is self._transport:
                    data = self._next()
                    if data is None:
                        break
                    try:
                        await transport.send(data)
                    except TransportClosedError as error:
                        self.lost(transport, str(error))
                    if self._lanes.size <= self.limits.queued_bytes // 8:
                        self._room.set()
                if self.closed.done():
                    return
        except Exception as error:
            log.exception("the link's writer failed")
            self.down(f"the writer failed: {error}")

    def _next(self) -> bytes | None:
        self._gathered_to_lanes()  # a body must not overtake its call
        if self._again:
            return self._again.popleft()
        delivery = self._delivery
        if delivery is None:
            popped = self._lanes.pop()
            return popped[1] if popped is not None else None
        if delivery.kept_bytes > HOLD and not self.closed.done():
            return self._lanes.beat()  # the rest waits until the far side says what it has
        popped = self._lanes.pop()
        if popped is None:
            return None
        lane, data = popped
        if lane.counted:
            delivery.sent(data)
        return data

    async def _watch(self) -> None:
        interval = self.limits.ping_interval
        together = min(TOGETHER, interval / 10)
        while True:
            await asyncio.sleep(interval - self._loop.time() % together)
            transport = self._transport
            if transport is None:
                continue
            now = self._loop.time()
            if not self.liveness.ping_due(now):
                continue
            silent_for = self.limits.redial_after
            if self.liveness.look(now) == "lost":
                self.down(f"nothing was heard for {self.limits.lost_after:g} s")
                await transport.close(1001, "nothing was heard")
                return
            if silent_for and self.liveness.silence(now) >= silent_for:
                self.lost(transport, f"nothing was heard for {silent_for:g} s")
                continue
            if self.liveness.state != self._state:
                self._say_state()
            self.send(Ping(now, self._told()))

    def _say_state(self) -> None:
        state: State = self.liveness.state if self._transport is not None else "suspect"
        if state != self._state:
            self._state = state
            if self._on_state is not None:
                self._on_state(state)

    def down(self, reason: str) -> None:
        """Note that the link has ended: open calls end now, handlers are told. A second time does nothing."""
        if self.closed.done():
            return
        self._gathered_to_lanes()
        self.closed.set_result(Down(reason, self._bye))
        if self._given_up is not None:
            self._given_up.cancel()
        self._room.set()
        self._wake.set()  # the writer sends what is queued, a Bye above all, and ends
        if self._watcher is not _current_task():  # who gives the link up closes its transport, too
            self._watcher.cancel()
        self._ended(reason)

    async def close(self, bye: Bye | None = None) -> None:
        """Say goodbye, send what is queued, and close the transport."""
        if bye is not None:
            self.send(bye)
        self.down(bye.reason if bye is not None else "closed here")
        await self._finish(bye.reason if bye is not None else "")

    async def _finish(self, reason: str = "") -> None:
        self._watcher.cancel()
        await asyncio.wait({self._writer}, timeout=2)
        self._writer.cancel()
        if self._transport is not None:
            await self._transport.close(1000, reason)
        await asyncio.gather(self._writer, self._watcher, return_exceptions=True)


_last: tuple[AnyFrame | None, bytes] = None, b""


def _told_to_all(frame: AnyFrame) -> bytes:
    """Encode a frame that goes to many links once: a thousand of them keep the same bytes, not copies."""
    global _last  # noqa: PLW0603 - of all links of a process
    last = _last  # the links of another thread may change it meanwhile
    if last[0] is not frame:
        _last = last = frame, encode(frame)
    return last[1]


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # from a callback of a loop that is ending
        return None
