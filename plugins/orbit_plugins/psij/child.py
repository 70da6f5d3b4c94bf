"""One endpoint that is a job: what is kept of it, and its tunnel while it lives."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import msgspec

from orbit_jupyter.plugin import OrbitError
from orbit_jupyter.ssh import RemoteForward, Rendezvous, RequestError, Tunnel, TunnelState

from .answers import TunnelStatus

log = logging.getLogger("orbit.psij")

PATIENCE = 120.0
"""Seconds in which a reverse tunnel has to stand, at first and again; then its job is cancelled."""

NO_TUNNEL: TunnelStatus = {"endpoint_name": "", "status": "no_tunnel", "port": None, "pid": None, "error": None}


class Child(msgspec.Struct, kw_only=True):
    """What is kept of an endpoint that is a job.

    Attributes
    ----------
    tunnel
        As it was asked for.
    target
        What a reverse tunnel leads to, as this host sees it; None: this endpoint's own bridge.
    token_id
        The public id of its token, whose file was written here, and goes with it.
    error
        Why its tunnel was given up.
    """

    name: str
    job_id: str
    tunnel: str = "none"
    target: str | None = None
    token_id: str | None = None
    error: str | None = None


class WatchedChild:
    """An endpoint while it lives. Whoever changes its tunnel holds `lock`.

    Attributes
    ----------
    over
        Whether it has ended, and was cleared away.
    """

    def __init__(self, child: Child) -> None:
        self.child = child
        self.rendezvous = Rendezvous(child.name)
        self.lock = threading.Lock()
        self.over = False
        self._tunnel: Tunnel | None = None
        self._served = ("", "")
        """The request that the tunnel is for, and what it leads to."""

    @property
    def asks(self) -> bool:
        """Whether it may ask for a tunnel to be opened from here, and wasn't given up."""
        return self.child.tunnel in ("reverse", "auto") and self.child.error is None

    def serve(self, bridge_end: Callable[[], str]) -> str | None:
        """Open the tunnel that is asked for; return why it has to be given up, or None."""
        try:
            asked = self.rendezvous.asked()
        except RequestError as error:
            return str(error)
        if asked is not None:
            request, mark = asked
            try:
                target = self.child.target or bridge_end()
            except OrbitError as error:
                log.info("endpoint %s waits for its tunnel: %s", self.child.name, error)
                return None
            if self._served != (mark, target):
                self.close_tunnel()
                told = _Offers(self.rendezvous)
                self._tunnel = Tunnel(request.hostname, RemoteForward(target), told=told, patience=PATIENCE)
                self._served = (mark, target)
                self._tunnel.start()
        if self._tunnel is not None and self._tunnel.state.status == "failed":
            return self._tunnel.state.error or "the tunnel failed"
        return None

    def close_tunnel(self) -> None:
        """Close its tunnel, if it has one."""
        if self._tunnel is not None:
            self._tunnel.close()

    def withdraw_earlier(self) -> None:
        """Withdraw the port of an earlier life's ssh of ours, which has ended with it."""
        if self.child.tunnel not in ("reverse", "auto") or self.rendezvous.offered() is None:
            return
        # Where the child runs ssh itself (`auto`), there is no request, and the port is its own.
        try:
            asked = self.rendezvous.asked()
        except RequestError:
            asked = None
        if asked is not None:
            self.rendezvous.withdraw()

    def status(self) -> TunnelStatus:
        """Return how its tunnel is doing."""
        child, tunnel = self.child, self._tunnel
        answer: TunnelStatus = {**NO_TUNNEL, "endpoint_name": child.name, "error": child.error}
        if child.tunnel == "none":
            return answer
        if child.error is not None:
            return {**answer, "status": "failed"}
        if tunnel is not None:
            state = tunnel.state
            status = "pending" if state.status == "closed" else state.status
            return {**answer, "status": status, "port": state.port, "pid": state.pid, "error": state.error}
        # The child's own ssh, or none yet.
        port = self.rendezvous.offered()
        if port is None:
            return {**answer, "status": "pending"}
        return {**answer, "status": "active", "port": port, "pid": self.rendezvous.pid}


class _Offers:
    """Says at the rendezvous how a tunnel is doing; called in the tunnel's thread."""

    def __init__(self, rendezvous: Rendezvous) -> None:
        self._rendezvous = rendezvous

    def __call__(self, state: TunnelState) -> None:
        if state.port is not None and state.pid is not None:
            self._rendezvous.offer(state.port, state.pid)
        else:
            self._rendezvous.withdraw()
