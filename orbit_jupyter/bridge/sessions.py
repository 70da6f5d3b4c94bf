"""Connections that may go on over another socket, by a name that only their two ends know. No I/O."""

from __future__ import annotations

import secrets

from orbit_jupyter.link import Link

MAX_WAITING = 64
"""Connections of one user that wait for a socket at once; one more ends the one that has waited longest."""


class Sessions:
    """The connections of one bridge."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[str, Link]] = {}
        self._unlimited: set[str] = set()

    @staticmethod
    def new_name() -> str:
        """Return a name that nobody can guess."""
        return secrets.token_urlsafe(16)

    def add(self, name: str, user: str, link: Link, *, limited: bool = True) -> None:
        """Enter a connection of a user; it is taken out when it goes down.

        Parameters
        ----------
        limited
            Whether it counts for `limit`. Endpoints don't: there is one a name, and a user may have a thousand of
            them, which all lose their sockets at once.
        """
        self._open[name] = user, link
        if not limited:
            self._unlimited.add(name)
        link.closed.add_done_callback(lambda _: self._remove(name))

    def _remove(self, name: str) -> None:
        self._open.pop(name, None)
        self._unlimited.discard(name)

    def get(self, name: str, user: str, received: int) -> Link | None:
        """Return the user's connection of that name, if its far side can go on after so many frames."""
        owner, link = self._open.get(name, ("", None))
        return link if link is not None and owner == user and link.can_resume(received) else None

    def limit(self, user: str) -> None:
        """End those of a user that have waited longest for a socket, where there are too many."""
        waiting = [
            link
            for name, (owner, link) in self._open.items()
            if owner == user and not link.attached and name not in self._unlimited
        ]
        for link in waiting[:-MAX_WAITING]:
            link.down("too many connections of this user wait for their sockets")
