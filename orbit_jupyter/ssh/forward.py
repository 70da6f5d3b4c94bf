"""The two kinds of forward: how each is asked for, and which line of ssh says that it stands."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from typing import Protocol

from .hosts import check_host

HERE = "127.0.0.1"
"""Tunnels end on loopback, at both ends: nobody from outside comes in through one."""

# Of a path ssh itself takes `:` for a separator, and `%` and `$` for what it fills in.
_SOCKET = re.compile(r"/[A-Za-z0-9/._@~+=,-]{1,106}")

_ALLOCATED = re.compile(r"^Allocated port (\d{1,5}) for remote forward to ")


class Forward(Protocol):
    """A port at one end of an ssh connection that leads to a host and port beyond the other."""

    def arguments(self, last: int | None) -> tuple[str, ...]:
        """Return ssh's arguments, for a new try; `last` is the port that the last one had."""
        ...

    def port_in(self, line: str) -> int | None:
        """Return the port, where this line of ssh's ``-v`` says that it listens."""
        ...


@dataclass(frozen=True)
class _Forward:
    """Attributes: `target` is ``HOST:PORT``, or the absolute path of a Unix socket."""

    target: str

    def __post_init__(self) -> None:
        check_target(self.target)


@dataclass(frozen=True)
class LocalForward(_Forward):
    """``ssh -L``: a free port here, which leads to `target` as the far side sees it."""

    def arguments(self, last: int | None) -> tuple[str, ...]:
        return ("-L", f"{HERE}:{last if last is not None and _is_free(last) else _free_port()}:{self.target}")

    def port_in(self, line: str) -> int | None:
        match = re.match(r"^debug1: Local forwarding listening on 127\.0\.0\.1 port (\d{1,5})\.", line)
        return int(match[1]) if match else None


@dataclass(frozen=True)
class RemoteForward(_Forward):
    """``ssh -R``: a free port at the far side, which leads to `target` as this side sees it."""

    def arguments(self, last: int | None) -> tuple[str, ...]:
        return ("-R", f"{HERE}:0:{self.target}")

    def port_in(self, line: str) -> int | None:
        match = _ALLOCATED.match(line)
        return int(match[1]) if match else None


def check_target(target: str) -> str:
    """Return `target` if it is ``HOST:PORT``, with brackets around an IPv6 address, or the path of a Unix socket.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if _SOCKET.fullmatch(target):
        return target
    host, _, port = target.rpartition(":")
    check_host(host[1:-1] if host.startswith("[") and host.endswith("]") else host)
    if ":" in host.strip("[]") and not host.startswith("["):
        raise ValueError(f"{target[:80]!r}: put the address into brackets")
    if not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        raise ValueError(f"{target[:80]!r} is neither HOST:PORT nor the path of a socket")
    return target


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((HERE, port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    # Another may take it before ssh does: then ssh fails, and the next try takes another.
    with socket.socket() as tried:
        tried.bind((HERE, 0))
        port: int = tried.getsockname()[1]
    return port
