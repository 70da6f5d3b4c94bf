"""A connection that keeps its promises: one answer a call, time left, cancel, lanes, bounded queues.

Everything here belongs to one event loop. Who has another thread hops.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from orbit_jupyter.protocol import (
    MAX_BODY,
    AnyFrame,
    BadRequestError,
    Bye,
    Call,
    Cancel,
    DeadlineError,
    EndpointDisconnectedError,
    Fail,
    OrbitError,
    OverloadedError,
    Ping,
    PluginError,
    Pong,
    Reply,
    TooLargeError,
    UnreadableFrameError,
    decode,
    encode,
    error_from,
    fail_from,
)

from .calls import Answer, Canceller, Incoming, Outgoing
from .lanes import Lane, Lanes, lane_of
from .liveness import Liveness, State
from .transport import Transport, TransportClosedError

log = logging.getLogger("orbit.link")

CallHandler = Callable[[Call, Answer], Canceller | None]
"""Begins a call and returns how to cancel it; must not block and must not raise."""


@dataclass(frozen=True)
class Limits:
    """The bounds of one link."""

    outgoing_calls: int = 10_000
    incoming_calls: int = 10_000
    queued_bytes: int = 64 * 2**20
    """Beyond it calls are refused and answers are replaced by a refusal; events wait with their sender."""
    ping_interval: float = 5.0
    suspect_after: float = 5.0
    lost_after: float = 30.0


@dataclass(frozen=True)
class Down:
    """How a link ended."""

    reason: str
    bye: Bye | None = None


@dataclass
class _Waiting:
    on_answer: Answer
    bulk: bool
    timer: asyncio.TimerHandle | None = field(default=None)


# What the codec raises for text with lone surrogates and numbers beyond 64 bits.
_UNENCODABLE = (TypeError, ValueError, OverflowError)


def _check_size(body: bytes) -> None:
    """Refuse what would break the connection, and with it every other call."""
    if len(body) > MAX_BODY:
        raise TooLargeError(f"a body of {len(body)} bytes is over the limit of {MAX_BODY}")


def _gone(reason: str) -> OrbitError:
    return EndpointDisconnectedError(f"the connection went away before the answer came: {reason}")


class Link:
    """One end of a link over a transport.

    Parameters
    ----------
    transport
        What carries the bytes.
    on_call
        Begins a call of the far side.
    on_frame
        Takes every other frame that isn't the link's own business: events, topology, subscriptions.
    on_state
        Takes each change between present and suspect.
    lost_error
        Makes the error that open calls end with when the link goes down.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        on_call: CallHandler,
        on_frame: Callable[[AnyFrame], None] | None = None,
        on_state: Callable[[State], None] | None = None,
        lost_error: Callable[[str], OrbitError] = _gone,
        limits: Limits | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._on_call, self._on_frame, self._on_state = on_call, on_frame, on_state
        self._lost_error = lost_error
        self._outgoing: Outgoing[_Waiting] = Outgoing(self.limits.outgoing_calls)
        self._incoming = Incoming(self.limits.incoming_calls)
        self._lanes = Lanes()
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._bye: Bye | None = None
        self.liveness = Liveness(
            self._loop.time(),
            interval=self.limits.ping_interval,
            suspect_after=self.limits.suspect_after,
            lost_after=self.limits.lost_after,
        )
        self.closed: asyncio.Future[Down] = self._loop.create_future()
        self._tasks = [self._loop.create_task(self._write()), self._loop.create_task(self._watch())]

    # -- calls of ours ------------------------------------------------------------------------------------------

    def call(self, call: Call, on_answer: Answer) -> int:
        """Send a call (its `id` is replaced by this hop's own) and return the id to cancel it by.

        `on_answer` is called exactly once, whatever dies on the way, also from within this method.
        """
        if self.closed.done():
            on_answer(fail_from(self._lost_error(self.closed.result().reason)))
            return 0
        waiting = _Waiting(on_answer, lane_of(call) is Lane.BULK)
        try:
            _check_size(call.body)
            if self._lanes.size > self.limits.queued_bytes:
                raise OverloadedError("the link's send queue is full", data={"retry_after": 1})
            id = self._outgoing.open(waiting)
        except (OverloadedError, TooLargeError) as error:
            on_answer(fail_from(error))
            return 0
        waiting.timer = self._loop.call_later(max(0.0, call.time_left), self._expire, id, call.time_left)
        try:
            self.send(msgspec.structs.replace(call, id=id))
        except _UNENCODABLE as error:
            self._settle(fail_from(BadRequestError(f"the call can't be sent: {error}"), id))
        return id

    async def request(self, call: Call) -> Reply:
        """Send a call and wait for its answer. Cancelling the waiting cancels the call at the far side too.

        Raises
        ------
        OrbitError
            As the far side, or the way there, failed.
        """
        answered: asyncio.Future[Reply | Fail] = self._loop.create_future()

        def on_answer(answer: Reply | Fail) -> None:
            if not answered.done():
                answered.set_result(answer)

        id = self.call(call, on_answer)
        try:
            answer = await answered
        except asyncio.CancelledError:
            self.cancel(id, "the caller stopped waiting")
            raise
        if isinstance(answer, Fail):
            raise error_from(answer)
        return answer

    def cancel(self, id: int, reason: str = "") -> None:
        """Tell the far side that nobody waits for call `id`. It answers all the same, once."""
        try:
            waiting = self._outgoing[id]
        except KeyError:
            return
        # A cancel must not overtake the call that it cancels.
        self._push(Lane.BULK if waiting.bulk else Lane.CALL, Cancel(id=id, reason=reason), id)

    def _expire(self, id: int, seconds: float) -> None:
        self.cancel(id, "its time is over")
        waiting = self._outgoing.close(id)
        if waiting is not None:
            waiting.on_answer(fail_from(DeadlineError(f"no answer within {seconds:g} s, the time that was given")))

    def _settle(self, answer: Reply | Fail) -> None:
        waiting = self._outgoing.close(answer.id)
        if waiting is None:
            log.debug("an answer to call %d came late and is dropped", answer.id)
            return
        if waiting.timer is not None:
            waiting.timer.cancel()
        waiting.on_answer(answer)

    # -- frames in and out ---------------------------------------------------------------------------------------

    def send(self, frame: AnyFrame) -> None:
        """Queue a frame. Frames after the link went down are dropped."""
        self._push(lane_of(frame), frame, getattr(frame, "id", 0))

    async def writable(self) -> None:
        """Wait until the send queue has room; for senders that can wait, as events do."""
        await self._room.wait()

    def _push(self, lane: Lane, frame: AnyFrame, stream: int = 0) -> None:
        if self.closed.done():
            return
        data = encode(frame)
        try:
            if lane <= Lane.CALL and not self._lanes.size and self._transport.send_now(data):
                return
        except TransportClosedError as error:
            self.down(str(error))
            return
        self._lanes.push(lane, data, stream)
        if self._lanes.size > self.limits.queued_bytes // 4:
            self._room.clear()
        self._wake.set()

    def feed(self, data: bytes) -> None:
        """Take one message from the far side; what comes after the end is dropped."""
        if self.closed.done():
            return
        try:
            frame = decode(data)
        except UnreadableFrameError as error:
            self._unreadable(error)
            return
        if self.liveness.heard(self._loop.time()) != self._state:
            self._say_state()
        if isinstance(frame, Reply | Fail):
            self._settle(frame)
        elif isinstance(frame, Call):
            self._begin(frame)
        elif isinstance(frame, Cancel):
            self._incoming.cancel(frame.id, frame.reason)
        elif isinstance(frame, Ping):
            self.send(Pong(frame.time))
        elif isinstance(frame, Pong):
            self.liveness.heard(self._loop.time(), frame.time)
        elif isinstance(frame, Bye):
            self._bye = frame
            self.down(frame.reason)
        elif self._on_frame is not None:
            self._on_frame(frame)

    def _unreadable(self, error: UnreadableFrameError) -> None:
        log.warning("%s", error)
        if error.id is not None and error.kind in ("reply", "fail"):
            self._settle(fail_from(error, error.id))
        elif error.kind is not None:
            self.send(fail_from(error, error.id or 0))
        else:
            self.send(Bye(reason=str(error), code=error.code))
            self.down(str(error))

    def _begin(self, call: Call) -> None:
        id = call.id
        refusal = self._incoming.refusal(id)
        if refusal is not None:
            self.send(refusal)
            return

        def answer(reply: Reply | Fail) -> None:
            if self._incoming.answered(id):
                self._send_answer(msgspec.structs.replace(reply, id=id))

        self._incoming.set_canceller(id, self._on_call(call, answer))

    def _send_answer(self, reply: Reply | Fail) -> None:
        try:
            if isinstance(reply, Reply):
                _check_size(reply.body)
                if self._lanes.size > self.limits.queued_bytes:
                    raise OverloadedError("the answer found the send queue full", data={"retry_after": 1})
            self.send(reply)
        except OrbitError as error:
            self.send(fail_from(error, reply.id))
        except _UNENCODABLE as error:
            self.send(fail_from(PluginError(f"the answer can't be sent: {error}"), reply.id))

    # -- the thin shell ------------------------------------------------------------------------------------------

    async def run(self) -> Down:
        """Read the transport until it ends; for transports that are read, not pushed."""
        try:
            while not self.closed.done():
                self.feed(await self._transport.receive())
        except TransportClosedError as error:
            self.down(str(error))
        finally:
            self.down("the link was stopped")
            await self._finish()
        return self.closed.result()

    def finish_by_itself(self) -> None:
        """Close the transport once the link is down; for transports that push, whose link nobody runs."""

        def finish(_: object) -> None:
            self._ending = self._loop.create_task(self._finish())

        self.closed.add_done_callback(finish)

    _ending: asyncio.Task[None] | None = None

    async def _write(self) -> None:
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while (data := self._lanes.pop()) is not None:
                    await self._transport.send(data)
                    if self._lanes.size <= self.limits.queued_bytes // 8:
                        self._room.set()
                if self.closed.done():
                    return
        except TransportClosedError as error:
            self.down(str(error))
        except Exception as error:
            log.exception("the link's writer failed")
            self.down(f"the writer failed: {error}")

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self.limits.ping_interval)
            now = self._loop.time()
            before = self.liveness.state
            if self.liveness.look(now) == "lost":
                self.down(f"nothing was heard for {self.limits.lost_after:g} s")
                await self._transport.close(1001, "nothing was heard")
                return
            if self.liveness.state != before:
                self._say_state()
            self.send(Ping(now))

    _state: State = "present"

    def _say_state(self) -> None:
        self._state = self.liveness.state
        if self._on_state is not None:
            self._on_state(self._state)

    def down(self, reason: str) -> None:
        """Note that the link has ended: open calls end now, handlers are told. A second time does nothing."""
        if self.closed.done():
            return
        self.closed.set_result(Down(reason, self._bye))
        self._room.set()
        self._wake.set()  # the writer sends what is queued, a Bye above all, and ends
        watcher = self._tasks[1]
        if watcher is not asyncio.current_task():  # who gives the link up closes its transport, too
            watcher.cancel()
        failed = fail_from(self._lost_error(reason))
        for waiting in self._outgoing.close_all():
            if waiting.timer is not None:
                waiting.timer.cancel()
            waiting.on_answer(failed)
        self._incoming.cancel_all(reason)

    async def close(self, bye: Bye | None = None) -> None:
        """Say goodbye, send what is queued, and close the transport."""
        if bye is not None:
            self.send(bye)
        self.down(bye.reason if bye is not None else "closed here")
        await self._finish(bye.reason if bye is not None else "")

    async def _finish(self, reason: str = "") -> None:
        writer, watcher = self._tasks
        watcher.cancel()
        await asyncio.wait({writer}, timeout=2)
        writer.cancel()
        await self._transport.close(1000, reason)
        await asyncio.gather(writer, watcher, return_exceptions=True)
