"""How a process of Orbit's logs: at which level, and with the id of the call that a line belongs to."""

from __future__ import annotations

import logging
import os
from functools import lru_cache

from .context import current_trace

LEVEL_VARIABLES = ("RADICAL_ORBIT_LOG_LVL", "RADICAL_LOG_LVL")
FILE_VARIABLE = "RADICAL_ORBIT_LOG_FILE"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

log = logging.getLogger("orbit.logs")

FORMAT = "%(asctime)s %(levelname)s %(trace)s %(message)s"
"""Of endpoints and their child hosts; ``-`` stands where a line belongs to no call."""


def log_level(given: str | None = None, default: str = "INFO") -> str:
    """Return the level to log at: what is given, else of the first variable that is set, else `default`.

    Raises
    ------
    ValueError
        If what is given, or in Orbit's own variable, is no level.
    """
    return wanted_level(given) or default


def wanted_level(given: str | None = None) -> str | None:
    """Return the level that is given or that a variable has; None: nobody wants a certain one.

    Raises
    ------
    ValueError
        As `log_level` does.
    """
    own, general = LEVEL_VARIABLES
    for where, level in (("the log level", given), (f"${own}", os.environ.get(own))):
        if level:
            if level.upper() not in LEVELS:
                raise ValueError(f"{where} is {level!r}; it must be one of {', '.join(LEVELS)}")
            return level.upper()
    level = os.environ.get(general, "")
    if level and level.upper() not in LEVELS:
        # It is for other tools as well, some of which know DEBUG_5, numbers or OFF.
        _warn_once(f"Orbit ignores ${general}: {level!r} is none of {', '.join(LEVELS)}; ${own} is Orbit's own")
        return None
    return level.upper() or None


@lru_cache(maxsize=64)
def _warn_once(text: str) -> None:
    log.warning("%s", text)


class TraceFilter(logging.Filter):
    """Gives each record the attribute `trace`, for formats: ``%(trace)s``; ``-`` outside of any call."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through."""
        record.trace = getattr(record, "trace", "") or current_trace.get() or "-"
        return True


def follow_environment() -> None:
    """Have the client log where a level variable is set; otherwise its program's own settings count.

    A wrong level is warned of, since a setting for logs must not keep anyone from working.
    """
    try:
        level = wanted_level()
    except ValueError as error:
        _warn_once(f"Orbit's client logs as its program does: {error}")
        return
    if level is None:
        return
    orbit = logging.getLogger("orbit")
    orbit.setLevel(level)
    if not orbit.hasHandlers():
        handler = logging.StreamHandler()
        handler.addFilter(TraceFilter())
        handler.setFormatter(logging.Formatter(FORMAT))
        orbit.addHandler(handler)


def begin_logging(level: str, format: str = FORMAT) -> None:
    """Have this process log to stderr, each line with its call; for programs, never for libraries.

    Where ``$RADICAL_ORBIT_LOG_FILE`` names a file, it logs there as well.

    Raises
    ------
    OSError
        That file can't be written.
    """
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    if file := os.environ.get(FILE_VARIABLE):
        handlers.append(logging.FileHandler(os.path.expanduser(file), encoding="utf-8"))
    for handler in handlers:
        handler.addFilter(TraceFilter())
    logging.basicConfig(level=level, format=format, handlers=handlers)
    logging.getLogger("websockets").setLevel(logging.WARNING)
