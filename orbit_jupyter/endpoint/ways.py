"""How an endpoint comes to its bridge: straight, or through a tunnel that is kept up as long as it lives."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
from collections.abc import Mapping
from typing import Literal, Protocol, get_args
from urllib.parse import urlsplit

from orbit_jupyter.link import Address
from orbit_jupyter.link.address import LOOPBACK
from orbit_jupyter.protocol import BridgeConnectionError
from orbit_jupyter.ssh import (
    LocalForward,
    Rendezvous,
    Request,
    Tunnel,
    TunnelError,
    TunnelState,
    check_login,
    check_target,
)

log = logging.getLogger("orbit.endpoint")

TunnelMode = Literal["none", "forward", "reverse", "auto"]
MODES: tuple[str, ...] = get_args(TunnelMode)

SUBMIT_HOSTS = ("PBS_O_HOST", "SLURM_SUBMIT_HOST")
"""Variables in which a job finds the host that it was submitted from."""

FORWARD_TIME = 60.0
"""Seconds in which a forward has to stand for the first time; later it is tried for ever."""

REVERSE_TIME = 300.0
"""Seconds that a port is waited for: who opens it looks every two seconds, but may be starting anew itself."""

LOOK = 1.0
"""Seconds between two looks for it."""

DIRECT_TIME = 5.0
"""Seconds in which a bridge that can be reached without a tunnel answers."""


class Way(Protocol):
    """A way to the bridge. Everything here may block."""

    def open(self) -> None:
        """Wait until it stands for the first time.

        Raises
        ------
        TunnelError
            It doesn't come to stand, or `close` was called meanwhile.
        """
        ...

    def through(self) -> str | None:
        """Return what to connect to in place of the bridge, as `Address.through` has it; None: nothing else.

        Raises
        ------
        BridgeConnectionError
            The tunnel is down just now.
        """
        ...

    def close(self) -> None:
        """End it, from any thread."""
        ...


class Forward:
    """``ssh -L`` from here to a login host, which reaches the bridge."""

    def __init__(self, name: str, via: str, target: str) -> None:
        self.via = via
        self._rendezvous = Rendezvous(name)
        self._tunnel = Tunnel(via, LocalForward(target), told=self._told)

    def open(self) -> None:
        self._tunnel.start()
        self._tunnel.wait_until_up(FORWARD_TIME)

    def through(self) -> str:
        state = self._tunnel.state
        if state.port is None:
            raise BridgeConnectionError(state.error or f"the ssh tunnel through {self.via} comes up again")
        return f"127.0.0.1:{state.port}"

    def close(self) -> None:
        self._tunnel.close()

    def _told(self, state: TunnelState) -> None:
        # For `tunnel_status` at the endpoint that has submitted this one.
        if state.port is not None and state.pid is not None:
            self._rendezvous.offer(state.port, state.pid)
        else:
            self._rendezvous.withdraw()


class Reverse:
    """``ssh -R`` to here, opened by the endpoint that has submitted this one; see `Rendezvous`."""

    def __init__(self, name: str, target: str) -> None:
        self._rendezvous = Rendezvous(name)
        host, _, port = target.rpartition(":")
        self._request = Request(name, socket.gethostname(), host.strip("[]"), int(port) if host else 0)
        self._closing = threading.Event()

    def open(self) -> None:
        log.info(
            "waiting for a tunnel: %s asks for it", self._rendezvous.folder / f"{self._request.endpoint_name}.req"
        )
        self._rendezvous.ask(self._request)
        for _ in range(int(REVERSE_TIME / LOOK)):
            if self._rendezvous.offered() is not None:
                return
            if self._closing.wait(LOOK):
                break
        raise TunnelError(
            f"no tunnel came within {REVERSE_TIME:g} s: is the endpoint connected that has submitted this "
            f"one, and does it see {self._rendezvous.folder}? Its log, and tunnel_status there, say what is wrong"
        )

    def through(self) -> str:
        port = self._rendezvous.offered()
        if port is None:
            raise BridgeConnectionError("the tunnel to this host is down; who opens it does so again")
        return f"127.0.0.1:{port}"

    def close(self) -> None:
        self._closing.set()
        self._rendezvous.ask_no_more()


class Straight:
    """No tunnel."""

    def open(self) -> None:
        pass

    def through(self) -> None:
        return None

    def close(self) -> None:
        pass


class Auto:
    """The first way that works: straight, forward, reverse."""

    def __init__(self, name: str, address: Address, via: str | None, target: str | None) -> None:
        self._name, self._address, self._via, self._target = name, address, via, target
        self._lock = threading.Lock()
        self._closed = False
        self._way: Way = Straight()

    def open(self) -> None:
        if self._target is None and answers(self._address):
            log.info("%s can be reached from here without a tunnel", self._address.url)
            return
        target = self._target or target_of(self._address)
        if self._via is not None:
            try:
                self._take(Forward(self._name, self._via, target))
            except TunnelError as error:
                log.warning("%s; trying a reverse tunnel instead", error)
                self._way.close()
            else:
                return
        self._take(Reverse(self._name, target))

    def through(self) -> str | None:
        return self._way.through()

    def close(self) -> None:
        with self._lock:
            self._closed = True
        self._way.close()

    def _take(self, way: Way) -> None:
        with self._lock:
            self._way = way
            if self._closed:
                raise TunnelError("the endpoint ends")
        way.open()


def make_way(
    mode: str,
    name: str,
    address: Address,
    via: str | None,
    target: str | None,
    environ: Mapping[str, str] | None = None,
) -> Way | None:
    """Return the way to the bridge; None where there is nothing to open.

    Parameters
    ----------
    mode
        One of `MODES`.
    name
        The endpoint's.
    via
        Login host of a forward; None: the host that the job was submitted from.
    target
        The bridge as the tunnel's other end sees it, ``HOST:PORT`` or the path of a Unix socket; None: as its URL
        says.

    Raises
    ------
    ValueError
        The mode, the login host or the target can't be, or there is no login host.
    """
    if mode not in MODES:
        raise ValueError(f"tunnel must be one of {', '.join(MODES)}, not {mode!r}")
    if mode == "none":
        return None
    if target is not None:
        check_target(target)
    via = via or login_host(os.environ if environ is None else environ)
    if via is not None:
        check_login(via)
    if mode == "auto":
        return Auto(name, address, via, target)
    if mode == "reverse":
        return Reverse(name, target or target_of(address))
    if via is None:
        raise ValueError(
            f"tunnel forward needs a login host: give --tunnel-via HOST (none of {', '.join(SUBMIT_HOSTS)} is "
            "set, so this isn't a batch job)"
        )
    return Forward(name, via, target or target_of(address))


def login_host(environ: Mapping[str, str]) -> str | None:
    """Return the host that this job was submitted from, if this is one."""
    return next((environ[name] for name in SUBMIT_HOSTS if environ.get(name)), None)


def target_of(address: Address) -> str:
    """Return the bridge's host and port, as its URL says."""
    parts = urlsplit(address.url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def answers(address: Address) -> bool:
    """Return whether the bridge can be reached from here; a loopback address would be somebody else's here."""
    parts = urlsplit(address.url)
    if parts.hostname is None or parts.hostname in LOOPBACK:
        return False
    with contextlib.suppress(OSError):
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname, port), DIRECT_TIME).close()
        return True
    return False
