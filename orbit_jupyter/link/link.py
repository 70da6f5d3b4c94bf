"""A connection that keeps its promises: one answer a call, time left, cancel, streams, bounded queues."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec

from orbit_jupyter.protocol import (
    CHUNK,
    WINDOW,
    AnyFrame,
    BadRequestError,
    Bye,
    Call,
    CallCancelledError,
    Cancel,
    Credit,
    Data,
    DeadlineError,
    EndpointDisconnectedError,
    Fail,
    OrbitError,
    OverloadedError,
    PluginError,
    ProtocolError,
    Reply,
    TooLargeError,
    UnreadableFrameError,
    error_from,
    fail_from,
)

from .calls import Answer, Begun, Incoming, Onward, Outgoing
from .carrier import Carrier
from .gather import whole_answer
from .lanes import Lane, lane_of
from .limits import Limits
from .liveness import State
from .pump import Pump
from .transport import Transport

log = logging.getLogger("orbit.link")

CallHandler = Callable[[Call, Answer], Onward | None]
"""Begins a call and returns who takes what its caller says further; must not block and must not raise."""


class _Waiting:
    """A call of ours that hasn't ended."""

    __slots__ = ("bulk", "moved", "on_answer", "pump", "streaming", "timer", "window")

    def __init__(self, on_answer: Answer, bulk: bool) -> None:
        self.on_answer, self.bulk = on_answer, bulk
        self.timer: asyncio.TimerHandle | None = None
        self.streaming = False
        """Whether its answer has begun."""
        self.window = WINDOW
        """Bytes of its answer that may still come."""
        self.moved = 0.0
        """When the last piece of a body went or came; 0: there was none."""
        self.pump: Pump | None = None


# What the codec raises for text with lone surrogates and numbers beyond 64 bits.
_UNENCODABLE = (TypeError, ValueError, OverflowError)


def _gone(reason: str) -> OrbitError:
    return EndpointDisconnectedError(f"the connection went away before the answer came: {reason}")


