"""Routes about the server itself: its end, what it offers to browsers, and the description of all routes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypedDict

from orbit_jupyter.plugin import Request, route
from orbit_jupyter.protocol import ConflictError, Reply, ResourceNotFoundError

from ..api import ApiDocument
from ..plugin_modules import PluginModules

# Asked for anew each time, answered with 304 where it hasn't changed.
_JAVASCRIPT = {
    "content-type": "text/javascript; charset=utf-8",
    "cache-control": "no-cache",
    "x-content-type-options": "nosniff",
}
_MODULE = re.compile(r"(?P<plugin>[a-z_][a-z_0-9.]*)\.js")


class Terminating(TypedDict):
    """Of ``/bridge/terminate``."""

    status: str
    message: str


class ServerRoutes:
    """What is neither about endpoints nor about tokens."""

    def __init__(self, terminate: Callable[[], None], modules: PluginModules, api: ApiDocument) -> None:
        self._terminate, self._modules, self._api = terminate, modules, api

    @route.post("bridge/terminate", action="execute", errors=(ConflictError,))
    async def terminate(self) -> Terminating:
        """End the bridge, where it is a server of its own; in a user's Jupyter server that is refused."""
        self._terminate()
        return {"status": "terminating", "message": "the bridge ends; endpoints keep running and dial again"}

    @route.get("plugins/{file}", errors=(ResourceNotFoundError,), media="text/javascript; charset=utf-8")
    async def plugin_module(self, file: str) -> Reply:
        """Return the JavaScript of a plugin that is installed beside the bridge."""
        named = _MODULE.fullmatch(file)
        if named is None:
            raise ResourceNotFoundError(
                f"{file!r} is no plugin's module: PLUGIN.js, in lower-case letters, digits, '_' and '.'"
            )
        body = await self._modules.read(named["plugin"])
        return Reply(id=0, status=200, headers=_JAVASCRIPT, body=body)

    @route.get("openapi.json", answer=dict[str, Any])
    async def openapi(self, request: Request, plugins: bool = True) -> dict[str, Any]:
        """Describe all routes: the bridge's own, and those of the connected endpoints' plugins.

        With ``plugins=false`` only the bridge's own.
        """
        assert request.principal is not None
        return await self._api.document(request.principal, plugins=plugins)
