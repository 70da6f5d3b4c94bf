"""The OpenAPI document of a bridge: its own routes, and what the plugins of its endpoints say of theirs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec

from orbit_jupyter._version import __version__
from orbit_jupyter.plugin import Route, add_routes, document
from orbit_jupyter.protocol import BadRequestError, Call, Fail, InvalidFieldError, Principal, Reply

from .hub import Hub

PATIENCE = 5.0
"""Seconds that a plugin has to describe itself; one that is slower is left out, and the document says so."""

STREAM: dict[str, Any] = {
    "get": {
        "summary": "Server-sent events: the topology first, then notifications, each with an id to go on from.",
        "operationId": "get_events",
        "parameters": [
            {"name": name, "in": "query", "required": False, "schema": {"type": "string"}}
            for name in ("endpoint", "plugin", "topic")
        ],
        "responses": {
            "200": {"description": "A stream without end.", "content": {"text/event-stream": {}}},
            "403": {"description": "Log in first; or you may not read on this bridge."},
        },
    }
}


class ApiDocument:
    """Puts the document together.

    Parameters
    ----------
    hub
        Where plugins are asked.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.routes: Sequence[Route] = ()
        """The bridge's own."""

    async def document(self, principal: Principal, *, plugins: bool = True) -> dict[str, Any]:
        """Return the document as `principal` may see it."""
        doc = document("Orbit", __version__, "A bridge to endpoints and their plugins.", self._hub.url)
        # What a caller's header or time may be wrong about stands for every route.
        add_routes(doc, self.routes, tag="bridge", errors=(BadRequestError, InvalidFieldError))
        doc["paths"]["/events"] = STREAM
        if plugins:
            wanted = [
                (entry.name, name)
                for entry in self._hub.registry
                for name, info in entry.plugins.items()
                if info.enabled
            ]
            found = await asyncio.gather(*(self._ask(*one, principal) for one in wanted))
            for (endpoint, plugin), part in zip(wanted, found, strict=True):
                _add_part(doc, f"{endpoint}/{plugin}", part)
        return doc

    async def _ask(self, endpoint: str, plugin: str, principal: Principal) -> Reply | Fail:
        answered: asyncio.Future[Reply | Fail] = asyncio.get_running_loop().create_future()
        call = Call(id=0, endpoint=endpoint, method="GET", path=f"/{plugin}/openapi.json", time_left=PATIENCE)
        self._hub.call(call, principal, partial(_settle, answered))
        return await answered


def _settle(answered: asyncio.Future[Reply | Fail], reply: Reply | Fail) -> None:
    if not answered.done():  # who asked may have gone
        answered.set_result(reply)


def _add_part(doc: dict[str, Any], name: str, part: Reply | Fail) -> None:
    """Add what a plugin says of itself; of its own routes alone, since an endpoint is a foreign machine."""
    try:
        if isinstance(part, Fail):
            raise TypeError(part.message)
        said = msgspec.json.decode(part.body)
        paths = {path: about for path, about in said["paths"].items() if path.startswith(f"/{name}/")}
        space = name.replace("/", ".") + "."
        schemas = said["components"]["schemas"]
        own = {key: shape for key, shape in schemas.items() if key.startswith(space)}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError, AttributeError) as error:
        doc.setdefault("x-orbit-missing", {})[f"/{name}"] = f"it doesn't describe itself: {error}"
        return
    doc["paths"].update(paths)
    doc["components"]["schemas"].update(own)
