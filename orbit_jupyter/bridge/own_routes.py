"""The bridge's own routes, written once: HTTP and the native client come to the same functions."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from orbit_jupyter.host.router import Router
from orbit_jupyter.link import Answer, Canceller, begin
from orbit_jupyter.plugin import App, Request, Route, parse
from orbit_jupyter.protocol import (
    BadRequestError,
    Call,
    ForbiddenError,
    OrbitError,
    Reply,
    fail_from,
)

from .hub import Hub
from .tokens import TokenRecord, TokenStore, parse_duration

log = logging.getLogger("orbit.bridge")

SETTLE = 5.0
"""Seconds that a listing waits for endpoints that are just being started."""

_JSON = {"content-type": "application/json"}


class NewToken(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``POST /tokens``."""

    name: str
    expires: str | None = None


class OwnRoutes:
    """Answers the calls that are for the bridge itself."""

    def __init__(self, hub: Hub, tokens: TokenStore, terminate: Callable[[], None]) -> None:
        self._hub, self._tokens, self._terminate = hub, tokens, terminate
        self._app = App()
        # (method, path, Jupyter's action, handler)
        table: list[tuple[str, str, str, Callable[[Request], Awaitable[Any]]]] = [
            ("POST", "endpoint/list", "read", self.list_topology),
            ("GET", "endpoints", "read", self.list_endpoints),
            ("POST", "endpoint/disconnect/{name}", "write", self.disconnect),
            ("POST", "bridge/terminate", "execute", self.terminate),
            ("GET", "tokens", "read", self.list_tokens),
            ("POST", "tokens", "execute", self.create_token),
            ("DELETE", "tokens/{id}", "write", self.revoke_token),
        ]
        self._router = Router([Route(method, path, handler) for method, path, _, handler in table])
        self._actions = {handler: action for _, _, action, handler in table}
        # The first segments that belong to the bridge; the grammar of names keeps endpoints off them. Under
        # `bridge` its own plugins will be, so of that only whole paths are taken.
        self._paths = frozenset(path for _, path, _, _ in table)
        self.prefixes = frozenset(path.partition("/")[0] for path in self._paths) - {"bridge"}

    def owns(self, path: str) -> bool:
        """Return whether a path under ``/orbit/`` is for the bridge itself."""
        return path in self._paths or path.partition("/")[0] in self.prefixes

    def handle(self, call: Call, answer: Answer) -> Canceller:
        """Begin a call; answered once."""
        return begin(self._run(call, answer), answer)

    async def _run(self, call: Call, answer: Answer) -> None:
        try:
            handler, values = self._router.find(call.method, call.path)
            action = self._actions[handler]
            if call.principal is None or action not in call.principal.scopes:
                raise ForbiddenError(f"you may not {action} on this bridge")
            result = await handler(Request(call, values, self._app))
            answer(Reply(id=0, status=200, headers=_JSON, body=msgspec.json.encode(result)))
        except OrbitError as error:
            answer(fail_from(error))
        except Exception as error:
            log.exception("the bridge's own route %s failed", call.path)
            answer(fail_from(error))

    async def list_topology(self, request: Request) -> dict[str, Any]:
        """Return every endpoint and its plugins."""
        await self._hub.settle(SETTLE)
        return {"data": self.topology()}

    def topology(self) -> dict[str, Any]:
        """Return what ``/endpoint/list`` and the topology event carry."""
        return {"bridge": {"url": self._hub.url}, "endpoints": self._hub.registry.topology()}

    async def list_endpoints(self, request: Request) -> dict[str, Any]:
        """Return a short list of the endpoints."""
        await self._hub.settle(SETTLE)
        listed = []
        for entry in self._hub.registry:
            loaded = [name for name, info in entry.plugins.items() if info.enabled]
            failed = {name: info.error for name, info in entry.plugins.items() if not info.enabled}
            listed.append(
                {
                    "name": entry.name,
                    "plugins": loaded,
                    "connected": True,
                    "plugin_count": len(loaded),
                    "state": entry.state,
                    "failed": failed,
                }
            )
        return {"endpoints": listed, "total": len(listed)}

    async def disconnect(self, request: Request) -> dict[str, Any]:
        """End an endpoint."""
        name = request.path_params["name"]
        if name == "bridge":
            raise BadRequestError("the bridge can't disconnect itself; end its server instead")
        self._hub.disconnect(name)
        return {"status": "shutdown", "endpoint": name}

    async def terminate(self, request: Request) -> dict[str, Any]:
        """End the bridge, where it is a server of its own.

        Raises
        ------
        ConflictError
            It is part of somebody's Jupyter server.
        """
        self._terminate()
        return {"status": "terminating", "message": "the bridge ends; endpoints keep running and dial again"}

    async def list_tokens(self, request: Request) -> dict[str, Any]:
        """Return the tokens, without their secrets."""
        records = await asyncio.to_thread(self._tokens.records)
        return {"tokens": [shown(record) for record in records]}

    async def create_token(self, request: Request) -> dict[str, Any]:
        """Make a token; this answer is the only time that its text is shown."""
        wanted = parse(request.data, NewToken)
        assert request.principal is not None
        token, record = await asyncio.to_thread(
            self._tokens.create, wanted.name, request.principal.user, parse_duration(wanted.expires)
        )
        return {"token": token, **shown(record)}

    async def revoke_token(self, request: Request) -> dict[str, Any]:
        """Remove a token; its endpoints are disconnected."""
        gone = await asyncio.to_thread(self._tokens.revoke, request.path_params["id"])
        self._hub.drop_revoked({record.id for record in gone})
        return {"revoked": [record.id for record in gone]}


def shown(record: TokenRecord) -> dict[str, Any]:
    """Return what people may see of a token."""
    return {
        "id": record.id,
        "name": record.name,
        "owner": record.owner,
        "created": record.created,
        "expires": record.expires,
    }
