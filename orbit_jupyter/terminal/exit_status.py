"""What scripts learn from the exit status of a verb."""

from __future__ import annotations

from enum import IntEnum

from orbit_jupyter.protocol import (
    BadRequestError,
    BridgeConnectionError,
    EndpointDisconnectedError,
    ForbiddenError,
    InvalidFieldError,
    NotFoundError,
    UnauthenticatedError,
)
from orbit_jupyter.verbs import Ending, UsageMistake


class NoCredentials(Exception):
    """No bridge's URL or no token was found, or they can't be used."""


class ExitStatus(IntEnum):
    """How a verb ended."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    CREDENTIALS = 3
    NOT_FOUND = 4
    UNREACHABLE = 5
    INTERRUPTED = 130


EXIT_STATUS_HELP = """\
exit status of a verb:
    0  done; for submit --wait: the job completed
    1  failed; for submit --wait: the job failed or was cancelled
    2  the command line is wrong, or the endpoint refuses what it says
    3  no URL or no token of a bridge was found, or the bridge refuses the token
    4  there is no such endpoint, plugin or job
    5  the bridge or the endpoint can't be reached just now
  130  interrupted; for submit --wait and launch: the job was cancelled
"""

_ENDINGS = {
    Ending.DONE: ExitStatus.DONE,
    Ending.FAILED: ExitStatus.FAILED,
    Ending.INTERRUPTED: ExitStatus.INTERRUPTED,
}

_ERRORS: tuple[tuple[tuple[type[Exception], ...], ExitStatus], ...] = (
    ((UsageMistake, BadRequestError, InvalidFieldError), ExitStatus.USAGE),
    ((NoCredentials, UnauthenticatedError, ForbiddenError), ExitStatus.CREDENTIALS),
    ((NotFoundError,), ExitStatus.NOT_FOUND),
    ((BridgeConnectionError, EndpointDisconnectedError), ExitStatus.UNREACHABLE),
)


def status_of(what: Ending | Exception) -> ExitStatus:
    """Return the exit status for how a verb ended, or for what it raised."""
    if isinstance(what, Ending):
        return _ENDINGS[what]
    return next((status for kinds, status in _ERRORS if isinstance(what, kinds)), ExitStatus.FAILED)
