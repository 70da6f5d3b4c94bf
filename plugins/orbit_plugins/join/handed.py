"""The bridge, for a join without rights there: what the page has handed over, and what is seen from here."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Any, NoReturn

from orbit_jupyter.joining.bridge_side import BridgeSide
from orbit_jupyter.joining.errors import JoinError
from orbit_jupyter.link import Address

from .bodies import Bridge

SETTLED = 40.0
"""Seconds after which a name that was there all the time is no longer that of a process that has ended: the bridge
gives up one that is silent after 30."""


class HandedBridge(BridgeSide):
    """What a join asks of the bridge, answered without asking it.

    Parameters
    ----------
    address
        Where it is, as this endpoint reaches it.
    told
        What the page knows of it.
    token
        For the endpoint that joins; None: there is none.
    here
        Returns the names that are connected just now.
    check
        Called before each look at the bridge; it may raise.
    spend
        Is given the id of a token that nobody needs any more.
    """

    def __init__(
        self,
        address: Address,
        told: Bridge,
        token: str | None,
        here: Callable[[], Collection[str]],
        check: Callable[[], None],
        spend: Callable[[str], None],
    ) -> None:
        super().__init__(_nobody, address, told.id)
        self._told, self._token, self._here = told, token, here
        self._check, self._spend = check, spend
        self._holder = told.holder
        self._made: set[str] = set()
        self._since: float | None = None

    def __repr__(self) -> str:
        return f"HandedBridge({self.id!r})"

    def saw(self, names: Collection[str], name: str) -> None:
        """Take in which endpoints are connected: whoever had the name is another, once it has gone."""
        if name not in names:
            self._holder, self._since = None, None

    def process_of(self, name: str) -> tuple[str, int] | None:
        """Return who has the name, as the page has seen it; of one that has come since nothing is known."""
        self._check()
        if name not in self._here():
            return None
        return (self._holder.hostname, self._holder.pid) if self._holder is not None else ("another process", 0)

    def is_connected(self, name: str, pid: int) -> bool:
        """Return whether the endpoint is connected that is that process: no other has a token for its name."""
        self._check()
        if name not in self._here():
            self._since = None
            return False
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        return self._holder is None or self._holder.pid == pid or now - self._since > SETTLED

    def tokens(self, name: str) -> set[str]:
        """Return the ids of the tokens for the endpoint."""
        return set(self._told.token_ids) | self._made

    def make_token(self, name: str) -> tuple[str, str]:
        """Return the token that the page has made.

        Raises
        ------
        JoinError
            There is none.
        """
        if self._token is None:
            raise JoinError(f"{name} needs a token, and none was handed over; make one with POST /tokens")
        id = id_of(self._token)
        self._made.add(id)
        return id, self._token

    def revoke(self, id: str) -> None:
        """Say that a token isn't needed any more."""
        self._made.discard(id)
        self._spend(id)

    def give_back(self) -> None:
        """Have the token revoked if nobody has taken it."""
        if self._token is not None and id_of(self._token) not in self._made:
            self._spend(id_of(self._token))
        self._token = None


def id_of(token: str) -> str:
    """Return the public part of a token."""
    return token.split("_", 2)[1]


def _nobody(method: str, path: str, _body: Any) -> NoReturn:
    raise AssertionError(f"a join without rights at the bridge asks {method} {path}")
