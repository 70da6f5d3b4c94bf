"""Which call a piece of code works for: carried along by the context, also into worker threads, for logs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

TRACE = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""What the id of a call may be; anything else could forge lines of a log."""

current_trace: ContextVar[str] = ContextVar("orbit_trace", default="")
"""Id of the call, one from cell to plugin; empty outside of any."""

current_user: ContextVar[str] = ContextVar("orbit_user", default="")
"""Who asks, as the bridge says; empty outside of any call."""


def new_trace() -> str:
    """Return the id of a new call."""
    return os.urandom(6).hex()


@contextmanager
def working_for(trace: str, user: str) -> Iterator[None]:
    """Note for the block which call it works for."""
    trace_before, user_before = current_trace.set(trace), current_user.set(user)
    try:
        yield
    finally:
        current_trace.reset(trace_before)
        current_user.reset(user_before)
