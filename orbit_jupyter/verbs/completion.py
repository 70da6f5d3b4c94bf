"""What could stand at the cursor: read off the grammar, and asked of the bridge, briefly."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

from orbit_jupyter.plugin import AsyncPluginClient

from .context import Context, short
from .grammar import COMPLETES, verbs_of

KEPT = 10.0
"""Seconds that an answer is good for; who types presses Tab often."""

Ask = Callable[[str], list[str]]
"""Takes what is wanted (``endpoints``, ``jobs``, …) and returns what there is."""


def complete(parser: argparse.ArgumentParser, words: list[str], begun: str, ask: Ask) -> list[str]:
    """Return what could stand at the cursor.

    Parameters
    ----------
    parser
        The `grammar`.
    words
        The words before.
    begun
        What of the word itself is there.
    ask
        Knows what changes: endpoints, plugins, queues, jobs.
    """
    top, wanting, positionals = parser, None, _positionals(parser)
    for word in words:
        verbs = verbs_of(parser)
        if word == "--":
            return []  # behind it is a command
        if wanting is not None:
            wanting = None
        elif word.startswith("-"):
            action = parser._option_string_actions.get(word)
            wanting = action if action is not None and action.nargs is None else None
        elif word in verbs:
            parser = verbs[word]
            positionals = _positionals(parser)
        elif positionals and positionals[0].nargs == argparse.REMAINDER:
            return []
        elif positionals and positionals[0].nargs != "*":
            positionals.pop(0)
    if wanting is None and begun.startswith("-"):
        candidates = _options(parser)
    elif wanting is None and verbs_of(parser):
        candidates = list(verbs_of(parser))
    else:
        action = wanting or (positionals[0] if positionals else None)
        kind = COMPLETES.get(action.dest) if action is not None else None
        if kind is None:
            candidates = [] if wanting is not None else _options(parser)
        else:
            candidates = list(verbs_of(top)) if kind == "verbs" else ask(kind)
    return sorted(candidate for candidate in candidates if candidate.startswith(begun))


def _options(parser: argparse.ArgumentParser) -> list[str]:
    return [name for name in parser._option_string_actions if name.startswith("--")]


def _positionals(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in parser._actions if not action.option_strings]


class Candidates:
    """Asks the bridge what there is. Nothing here raises or takes long: nobody has asked for it but a Tab.

    Parameters
    ----------
    context
        Where.
    seconds
        The longest that one answer may take.
    """

    def __init__(self, context: Context, seconds: float = 1.0) -> None:
        self._context, self._seconds = context, seconds
        self._kept: dict[tuple[str, str], tuple[float, list[str]]] = {}
        self._plugins: dict[tuple[str, str], AsyncPluginClient] = {}

    def __call__(self, kind: str, on: str | None = None) -> list[str]:
        """Return what there is of a kind, on an endpoint."""
        if kind in ("hosts", "joined"):
            return _clusters(kind)
        until, names = self._kept.get((kind, on or ""), (0.0, []))
        if time.monotonic() < until:
            return names
        try:
            names = self._context.unopened.wait(self._within(self._ask(kind, on)))
        except Exception:
            # No bridge, no such plugin, too slow: there is nothing to offer, and typing goes on.
            names = []
        self._kept[kind, on or ""] = (time.monotonic() + KEPT, names)
        return names

    async def _within(self, asking: Coroutine[Any, Any, list[str]]) -> list[str]:
        return await asyncio.wait_for(asking, self._seconds)

    async def _ask(self, kind: str, on: str | None) -> list[str]:
        listed = await self._context.unopened.aio.call("", "POST", "/endpoint/list")
        endpoints: dict[str, Any] = listed["data"]["endpoints"]
        if kind == "endpoints":
            return list(endpoints)
        endpoint = on or self._context.in_use(endpoints)
        plugins = endpoints.get(endpoint or "", {}).get("plugins", {})
        if kind == "plugins" or endpoint is None:
            return list(plugins)
        if kind == "queues" and "queue_info" in plugins:
            answer = await (await self._plugin(endpoint, "queue_info")).call("GET", "get_info/{sid}")
            return list(answer["queues"])
        if kind in ("executors", "launchers") and "psij" in plugins:
            offers = await self._context.unopened.aio.call(endpoint, "GET", "/psij/executors")
            return [offer["name"] for offer in offers[kind] if offer["available"]]
        if kind == "jobs" and "psij" in plugins:
            answer = await (await self._plugin(endpoint, "psij")).call("GET", "list_jobs/{sid}")
            return [short(job["job_id"]) for job in reversed(answer["jobs"])]
        return []

    async def _plugin(self, endpoint: str, name: str) -> AsyncPluginClient:
        plugin = self._plugins.get((endpoint, name))
        if plugin is None:
            plugin = await self._context.unopened.aio[endpoint].get_plugin(name)
            self._plugins[endpoint, name] = plugin
        return plugin


def _clusters(kind: str) -> list[str]:
    """Return the hosts that can be joined or the names that were; no bridge has to be asked for them."""
    from orbit_jupyter.joining import all_kept, known_hosts

    return known_hosts() if kind == "hosts" else [one.name for one in all_kept()]
