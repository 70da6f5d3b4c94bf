"""What a plugin knows about where it is loaded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

Notify = Callable[[str, str, dict[str, Any], str, str], None]
"""(plugin instance, topic, data, session, owner): thread-safe, never blocks."""


def _nowhere(*_: object) -> None:
    """Swallow notifications of a plugin that no host has taken in yet."""


class NameTakenError(ValueError):
    """There is a plugin of that name already."""


async def _no_host(*_: object, **__: object) -> None:
    raise RuntimeError("this plugin isn't loaded into a host")


class AppState:
    """The attributes that plugins read, by the names that radical.orbit gave them.

    Attributes
    ----------
    bridge_url
        Where the bridge answers HTTP, as it told this endpoint; empty before it did.
    endpoint_name
        The name that this endpoint has at the bridge.
    endpoint_service
        The hosting service, or None in a child plugin host.
    is_bridge
        Whether this is the bridge's own host.
    role
        ``bridge``, ``login``, ``compute`` or ``standalone``.
    folder
        Where this endpoint keeps its state.
    add_plugin
        Adds an instance of a plugin class while the host runs: ``(class, name, **arguments)``. Raises
        `NameTakenError` where there is one of that name.
    remove_plugin
        Takes one out, by its name.
    listeners
        The users who have a client connected, or listen to events, as the bridge says; empty without a bridge.
    """

    def __init__(
        self,
        *,
        endpoint_name: str = "",
        bridge_url: str = "",
        role: str = "standalone",
        folder: Path | None = None,
        notify: Notify = _nowhere,
        endpoint_service: Any = None,
    ) -> None:
        self.endpoint_name = endpoint_name
        self.bridge_url = bridge_url
        self.role = role
        self.is_bridge = role == "bridge"
        self.folder = folder
        self.notify = notify
        self.endpoint_service = endpoint_service
        self.listeners: frozenset[str] = frozenset()
        self.add_plugin: Callable[..., Awaitable[None]] = _no_host
        self.remove_plugin: Callable[[str], Awaitable[None]] = _no_host
        self.direct_routes: dict[str, Any] = {}


class App:
    """The host, as a plugin sees it."""

    def __init__(self, state: AppState | None = None) -> None:
        self.state = state or AppState()
