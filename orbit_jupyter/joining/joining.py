"""Joining a cluster, step by step; each step knows how it is taken back."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

from orbit_jupyter.protocol import ConflictError, check_name

from . import already, kept
from .asking import Ask
from .bridge_side import BridgeSide
from .errors import JoinError
from .far_side import FarSide
from .installing import Environments, install, uninstall
from .kept import Joined
from .master import Master
from .places import control_folder, one_join
from .pythons import Python
from .steps import Kind, OnStep, Step
from .undo import Undo
from .wish import Wish

PROBE_TIME = 15.0
"""Seconds in which a connection that is open already has to carry something."""

LOOK = 0.25
"""Seconds between two looks whether the endpoint is connected."""

LOOK_THERE = 3.0
"""Seconds between two looks over there whether its process lives."""


class Joining:
    """One join.

    Parameters
    ----------
    bridge
        Which bridge.
    wish
        Which cluster, and how.
    ask
        Answers ssh's questions; None: it may ask nothing.
    on_step
        Is told each step as it begins.

    Raises
    ------
    ValueError
        The host or the name can't be one.
    """

    def __init__(self, bridge: BridgeSide, wish: Wish, ask: Ask | None, on_step: OnStep) -> None:
        self._bridge, self._wish, self._ask, self._on_step = bridge, wish, ask, on_step
        self._master = Master(wish.host, wish.options, control_folder())
        self.name = check_name(wish.name, "endpoint name") if wish.name else kept.name_for(wish.host)
        self._far = FarSide(self._master)
        self._before = kept.kept(self.name)

    def run(self) -> Joined:
        """Join, and return what to remember of it.

        Raises
        ------
        OrbitError
            As it failed; then everything is as it was before.
        """
        if self._before is not None and self._before.host != self._wish.host:
            raise ConflictError(
                f"{self.name} is {self._before.host}, which was joined before; leave it, or give another name="
            )
        undo = Undo(lambda what: self._say("undo", f"Taking back {what}"))
        with one_join(self._master.lock, self._wish.host), undo:
            connected = self._connect(undo)
            joined = self._join(undo, connected)
            kept.keep(joined)
            undo.forget()
        self._say("done", f"{self.name} is connected")
        return joined

    def _say(self, kind: Kind, text: str) -> None:
        self._on_step(Step(kind, text))

    # -- the connection --------------------------------------------------------------------------------------

    def _connect(self, undo: Undo) -> bool:
        """Connect; return whether the connection was there before."""
        if self._master.alive():
            with contextlib.suppress(JoinError):
                if self._master.run("exit 0", b"", PROBE_TIME)[0] == 0:
                    self._say("connect", f"The ssh connection to {self._wish.host} is open already")
                    return True
            self._master.close()
        self._say("connect", f"Connecting to {self._wish.host} with ssh")
        undo.by("the ssh connection", self._master.close)
        self._master.open(self._ask, lambda line: self._say("ssh", line))
        return False

    def _join(self, undo: Undo, connected: bool) -> Joined:
        python: Python | None = None
        facts: dict[str, Any] | None = None
        if self._before is not None and self._wish.python in (None, self._before.python):
            self._far.python = self._before.python
            with contextlib.suppress(JoinError):  # it may be gone by now
                facts = self._far("facts", self.name)
        if facts is None:
            python = self._find_python()
            facts = self._far("facts", self.name)
        record = facts["record"]
        already.check_place(self.name, self._wish.host, self._bridge, facts)
        if facts["alive"] and already.can_go_on(self.name, self._bridge, record):
            return self._reconnect(undo, record, connected)
        if facts["alive"]:
            self._say("stop", f"Ending endpoint {self.name}, which can't come back to this bridge as it is")
            self._far("stop", self.name)
        return self._begin(undo, facts, python or self._find_python())

    def _find_python(self) -> Python:
        self._say("python", f"Looking for a Python on {self._wish.host}")
        python = self._far.find_python(self._wish.python)
        self._say("python", f"Using {python.name}")
        return python

    # -- an endpoint that runs already -----------------------------------------------------------------------

    def _reconnect(self, undo: Undo, record: dict[str, Any], connected: bool) -> Joined:
        path, target = record["path"], self._bridge.target
        if self._bridge.certificate:
            self._far("trust", self.name, cert=self._bridge.certificate)
        before = self._before
        stands = connected and before is not None and (before.way, before.target) == (path, target)
        if stands and self._far("reaches", self.name, path=path)["reaches"]:
            self._say("tunnel", "The tunnel stands")
        else:
            self._say("tunnel", f"Endpoint {self.name} runs there; opening its tunnel again")
            self._open_tunnel(undo, path)
        self._wait(int(record["pid"]))
        return self._joined(record["token_id"], path)

    # -- a new one -------------------------------------------------------------------------------------------

    def _begin(self, undo: Undo, facts: dict[str, Any], python: Python) -> Joined:
        record = facts["record"]
        already.check_name(self.name, self._bridge, record)
        environment = self._install(undo, facts, python)
        if record.get("bridge") == self._bridge.id:
            self._bridge.revoke(record["token_id"])
        self._say("token", f"Making a token for {self.name}")
        known = self._bridge.tokens(self.name)
        undo.by("the token", self._revoke_all_but, known)
        token_id, token = self._bridge.make_token(self.name)
        undo.by(f"the endpoint's files on {self._wish.host}", self._far, "clean", self.name)
        self._say("tunnel", "Opening the tunnel")
        path = self._open_tunnel(undo)
        self._say("start", f"Starting endpoint {self.name}")
        undo.by("the endpoint", self._far, "stop", self.name)
        started = self._far(
            "start",
            self.name,
            python=environment,
            token=token,
            cert=self._bridge.certificate,
            url=self._bridge.url,
            path=path,
            plugins=self._wish.plugins,
            noted={"token_id": token_id, "bridge": self._bridge.id, "url": self._bridge.url},
        )
        self._wait(started["pid"])
        with contextlib.suppress(JoinError):  # those of earlier releases; it was joined all the same
            self._far("prune", self.name, keep=Path(environment).parts[-3])
        return self._joined(token_id, path)

    def _open_tunnel(self, undo: Undo, path: str = "") -> str:
        """Have the bridge behind a socket over there, and return its path."""
        if self._before is not None:  # a forward that the master has already it wouldn't ask for again
            self._master.cancel(self._before.way, self._before.target)
        made: str = self._far("way", self.name, path=path)["path"]
        target = self._bridge.target
        undo.by("the tunnel", self._master.cancel, made, target)
        self._master.cancel(made, target)
        self._master.forward(made, target)
        return made

    def _install(self, undo: Undo, facts: dict[str, Any], python: Python) -> str:
        def take_back(attempt: str, digest: str) -> None:
            undo.by("the installation", uninstall, self._far, self.name, attempt, digest)

        there = Environments(f"{facts['home']}/.radical/orbit/env", tuple(facts["environments"]))
        return install(self._far, self.name, python, self._wish.packages, there, self._say, take_back)

    def _revoke_all_but(self, known: set[str]) -> None:
        for id in self._bridge.tokens(self.name) - known:
            self._bridge.revoke(id)

    # -- until it is there -----------------------------------------------------------------------------------

    def _wait(self, pid: int) -> None:
        self._say("wait", f"Waiting until {self.name} is connected")
        began = looked = time.monotonic()
        while not self._bridge.is_connected(self.name, pid):
            now = time.monotonic()
            late = now - began > self._wish.timeout
            if late or now - looked > LOOK_THERE:
                looked = now
                seen = self._far("look", self.name)
                if late or not seen["alive"]:
                    what = f"isn't connected after {self._wish.timeout:.0f} s" if seen["alive"] else "has ended"
                    raise JoinError(
                        f"endpoint {self.name} on {self._wish.host} {what}. The end of its log:\n{seen['log']}"
                    )
            time.sleep(LOOK)

    def _joined(self, token_id: str, path: str) -> Joined:
        return Joined(
            name=self.name,
            host=self._wish.host,
            options=self._wish.options,
            python=self._far.python,
            token_id=token_id,
            way=path,
            target=self._bridge.target,
            master=self._master.key,
        )
