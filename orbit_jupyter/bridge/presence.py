"""Which users are there: with a client connected, or an event stream open. No I/O."""

from __future__ import annotations

from collections import Counter


class Presence:
    """Counts the connections of each user."""

    def __init__(self) -> None:
        self._connections: Counter[str] = Counter()

    @property
    def users(self) -> list[str]:
        """Who is there, by name."""
        return sorted(self._connections)

    def come(self, user: str) -> bool:
        """Count one more connection; return whether `users` has changed."""
        self._connections[user] += 1
        return self._connections[user] == 1

    def go(self, user: str) -> bool:
        """Count one connection less; return whether `users` has changed."""
        self._connections[user] -= 1
        if self._connections[user] > 0:
            return False
        del self._connections[user]
        return True
