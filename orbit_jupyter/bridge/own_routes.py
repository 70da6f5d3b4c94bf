"""The bridge's own routes in one table: HTTP and the native client come to the same functions."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import msgspec

from orbit_jupyter.host.router import Router
from orbit_jupyter.link import Answer, Onward, begin, whole_call, working_for
from orbit_jupyter.plugin import App, Request, Route, routes_of
from orbit_jupyter.protocol import Call, ForbiddenError, OrbitError, Reply, fail_from

from .api import ApiDocument
from .hub import READ_METHODS, Hub
from .plugin_modules import PluginModules
from .routes import EndpointRoutes, ServerRoutes, TokenRoutes
from .tokens import TokenStore

log = logging.getLogger("orbit.bridge")

_JSON = {"content-type": "application/json"}

MAX_OWN_BODY = 2**20
"""Bytes of a body that a route of the bridge itself takes."""


class OwnRoutes:
    """Answers the calls that are for the bridge itself.

    Attributes
    ----------
    routes
        All of them, with their descriptions.
    topology
        Returns what ``/endpoint/list`` and the topology event carry.
    """

    def __init__(
        self, hub: Hub, tokens: TokenStore, terminate: Callable[[], None], modules: PluginModules
    ) -> None:
        self._app = App()
        endpoints, api = EndpointRoutes(hub), ApiDocument(hub)
        groups = (endpoints, TokenRoutes(hub, tokens), ServerRoutes(terminate, modules, api))
        self.topology = endpoints.topology
        self.routes = api.routes = [one for group in groups for one in routes_of(group)]
        self._router = Router(self.routes)
        self._actions = {entry.handler: _action(entry) for entry in self.routes}
        # The first segments that belong to the bridge; the grammar of names keeps endpoints off them. Under
        # `bridge` are its own plugins, so of that only whole paths are taken.
        self._paths = frozenset(entry.path for entry in self.routes)
        self.prefixes = frozenset(path.partition("/")[0] for path in self._paths) - {"bridge"}

    def owns(self, path: str) -> bool:
        """Return whether a path under ``/orbit/`` is for the bridge itself."""
        return path in self._paths or path.partition("/")[0] in self.prefixes

    def handle(self, call: Call, answer: Answer) -> Onward | None:
        """Begin a call; answered once."""
        return whole_call(call, answer, self._begin, MAX_OWN_BODY)

    def _begin(self, call: Call, answer: Answer) -> Onward:
        return begin(self._run(call, answer), answer)

    async def _run(self, call: Call, answer: Answer) -> None:
        with working_for(call.trace, call.principal.user if call.principal else ""):
            await self._answer(call, answer)

    async def _answer(self, call: Call, answer: Answer) -> None:
        try:
            route, values = self._router.find(call.method, call.path)
            action = self._actions[route.handler]
            if call.principal is None or action not in call.principal.scopes:
                raise ForbiddenError(f"you may not {action} on this bridge")
            answer(_reply(await route.handler(Request(call, values, self._app))))
        except OrbitError as error:
            answer(fail_from(error))
        except Exception as error:
            log.exception("the bridge's own route %s failed", call.path)
            answer(fail_from(error))


def _action(entry: Route) -> str:
    return entry.action or ("read" if entry.method in READ_METHODS else "execute")


def _reply(value: Any) -> Reply:
    if isinstance(value, Reply):
        return value
    return Reply(id=0, status=200, headers=_JSON, body=msgspec.json.encode(value))
