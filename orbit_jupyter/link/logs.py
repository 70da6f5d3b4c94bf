"""How a process of Orbit's logs: at which level, and with the id of the call that a line belongs to."""

from __future__ import annotations

import logging
import os

from .context import current_trace

LEVEL_VARIABLES = ("RADICAL_ORBIT_LOG_LVL", "RADICAL_LOG_LVL")
FILE_VARIABLE = "RADICAL_ORBIT_LOG_FILE"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")

FORMAT = "%(asctime)s %(levelname)s %(trace)s %(message)s"
"""Of endpoints and their child hosts; ``-`` stands where a line belongs to no call."""


def log_level(given: str | None = None, default: str = "INFO") -> str:
    """Return the level to log at: what is given, else of the first variable that is set, else `default`.

    Raises
    ------
    ValueError
        If it is no level.
    """
    places = [("the log level", given), *((f"${name}", os.environ.get(name)) for name in LEVEL_VARIABLES)]
    where, found = next(((where, level) for where, level in places if level), ("", default))
    if found.upper() not in LEVELS:
        raise ValueError(f"{where} is {found!r}; it must be one of {', '.join(LEVELS)}")
    return found.upper()


class TraceFilter(logging.Filter):
    """Gives each record the attribute `trace`, for formats: ``%(trace)s``; ``-`` outside of any call."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through."""
        record.trace = getattr(record, "trace", "") or current_trace.get() or "-"
        return True


def follow_environment() -> None:
    """Have the client log where a level variable is set; otherwise its program's own settings count."""
    if not any(os.environ.get(name) for name in LEVEL_VARIABLES):
        return
    orbit = logging.getLogger("orbit")
    orbit.setLevel(log_level())
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
