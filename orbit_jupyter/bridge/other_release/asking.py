"""Calls to such an endpoint: bodies that come in pieces are gathered first, and each call is answered once."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable

from orbit_jupyter.link import Answer, Onward, whole_call
from orbit_jupyter.link.calls import Outgoing
from orbit_jupyter.protocol import (
    Call,
    CallCancelledError,
    Cancel,
    Credit,
    Data,
    DeadlineError,
    Fail,
    OrbitError,
    Reply,
    fail_from,
)

from .answers import answer_of
from .messages import Response, UnreadableMessageError
from .requests import MAX_REQUEST, request_of

log = logging.getLogger("orbit.bridge")


class _Waiting:
    """A call that hasn't ended."""

    __slots__ = ("answer", "onward", "seconds", "timer")

    def __init__(self, answer: Answer, seconds: float) -> None:
        self.answer, self.seconds = answer, seconds
        self.onward: Onward | None = None
        """Takes the rest of a body that comes in pieces."""
        self.timer: asyncio.TimerHandle | None = None


class Asking:
    """The calls of one link that haven't ended.

    Parameters
    ----------
    send
        Sends a message, given with whether it is a binary one.
    limit
        How many may be open at once; one more is refused.
    """

    def __init__(self, send: Callable[[bytes, bool], None], limit: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._send = send
        # Its process may answer a request of an earlier connection on this one: ids must not meet.
        self._id = f"{secrets.token_hex(4)}."
        self._open: Outgoing[_Waiting] = Outgoing(limit)

    def begin(self, call: Call, answer: Answer) -> int:
        """Send a call, once all of its body is there, and return its id; `answer` gets one `Reply` or `Fail`.

        Raises
        ------
        OverloadedError
        """
        waiting = _Waiting(answer, call.time_left)
        id = self._open.open(waiting)
        self._start_clock(id, waiting)
        waiting.onward = whole_call(
            call, lambda frame: self._answer(id, frame), lambda whole, _: self._request(id, whole), MAX_REQUEST
        )
        return id

    def _request(self, id: int, call: Call) -> None:
        try:
            message, binary = request_of(call, f"{self._id}{id}")
        except OrbitError as error:
            self._answer(id, fail_from(error))
        else:
            self._send(message, binary)

    def _start_clock(self, id: int, waiting: _Waiting) -> None:
        if waiting.timer is not None:
            waiting.timer.cancel()
        late = DeadlineError(f"no answer within {waiting.seconds:g} s, the time that was given")
        waiting.timer = self._loop.call_later(max(0.0, waiting.seconds), self._answer, id, fail_from(late))

    def onward(self, id: int, frame: Cancel | Data | Credit) -> None:
        """Take the rest of a call's body, or that nobody waits. Credit isn't needed: answers come whole."""
        waiting = self._open.get(id)
        if waiting is None:
            return
        if isinstance(frame, Cancel):
            # The endpoint can't be told; its answer is dropped when it comes.
            self._answer(id, fail_from(CallCancelledError(f"the call was cancelled: {frame.reason}")))
        elif isinstance(frame, Data) and waiting.onward is not None:
            self._start_clock(id, waiting)  # while a body moves, the time is for standing still
            waiting.onward(frame)

    def responded(self, said: Response) -> None:
        """Take a response."""
        self._answer(self._number(said.req_id), answer_of(said))

    def unreadable(self, error: UnreadableMessageError) -> None:
        """Take a response that can't be read, but for the request that it belongs to."""
        self._answer(self._number(error.req_id), fail_from(error))

    def _number(self, req_id: str) -> int:
        number = req_id.removeprefix(self._id)
        return int(number) if number != req_id and number.isdecimal() and len(number) < 18 else 0

    def _answer(self, id: int, frame: Reply | Fail | Data | Credit) -> None:
        if isinstance(frame, Credit):
            waiting = self._open.get(id)
            if waiting is not None:
                waiting.answer(frame)
            return
        ended = self._open.close(id)
        if ended is None:
            log.debug("an answer came late, or to a request that there isn't, and is dropped")
            return
        if ended.timer is not None:
            ended.timer.cancel()
        ended.answer(frame)

    def fail_all(self, error: OrbitError) -> None:
        """End all calls."""
        for waiting in self._open.close_all():
            if waiting.timer is not None:
                waiting.timer.cancel()
            waiting.answer(fail_from(error))
