"""What became of each call: one small record when it is answered, for those who count and those who keep a log."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

import msgspec

from orbit_jupyter.link import Answer
from orbit_jupyter.protocol import Call, Fail, Reply

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
    """From the hub to its answer."""
    reply_bytes: int

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
        """Length of the call's body."""
        return len(self.call.body)


Observer = Callable[[Outcome], None]
"""Takes the record of a call on the bridge's loop, just before its answer goes out: it must be quick."""


def noted(call: Call, answer: Answer, observers: Sequence[Observer]) -> Answer:
    """Return an answer that tells the observers first, and drops every answer after the first."""
    began = time.perf_counter()
    waiting = True

    def note(reply: Reply | Fail) -> None:
        nonlocal waiting
        if not waiting:
            return
        waiting = False
        seconds = time.perf_counter() - began
        if isinstance(reply, Fail):
            outcome = Outcome(call, reply.status, reply.code, seconds, 0)
        else:
            outcome = Outcome(call, reply.status, "", seconds, len(reply.body))
        for observe in observers:
            try:
                observe(outcome)
            except Exception:  # who watches must not keep the caller from the answer
                log.exception("an observer of the bridge's calls failed")
        answer(reply)

    return note