class Link(Carrier):
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
        super().__init__(transport, limits=limits or Limits(), on_state=on_state)
        self._on_call, self._on_frame = on_call, on_frame
        self._lost_error = lost_error
        self._outgoing: Outgoing[_Waiting] = Outgoing(self.limits.outgoing_calls)
        self._incoming = Incoming(self.limits.incoming_calls)

    # -- calls of ours -----------------------------------------------------------------------------------------

    def call(self, call: Call, on_answer: Answer) -> int:
        """Send a call (its `id` is replaced by this hop's own) and return the id to go on with it.

        `on_answer` gets one end, whatever dies on the way, also from within this method; see `Answer`. A body that
        is longer than a piece goes as a stream.
        """
        if self.closed.done():
            on_answer(fail_from(self._lost_error(self.closed.result().reason)))
            return 0
        waiting = _Waiting(on_answer, lane_of(call) is Lane.BULK)
        try:
            if self._lanes.size > self.limits.queued_bytes:
                raise OverloadedError("the link's send queue is full", data={"retry_after": 1})
            id = self._outgoing.open(waiting)
        except OverloadedError as error:
            on_answer(fail_from(error))
            return 0
        waiting.timer = self._loop.call_later(max(0.0, call.time_left), self._expire, id, call.time_left)
        try:
            if len(call.body) > CHUNK and not call.more:
                waiting.bulk = True
                waiting.pump = Pump(call.body, lambda data, end: self._send_piece(id, waiting, data, end))
                self.send(msgspec.structs.replace(call, id=id, body=b"", more=True))
                waiting.pump.run()
            else:
                self.send(msgspec.structs.replace(call, id=id))
        except TooLargeError as error:
            self._settle(fail_from(error, id))
        except _UNENCODABLE as error:
            self._settle(fail_from(BadRequestError(f"the call can't be sent: {error}"), id))
        return id

    def _send_piece(self, id: int, waiting: _Waiting, data: bytes, end: bool) -> None:
        waiting.moved = self._loop.time()
        self.send(Data(id, data, end))

    async def request(self, call: Call, *, limit: int = 2**31) -> Reply:
        """Send a call and wait for its whole answer. Cancelling the waiting cancels the call at the far side too.

        Parameters
        ----------
        limit
            Bytes of the answer's body at most.

        Raises
        ------
        OrbitError
            As the far side, or the way there, failed.
        """
        answered: asyncio.Future[Reply | Fail] = self._loop.create_future()
        id = 0

        def on_answer(answer: Reply | Fail) -> None:
            if not answered.done():
                answered.set_result(answer)

        id = self.call(call, whole_answer(on_answer, lambda frame: self.onward(id, frame), limit))
        try:
            answer = await answered
        except asyncio.CancelledError:
            self.cancel(id, "the caller stopped waiting")
            raise
        if isinstance(answer, Fail):
            raise error_from(answer)
        return answer

    def onward(self, id: int, frame: Cancel | Data | Credit) -> None:
        """Say something more in call `id`: the rest of its body, credit for the answer, or that nobody waits."""
        waiting = self._outgoing.get(id)
        if waiting is None:
            return
        if isinstance(frame, Cancel):
            self.cancel(id, frame.reason)
        elif isinstance(frame, Credit):
            waiting.window += frame.size
            self.send(Credit(id, frame.size))
        elif self._lanes.size > self.limits.queued_bytes:
            self._break(id, OverloadedError("the link's send queue is full", data={"retry_after": 1}))
        else:
            waiting.bulk = True
            self._send_piece(id, waiting, frame.data, frame.end)

    def cancel(self, id: int, reason: str = "") -> None:
        """Tell the far side that nobody waits for call `id`. It answers all the same, once."""
        waiting = self._outgoing.get(id)
        if waiting is not None:
            # A cancel must not overtake the call that it cancels.
            lane = Lane.BULK if waiting.bulk and waiting.pump is None else Lane.CALL
            waiting.pump = None
            self._push(lane, Cancel(id=id, reason=reason), id)

    def _break(self, id: int, error: OrbitError, reason: str = "") -> None:
        """End a call of ours with an error of this side."""
        self.cancel(id, reason or error.message)
        self._settle(fail_from(error, id))

    def _expire(self, id: int, seconds: float) -> None:
        waiting = self._outgoing.get(id)
        if waiting is None:
            return
        left = waiting.moved + seconds - self._loop.time() if waiting.moved else 0.0
        if left > 0.001:  # while a body moves, the time is for standing still
            waiting.timer = self._loop.call_later(left, self._expire, id, seconds)
            return
        error = DeadlineError(f"no answer within {seconds:g} s, the time that was given")
        self._break(id, error, "its time is over")

    def _settle(self, answer: Reply | Fail) -> None:
        waiting = self._outgoing.get(answer.id)
        if waiting is None:
            log.debug("an answer to call %d came late and is dropped", answer.id)
            return
        if isinstance(answer, Reply):
            if waiting.streaming:
                self._break(answer.id, ProtocolError("the far side answered twice"))
                return
            if answer.more:
                waiting.streaming = True
                waiting.moved = self._loop.time()
                waiting.on_answer(answer)
                return
        self._end_call(answer.id, waiting)
        waiting.on_answer(answer)

    def _end_call(self, id: int, waiting: _Waiting) -> None:
        self._outgoing.close(id)
        waiting.pump = None
        if waiting.timer is not None:
            waiting.timer.cancel()

    # -- frames in ---------------------------------------------------------------------------------------------

    def _take(self, frame: AnyFrame) -> None:
        if isinstance(frame, Reply | Fail):
            self._settle(frame)
        elif isinstance(frame, Call):
            self._begin(frame)
        elif isinstance(frame, Data | Credit):
            if frame.back:
                self._take_back(frame)
            else:
                self._take_onward(frame)
        elif isinstance(frame, Cancel):
            self._cancelled(frame)
        elif self._on_frame is not None:
            self._on_frame(frame)

    def _take_back(self, frame: Data | Credit) -> None:
        """Take what the handler's side says in a call of ours."""
        waiting = self._outgoing.get(frame.id)
        if waiting is None:
            return
        waiting.moved = self._loop.time()
        if isinstance(frame, Credit):
            if waiting.pump is not None:
                waiting.pump.grant(frame.size)
            else:
                waiting.on_answer(frame)
            return
        waiting.window -= len(frame.data)
        if waiting.window < 0 or not waiting.streaming:
            self._break(frame.id, ProtocolError("the far side sent more of its answer than it was asked for"))
            return
        if frame.end:
            self._end_call(frame.id, waiting)
        waiting.on_answer(frame)

    def _take_onward(self, frame: Data | Credit) -> None:
        """Take what the caller's side says in a call of its own."""
        begun = self._incoming.get(frame.id)
        if begun is None:
            return
        if isinstance(frame, Data):
            begun.window -= len(frame.data)
            if begun.window < 0:
                self._fail_begun(frame.id, ProtocolError("the caller sent more of its body than it was asked for"))
                return
        elif begun.pump is not None:
            begun.pump.grant(frame.size)
            return
        if begun.onward is not None:
            begun.onward(frame)

    def _cancelled(self, frame: Cancel) -> None:
        begun = self._incoming.get(frame.id)
        if begun is not None and begun.pump is not None:  # the handler is done, and its answer on the way
            begun.pump = None
            self._fail_begun(frame.id, CallCancelledError("the call was cancelled"))
        else:
            self._incoming.cancel(frame.id, frame.reason)

    def _fail_begun(self, id: int, error: OrbitError) -> None:
        self._incoming.cancel(id, error.message)
        if self._incoming.end(id):
            self.send(fail_from(error, id))

    def _unreadable(self, error: UnreadableFrameError) -> None:
        log.warning("%s", error)
        if error.id is not None and error.kind in ("reply", "fail"):
            self._break(error.id, error)  # what it began may go on at the far side
        elif error.kind is not None:
            self.send(fail_from(error, error.id or 0))
        else:
            self.send(Bye(reason=str(error), code=error.code))
            self.down(str(error))

    # -- calls of the far side ---------------------------------------------------------------------------------

    def _begin(self, call: Call) -> None:
        id = call.id
        refusal = self._incoming.refusal(id)
        if refusal is not None:
            self.send(refusal)
            return

        def answer(frame: Reply | Fail | Data | Credit) -> None:
            begun = self._incoming.get(id)
            if begun is not None:
                self._answer(id, begun, frame)

        self._incoming.set_onward(id, self._on_call(call, answer))

    def _answer(self, id: int, begun: Begun, frame: Reply | Fail | Data | Credit) -> None:
        try:
            if isinstance(frame, Credit):
                begun.window += frame.size
                self.send(Credit(id, frame.size, back=True))
                return
            if self._lanes.size > self.limits.queued_bytes and not isinstance(frame, Fail):
                raise OverloadedError("the answer found the send queue full", data={"retry_after": 1})
            if isinstance(frame, Data):
                if frame.end:
                    self._incoming.end(id)
                self.send(Data(id, frame.data, frame.end, back=True))
            elif isinstance(frame, Reply) and (frame.more or len(frame.body) > CHUNK):
                self._answer_begins(id, begun, frame)
            else:
                self._incoming.end(id)
                self.send(msgspec.structs.replace(frame, id=id))
        except OrbitError as error:
            self._incoming.cancel(id, error.message)
            self._incoming.end(id)
            self.send(fail_from(error, id))
        except _UNENCODABLE as error:
            self._incoming.end(id)
            self.send(fail_from(PluginError(f"the answer can't be sent: {error}"), id))

    def _answer_begins(self, id: int, begun: Begun, reply: Reply) -> None:
        if begun.streaming or begun.pump is not None:
            return
        if reply.more:
            begun.streaming = True
            self.send(msgspec.structs.replace(reply, id=id))
            return

        def send(data: bytes, end: bool) -> None:
            if end:
                self._incoming.end(id)
            self.send(Data(id, data, end, back=True))

        begun.pump = Pump(reply.body, send)
        self.send(msgspec.structs.replace(reply, id=id, body=b"", more=True))
        begun.pump.run()

    def _ended(self, reason: str) -> None:
        failed = fail_from(self._lost_error(reason))
        for waiting in self._outgoing.close_all():
            if waiting.timer is not None:
                waiting.timer.cancel()
            waiting.on_answer(failed)
        self._incoming.cancel_all(reason)
