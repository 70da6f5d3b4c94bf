"""How much a socket takes before it is asked to wait."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

UNSENT = 256 * 2**10
"""Bytes that wait in the kernel, beyond what is under way: what lies there no small call can overtake."""

# The number of Linux; the module `socket` has it from Python 3.12 on.
_TCP_NOTSENT_LOWAT = getattr(socket, "TCP_NOTSENT_LOWAT", 25)


def keep_little_unsent(connected: Any) -> None:
    """Have a TCP socket take no more than `UNSENT` in advance; where that can't be said it stays as it is.

    On a fast network it changes nothing. On a slow one megabytes would lie in the kernel, and a small call would
    wait for seconds behind an upload.
    """
    with contextlib.suppress(OSError, AttributeError):
        connected.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, UNSENT)
