"""Sessions: handles with a time to live. They never own the user's work."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from orbit_jupyter.protocol import SessionExpiredError, SessionNotFoundError

if TYPE_CHECKING:
    from .plugin import Plugin


class PluginSession:
    """What one client's use of a plugin needs to remember.

    Parameters
    ----------
    sid
        The session's id.
    """

    _plugin: Plugin | None = None

    def __init__(self, sid: str, **_: Any) -> None:
        self.sid = sid
        self.is_active = True

    async def close(self) -> dict[str, Any]:
        """Give back what the session holds."""
        self.is_active = False
        return {}

    def _check_active(self) -> None:
        """Raise `RuntimeError` after `close`."""
        if not self.is_active:
            raise RuntimeError(f"session {self.sid} is closed")


class _Kept:
    __slots__ = ("session", "used", "user")

    def __init__(self, session: PluginSession, used: float, user: str) -> None:
        self.session, self.used, self.user = session, used, user


class SessionTable:
    """The live sessions of one plugin, and the ids of those that have expired.

    Parameters
    ----------
    ttl
        Seconds without use after which a session expires; 0: never.
    clock
        Seconds, for tests.
    """

    REMEMBERED = 10_000
    """How many expired ids are told from unknown ones."""

    def __init__(self, ttl: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.ttl, self._clock = ttl, clock
        self._kept: dict[str, _Kept] = {}
        self._expired: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Any:
        return iter(list(self._kept))

    def add(self, session: PluginSession, user: str = "") -> None:
        """Keep a new session, and whose it is."""
        self._kept[session.sid] = _Kept(session, self._clock(), user)

    def refresh(self, users: Collection[str]) -> None:
        """Begin the time of these users' sessions anew: they are connected, or listen to events.

        One whose time is over has expired all the same.
        """
        now = self._clock()
        for kept in self._kept.values():
            if kept.user in users and not (self.ttl > 0 and kept.used < now - self.ttl):
                kept.used = now

    def use(self, sid: str) -> PluginSession:
        """Return a session and begin its time anew.

        Raises
        ------
        SessionExpiredError
            It lay idle for too long.
        SessionNotFoundError
            It never was, or was unregistered.
        """
        kept = self._kept.get(sid)
        now = self._clock()
        # One whose time is over has expired, also before `expire` comes round to it.
        if sid in self._expired or (kept is not None and self.ttl > 0 and kept.used < now - self.ttl):
            raise SessionExpiredError(
                f"session {sid} lay idle for more than {self.ttl:g} s and has expired; register a new one"
            )
        if kept is None:
            raise SessionNotFoundError(f"there is no session {sid!r} here; register one")
        kept.used = now
        return kept.session

    def remove(self, sid: str) -> PluginSession:
        """Take a session out; the same errors as `use`."""
        session = self.use(sid)
        del self._kept[sid]
        return session

    def remove_all(self) -> list[PluginSession]:
        """Take out all, expired ones too; the caller closes them."""
        sessions = [kept.session for kept in self._kept.values()]
        self._kept.clear()
        return sessions

    def expire(self) -> list[PluginSession]:
        """Take out those whose time is over; the caller closes them."""
        if self.ttl <= 0:
            return []
        border = self._clock() - self.ttl
        old = [sid for sid, kept in self._kept.items() if kept.used < border]
        for sid in old:
            self._expired[sid] = None
        while len(self._expired) > self.REMEMBERED:
            self._expired.popitem(last=False)
        return [self._kept.pop(sid).session for sid in old]
