"""Leaving a cluster: what a join has made is ended and removed, here and there."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence

from orbit_jupyter.protocol import OrbitError

from . import kept
from .asking import Ask
from .bridge_side import BridgeSide
from .errors import JoinError
from .far_side import FarSide
from .kept import Joined
from .master import Master
from .places import control_folder, one_join
from .steps import Kind, OnStep, Step

log = logging.getLogger("orbit.joining")


class Leaving:
    """The end of one join.

    Parameters
    ----------
    bridge
        Which bridge.
    joined
        What was joined.
    remove
        Whether the installation and the endpoint's state go, too.
    ask, on_step
        As for a join.
    """

    def __init__(self, bridge: BridgeSide, joined: Joined, remove: bool, ask: Ask | None, on_step: OnStep) -> None:
        self._bridge, self._joined, self._remove = bridge, joined, remove
        self._ask, self._on_step = ask, on_step
        self._master = Master(joined.host, joined.options, control_folder())
        self._far = FarSide(self._master, joined.python)
        self._tokens = {joined.token_id} - {""}

    def run(self) -> None:
        """Leave.

        Raises
        ------
        OrbitError
            The host couldn't be reached, or refused something. The token is revoked in any case.
        """
        name = self._joined.name
        with one_join(self._master.lock, self._joined.host):
            try:
                self._end_there()
            except OrbitError as error:
                raise JoinError(
                    f"{name} can't use this bridge any more, but {self._joined.host} may still have its process "
                    f"and its files in ~/.radical/orbit; leave again when it can be reached. {error}"
                ) from error
            finally:
                self._revoke()
                others = [one for one in kept.all_kept() if one.name != name and one.master == self._master.key]
                if not others:
                    self._master.close()
            kept.forget(name)
        with contextlib.suppress(OSError):
            if not others:
                self._master.lock.unlink()
        self._say("done", f"{name} has left")

    def _end_there(self) -> None:
        name = self._joined.name
        if not self._master.alive():
            self._say("connect", f"Connecting to {self._joined.host} with ssh")
            self._master.open(self._ask, lambda line: self._say("ssh", line))
        facts = None
        if self._far.python:
            with contextlib.suppress(JoinError):
                facts = self._far("facts", name)
        if facts is None:
            self._far.find_python(None)
            facts = self._far("facts", name)
        record = facts["record"]
        if facts["alive"] and record.get("bridge") != self._bridge.id:
            raise JoinError(f"endpoint {name} there belongs to another bridge; leave it from where it was joined")
        self._say("stop", f"Ending endpoint {name}" if facts["alive"] else f"Endpoint {name} has ended already")
        self._far("stop", name)
        if record.get("bridge") == self._bridge.id:
            self._tokens.add(record["token_id"])
        if self._joined.way:
            self._master.cancel(self._joined.way, self._joined.target)
        self._say("remove", "Removing its files" + (", its state and the installation" if self._remove else ""))
        left = self._far("clean", name, remove=self._remove)
        if left["kept"]:
            self._say("remove", f"The installation stays: other endpoints on {self._joined.host} run from it")

    def _revoke(self) -> None:
        self._say("token", f"Revoking the token of {self._joined.name}")
        for id in self._tokens:
            self._bridge.revoke(id)

    def _say(self, kind: Kind, text: str) -> None:
        self._on_step(Step(kind, text))


def joined_as(host: str, name: str | None, options: Sequence[str]) -> Joined:
    """Return what is meant by a host or a name; where nothing is remembered, as much as can be said of it."""
    found = kept.kept(name) if name else kept.meant(host)
    return found or Joined(name or kept.name_for(host), host, tuple(options), "")
