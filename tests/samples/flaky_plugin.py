"""A plugin for tests that answers a call when it is made again."""

from __future__ import annotations

import asyncio
from typing import Any

from orbit_jupyter.plugin import HTTPException, Plugin, Request, route
from orbit_jupyter.protocol import EndpointDisconnectedError, OverloadedError


class FlakyPlugin(Plugin):
    """Fails at first, and says which calls came."""

    plugin_name = "flaky"

    def __init__(self, app: Any, instance_name: str | None = None) -> None:
        super().__init__(app, instance_name)
        self.keys: dict[str, list[str]] = {}

    def _note(self, request: Request) -> int:
        keys = self.keys.setdefault(request.path_params["name"], [])
        keys.append(request.idempotency_key)
        return len(keys)

    @route.get("keys/{name}")
    async def came(self, request: Request) -> list[str]:
        """Return the keys of the calls of that name that have come."""
        return self.keys.get(request.path_params["name"], [])

    @route.post("overloaded/{name}/{times}/{retry_after}")
    async def overloaded(self, request: Request) -> dict[str, Any]:
        """Be overloaded so many times."""
        if self._note(request) <= int(request.path_params["times"]):
            after = float(request.path_params["retry_after"])
            raise OverloadedError("come again", data={"retry_after": after})
        return {"done": True}

    @route.post("gone/{name}/{times}")
    async def gone(self, request: Request) -> dict[str, Any]:
        """Be gone so many times."""
        if self._note(request) <= int(request.path_params["times"]):
            raise EndpointDisconnectedError("it went away before it answered")
        return {"done": True}

    @route.post("refused/{name}")
    async def refused(self, request: Request) -> None:
        """Say no."""
        self._note(request)
        raise HTTPException(409, "said no")

    @route.post("lost/{name}")
    async def lost(self, request: Request) -> dict[str, Any]:
        """Never answer the first time."""
        if self._note(request) == 1:
            await asyncio.Event().wait()
        return {"done": True}
