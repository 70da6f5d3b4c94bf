"""What the bridge's parts log, with the call that a line belongs to, through the server's own handlers."""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence

from orbit_jupyter.link import current_trace
from orbit_jupyter.link.logs import wanted_level

from .outcomes import Outcome

log = logging.getLogger("orbit.bridge")


class TracedHandler(logging.Handler):
    """Passes records on to Jupyter's handlers, whose formats are not ours to change: the id goes into the text.

    Parameters
    ----------
    handlers
        The server's.
    always
        Level from which records go to every handler, whatever level it has itself.
    """

    def __init__(self, handlers: Sequence[logging.Handler], always: int = logging.CRITICAL) -> None:
        super().__init__()
        self._handlers, self._always = list(handlers), always

    def emit(self, record: logging.LogRecord) -> None:
        trace = getattr(record, "trace", "") or current_trace.get()
        if trace:
            record = copy.copy(record)
            record.msg, record.args = f"{record.getMessage()} [call {trace}]", ()
        for handler in self._handlers:
            if record.levelno >= min(handler.level, self._always):
                handler.handle(record)


def join_server_log(server: logging.Logger) -> int:
    """Have what the parts log go where the server's log goes; return the level.

    It is the server's own, unless a variable has another.
    """
    parts = logging.getLogger("orbit")
    parts.handlers = [TracedHandler(server.handlers)]  # before the look, whose warning goes there, too
    # Not by its name: a server's level may be any number, and have none. A server's logger takes everything, and
    # its handlers choose: what none of them wants isn't worth making a record of, for every call.
    level = max(server.level, min((handler.level for handler in server.handlers), default=server.level))
    try:
        wanted = wanted_level()
    except ValueError as error:
        server.warning("Orbit logs at the server's level: %s", error)
        wanted = None
    if wanted is not None:
        level = int(logging.getLevelName(wanted))
        parts.handlers = [TracedHandler(server.handlers, level)]
    parts.setLevel(level)
    return level


def log_outcome(outcome: Outcome) -> None:
    """Log a call when it is answered; an observer of the hub."""
    where = f"/{outcome.endpoint}{outcome.path}" if outcome.endpoint else outcome.path
    log.debug(
        "%s %s by %s: %d in %.1f ms",
        outcome.method,
        where,
        outcome.user,
        outcome.status,
        outcome.seconds * 1000,
        extra={"trace": outcome.trace},
    )
