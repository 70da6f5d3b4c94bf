"""What became of each call: one small record when it is answered, for those who count and those who keep a log."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

import msgspec

from orbit_jupyter.link import Answer, Onward, ends_call
from orbit_jupyter.protocol import Call, Cancel, Credit, Data, Fail, Reply

log = logging.getLogger("orbit.bridge")


class Outcome(msgspec.Struct, frozen=True):
    """How a call ended. It holds the call itself: nothing is copied for what an observer may not look at."""

    call: Call
    """With the principal that the bridge has put on it."""
    status: int
    """HTTP status; an endpoint says it, so it can be any number."""
    code: str
    """Code of the error, empty where a handler has answered."""
    seconds: float
    """From the hub to the end of its answer."""
    reply_bytes: int
    streamed_bytes: int = 0
    """Of the call's body, what came after the call itself."""

    @property
    def user(self) -> str:
        """Who has called."""
        return self.call.principal.user if self.call.principal is not None else ""

    @property
    def endpoint(self) -> str:
        """The endpoint that was called, whether there is one or not; empty: the bridge's own routes."""
        return self.call.endpoint

    @property
    def plugin(self) -> str:
        """The plugin that was called, as the path has it, whether there is one or not; of own routes, empty."""
        return self.call.path.lstrip("/").partition("/")[0] if self.call.endpoint else ""

    @property
    def method(self) -> str:
        """HTTP method."""
        return self.call.method

    @property
    def path(self) -> str:
        """Path behind the endpoint's name."""
        return self.call.path

    @property
    def trace(self) -> str:
        """The call's id from cell to plugin."""
        return self.call.trace

    @property
    def request_bytes(self) -> int:
        """Length of the call's body, as far as it came."""
        return len(self.call.body) + self.streamed_bytes


Observer = Callable[[Outcome], None]
"""Takes the record of a call on the bridge's loop, just before its answer goes out: it must be quick."""


class BodyCount:
    """How much of a body has come in pieces."""

    def __init__(self) -> None:
        self.bytes = 0

    def counting(self, onward: Onward | None) -> Onward:
        """Return what passes on what a caller says, and counts its body."""

        def count(frame: Cancel | Data | Credit) -> None:
            if isinstance(frame, Data):
                self.bytes += len(frame.data)
            if onward is not None:
                onward(frame)

        return count


def noted(call: Call, answer: Answer, observers: Sequence[Observer], body: BodyCount | None = None) -> Answer:
    """Return an answer that tells the observers before the call ends, and drops what comes after."""
    began = time.perf_counter()
    waiting = True
    status = size = 0

    def note(frame: Reply | Fail | Data | Credit) -> None:
        nonlocal waiting, status, size
        if not waiting:
            return
        if isinstance(frame, Credit):
            answer(frame)
            return
        code = ""
        if isinstance(frame, Fail):
            status, code = frame.status, frame.code
        elif isinstance(frame, Reply):
            status, size = frame.status, len(frame.body)
        else:
            size += len(frame.data)
        if not ends_call(frame):
            answer(frame)
            return
        waiting = False
        streamed = body.bytes if body is not None else 0
        outcome = Outcome(call, status, code, time.perf_counter() - began, size, streamed)
        for observe in observers:
            try:
                observe(outcome)
            except Exception:  # who watches must not keep the caller from the answer
                log.exception("an observer of the bridge's calls failed")
        answer(frame)

    return note
