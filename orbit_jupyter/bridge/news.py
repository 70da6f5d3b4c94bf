"""What everybody is told: which endpoints there are, and, to endpoints, which users are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from orbit_jupyter.protocol import EndpointInfo, Listeners, PluginInfo, Topology

from .presence import Presence
from .registry import Entry, Registry

COALESCE = 0.05
"""Seconds in which changes of topology are gathered into one."""

Watcher = Callable[[dict[str, EndpointInfo], list[str]], None]
"""Takes the entries that have changed, and the names of those that are gone."""


class News:
    """Tells clients and endpoints, several changes at once: a thousand endpoints may come back together.

    Parameters
    ----------
    registry, presence
        What there is to tell.
    """

    def __init__(self, registry: Registry, presence: Presence) -> None:
        self._registry, self._presence = registry, presence
        self._watchers: set[Watcher] = set()
        self._changed: dict[str, None] = {}
        self._newcomers: list[Entry] = []  # endpoints that were told nothing yet
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, told: Watcher) -> None:
        """Have `told(changed, removed)` called after changes, several at once."""
        self._watchers.add(told)

    def unwatch(self, told: Watcher) -> None:
        """Take back `watch`."""
        self._watchers.discard(told)

    def changed(self, name: str) -> None:
        """Note that an endpoint has come, gone or changed."""
        self._changed[name] = None
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(COALESCE, self._tell)

    def newcomer(self, entry: Entry) -> None:
        """Note an endpoint that is to be told everything."""
        self._newcomers.append(entry)
        self.changed(entry.name)

    def listeners_changed(self) -> None:
        """Tell every endpoint which users are there."""
        frame = self._listeners()
        for entry in self._registry:
            entry.link.send(frame)

    def stop(self) -> None:
        """Tell nothing any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _listeners(self) -> Listeners:
        return Listeners(self._presence.users)

    def _tell(self) -> None:
        self._timer = None
        changed = {name: entry.info() for name in self._changed if (entry := self._registry.get(name))}
        removed = [name for name in self._changed if name not in changed]
        self._changed.clear()
        for told in list(self._watchers):
            told(changed, removed)
        newcomers, self._newcomers = self._newcomers, []
        if newcomers:  # one frame for all of them, which is encoded once
            whole, listeners = Topology(_names_only(self._registry.topology()), full=True), self._listeners()
            for entry in newcomers:
                entry.link.send(whole)
            for entry in newcomers:
                entry.link.send(listeners)
        frame = Topology(_names_only(changed), removed)
        told_already = {id(entry) for entry in newcomers}
        for entry in self._registry:
            if id(entry) not in told_already:
                entry.link.send(frame)


def _names_only(endpoints: dict[str, EndpointInfo]) -> dict[str, EndpointInfo]:
    """Return the topology as endpoints get it: without the pages that only people look at."""
    return {
        name: EndpointInfo(
            endpoint={"type": info.endpoint["type"], "state": info.endpoint["state"]},
            plugins={
                plugin: PluginInfo(type=shown.type, namespace=shown.namespace, version=shown.version)
                for plugin, shown in info.plugins.items()
                if shown.enabled
            },
        )
        for name, info in endpoints.items()
    }
