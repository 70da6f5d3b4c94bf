"""The way of calls to one endpoint: at once, or in turn where their client has many under way. See `FairShare`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Hashable
from typing import TYPE_CHECKING

import msgspec

from orbit_jupyter.link import Answer, Onward, ends_call
from orbit_jupyter.protocol import (
    Call,
    CallCancelledError,
    Cancel,
    Credit,
    Data,
    DeadlineError,
    Fail,
    OverloadedError,
    Reply,
    fail_from,
)

from .fair_share import FairShare

if TYPE_CHECKING:
    from .registry import Entry

LOOK = 0.1
"""Seconds between two looks after calls that wait, for those that are too old or whose time is over."""


class _Held:
    """A call that waits for its turn."""

    __slots__ = ("answer", "call", "early", "onward", "until")

    def __init__(self, call: Call, answer: Answer, until: float) -> None:
        self.call, self.answer, self.until = call, answer, until
        self.early: list[Data | Credit] = []
        """What its caller said meanwhile."""
        self.onward: Onward | None = None
        """Who takes it once the call doesn't wait any more."""


class Turnstile:
    """Passes calls on to an endpoint.

    Parameters
    ----------
    entry
        The endpoint. Only its owner sees its tracebacks.
    """

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self.share: FairShare[_Held] = FairShare()
        self._passing = False
        self._timer: asyncio.TimerHandle | None = None

    def call(self, call: Call, caller: Hashable, answer: Answer) -> Onward:
        """Send a call, or have it wait: it may not be sent before its client's earlier ones are answered."""
        now = time.monotonic()
        ticket = self.share.go(caller, now)
        if not ticket:
            return self._wait(call, caller, answer, now)
        link, id = self._entry.link, self._send(call, caller, ticket, answer)
        return lambda frame: link.onward(id, frame)

    def _send(self, call: Call, caller: Hashable, ticket: int, answer: Answer) -> int:
        own = call.principal is not None and call.principal.user == self._entry.grant.owner

        def on_answer(frame: Reply | Fail | Data | Credit) -> None:
            if isinstance(frame, Fail) and not own and "traceback" in frame.data:
                shown = {key: value for key, value in frame.data.items() if key != "traceback"}
                frame = msgspec.structs.replace(frame, data=shown)
            others_wait = ends_call(frame) and self.share.ended(caller, ticket)
            answer(frame)
            if others_wait:
                self._go_on()

        return self._entry.link.call(call, on_answer)

    # -- calls that wait -----------------------------------------------------------------------------------------

    def _wait(self, call: Call, caller: Hashable, answer: Answer, now: float) -> Onward:
        share = self.share
        held = _Held(call, answer, now + max(0.0, call.time_left))
        ticket = share.wait(caller, held, _size(call), held.until)
        if not ticket:
            answer(fail_from(_overloaded(call)))
            return _nobody
        self._watch()

        def onward(frame: Cancel | Data | Credit) -> None:
            if held.onward is not None:
                held.onward(frame)
            elif isinstance(frame, Cancel):
                share.leave(caller, ticket)
                held.onward = _nobody
                answer(fail_from(CallCancelledError("the call was cancelled")))
            elif share.grow(caller, ticket, len(frame.data) if isinstance(frame, Data) else 0):
                held.early.append(frame)
            else:
                share.leave(caller, ticket)
                held.onward = _nobody
                answer(fail_from(_overloaded(call)))

        return onward

    def _go_on(self) -> None:
        """Send what has its turn."""
        if self._passing:  # an answer came from within `_pass_on`, whose loop goes on
            return
        self._passing = True
        try:
            while self._pass_on(time.monotonic()):
                pass
        finally:
            self._passing = False

    def _pass_on(self, now: float) -> bool:
        """Send the call whose turn it is; return whether to go on."""
        for late in self.share.overdue(now):
            late.onward = _nobody
            seconds = late.call.time_left
            late.answer(fail_from(DeadlineError(f"no answer within {seconds:g} s, the time that was given")))
        turn = self.share.next(now)
        if turn is None:
            return False
        caller, ticket, held = turn
        link = self._entry.link
        call = msgspec.structs.replace(held.call, time_left=held.until - now)
        id = self._send(call, caller, ticket, held.answer)
        held.onward = lambda frame: link.onward(id, frame)
        for frame in held.early:
            link.onward(id, frame)
        # A link that is full has refused this one, and would refuse the others; one that is gone ends them all.
        return id != 0 or link.closed.done()

    def _watch(self) -> None:
        if self._timer is None and self.share.waiting:
            self._timer = asyncio.get_running_loop().call_later(LOOK, self._look)

    def _look(self) -> None:
        self._timer = None
        self.share.aged()
        self._go_on()
        self._watch()


def _size(call: Call) -> int:
    named = sum(len(name) + len(value) for name, value in call.headers.items())
    return len(call.body) + len(call.path) + len(call.query) + len(call.key) + named


def _overloaded(call: Call) -> OverloadedError:
    message = f"too many calls of yours wait for endpoint {call.endpoint}; wait for some to end"
    return OverloadedError(message, data={"retry_after": 1})


def _nobody(_frame: Cancel | Data | Credit) -> None:
    """Take what is said in a call that has ended."""
