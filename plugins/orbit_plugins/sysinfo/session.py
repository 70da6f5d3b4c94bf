"""One client's look at the host."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from orbit_jupyter.plugin import PluginSession

from .answers import Columns, Subscribed, Unsubscribed
from .event import TOPIC
from .history import History
from .provider import SysInfoProvider
from .publisher import Publisher


class Subscription(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``subscribe/{sid}``: seconds between two events."""

    interval: Annotated[float, msgspec.Meta(ge=1, le=3600)] = 5


class SysInfoSession(PluginSession):
    """One client's look at the host.

    Parameters
    ----------
    sid
        Its id.
    provider, publisher, history
        Those of the plugin.
    """

    def __init__(self, sid: str, provider: SysInfoProvider, publisher: Publisher, history: History) -> None:
        super().__init__(sid)
        self._provider, self._publisher, self._history = provider, publisher, history

    def get_metrics(self) -> dict[str, Any]:
        """Return what the host is and how busy; blocks for some seconds at most."""
        return self._provider.get_metrics()

    async def subscribe(self, wanted: Subscription) -> Subscribed:
        """Have events sent; they end with the session."""
        self._publisher.subscribe(self.sid, wanted.interval)
        return {"interval": wanted.interval, "topic": TOPIC}

    async def unsubscribe(self) -> Unsubscribed:
        """Have no more events sent."""
        self._publisher.unsubscribe(self.sid)
        return {"ok": True}

    def get_history(self, seconds: float) -> Columns:
        """Return how busy the host was."""
        return self._history.answer(seconds)

    async def close(self) -> dict[str, Any]:
        """End the subscription with the session."""
        self._publisher.unsubscribe(self.sid)
        return await super().close()
