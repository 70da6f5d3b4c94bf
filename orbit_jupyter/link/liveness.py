"""Present, suspect or lost: judged from when the far side was last heard. No I/O; the clock is a parameter."""

from __future__ import annotations

from typing import Literal

State = Literal["present", "suspect", "lost"]


class Liveness:
    """The judgement over one link.

    Parameters
    ----------
    now
        Seconds on a clock that never goes back.
    interval
        Seconds between two looks.
    quiet
        Seconds for which nothing was heard before a ping is due.
    suspect_after, lost_after
        Seconds of silence after a ping.
    """

    def __init__(
        self,
        now: float,
        *,
        interval: float = 5.0,
        quiet: float = 0.0,
        suspect_after: float = 5.0,
        lost_after: float = 30.0,
    ) -> None:
        self.interval, self.quiet = interval, quiet
        self.suspect_after, self.lost_after = suspect_after, lost_after
        self.state: State = "present"
        self.round_trip: float | None = None
        self._asked: float | None = None
        self._looked = self._heard = now

    def ping_due(self, now: float) -> bool:
        """Whether to `look` and to ping; not while the far side speaks of itself."""
        if self._asked is None and now - self._heard < self.quiet:
            self._looked = now
            return False
        return True

    def look(self, now: float) -> State:
        """Judge, and note that a ping goes out now.

        A look that itself comes late says that our own loop was held up, not that the far side is silent: what it
        is late by doesn't count.
        """
        late = max(0.0, now - self._looked - self.interval)
        self._looked = now
        if self._asked is None:
            self._asked = now
            return self.state
        self._asked += late
        silent = now - self._asked
        if silent >= self.lost_after:
            self.state = "lost"
        elif silent >= self.suspect_after:
            self.state = "suspect"
        return self.state

    def silence(self, now: float) -> float:
        """Return the seconds since a ping that has no answer yet; 0 where there is none."""
        return 0.0 if self._asked is None else max(0.0, now - self._asked)

    def heard(self, now: float, ping_time: float | None = None) -> State:
        """Note that the far side spoke; `ping_time` is what its pong returned."""
        self._asked = None
        self._heard = now
        self.state = "present"
        if ping_time is not None:
            self.round_trip = max(0.0, now - ping_time)
        return self.state
