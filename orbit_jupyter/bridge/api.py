"""The OpenAPI document of a bridge: its own routes, and what the plugins of its endpoints say of theirs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from operator import itemgetter
from typing import Any

import msgspec

from orbit_jupyter._version import __version__
from orbit_jupyter.plugin import Route, add_routes, document
from orbit_jupyter.protocol import (
    BadRequestError,
    Call,
    Fail,
    InvalidFieldError,
    Principal,
    Reply,
    TooLargeError,
)

from .hub import Hub

PATIENCE = 5.0
"""Seconds that a plugin has to describe itself; one that is slower is left out, and the document says so."""

MAX_PLUGINS = 200
"""How many plugins are asked, the first of each endpoint before the second of any."""

MAX_PART, MAX_PARTS = 2**20, 6 * 2**20
"""Bytes of one plugin's part, which Jupyter's loop decodes, and of all, so that a link can send the whole."""

MAX_NAMED, MAX_REASON = 1000, 300
"""How many plugins that weren't asked are named, and characters of why one is missing."""

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
            names = self._plugins()
            found = await asyncio.gather(*(self._ask(name, principal) for name in names[:MAX_PLUGINS]))
            left = MAX_PARTS
            for name, part in zip(names[:MAX_PLUGINS], found, strict=True):
                left -= _add_part(doc, name, part, left)
                await asyncio.sleep(0)  # others on this loop have their turn between two parts
            _name_unasked(doc, names[MAX_PLUGINS:])
        return doc

    def _plugins(self) -> list[str]:
        """Return ``endpoint/plugin`` of all, in rounds: an endpoint with many doesn't keep others out."""
        found = [
            (place, f"{entry.name}/{name}")
            for entry in self._hub.registry
            for place, name in enumerate(name for name, info in entry.plugins.items() if info.enabled)
        ]
        return [name for _, name in sorted(found, key=itemgetter(0))]

    async def _ask(self, name: str, principal: Principal) -> Reply | Fail:
        endpoint, _, plugin = name.partition("/")
        call = Call(id=0, endpoint=endpoint, method="GET", path=f"/{plugin}/openapi.json", time_left=PATIENCE)
        return await self._hub.ask(call, principal)


def _add_part(doc: dict[str, Any], name: str, part: Reply | Fail, left: int) -> int:
    """Add what a plugin says of itself, in at most `left` bytes, and return how many it takes.

    Of its own routes alone, since an endpoint is a foreign machine.
    """
    try:
        paths, schemas = _own_part(name, part)
        # Anew, since numbers may be longer than they came.
        size = len(msgspec.json.encode([paths, schemas]))
        if size > left:
            raise TooLargeError(f"the plugins before it take {MAX_PARTS - left} of {MAX_PARTS} bytes")
    except TooLargeError as error:
        reason = error.message
    except _UNREADABLE as error:
        reason = f"it doesn't describe itself: {error}"
    else:
        doc["paths"].update(paths)
        doc["components"]["schemas"].update(schemas)
        return size
    doc.setdefault("x-orbit-missing", {})[f"/{name}"] = reason[:MAX_REASON]
    return 0


_UNREADABLE = (msgspec.DecodeError, ValueError, RecursionError, KeyError, TypeError, AttributeError)
"""What a document raises that isn't one; a `ValueError` is text that isn't UTF-8."""


def _own_part(name: str, part: Reply | Fail) -> tuple[dict[str, Any], dict[str, Any]]:
    if isinstance(part, Fail):
        raise TypeError(part.message)
    if len(part.body) > MAX_PART:
        raise TooLargeError(f"its description has {len(part.body)} bytes, and may have {MAX_PART}")
    said = msgspec.json.decode(part.body)
    paths = {path: about for path, about in said["paths"].items() if path.startswith(f"/{name}/")}
    space = name.replace("/", ".") + "."
    schemas = said["components"]["schemas"]
    return paths, {key: shape for key, shape in schemas.items() if key.startswith(space)}


def _name_unasked(doc: dict[str, Any], names: list[str]) -> None:
    if not names:
        return
    missing = doc.setdefault("x-orbit-missing", {})
    for name in names[:MAX_NAMED]:
        missing[f"/{name}"] = f"not asked: no more than {MAX_PLUGINS} plugins are"
    if len(names) > MAX_NAMED:
        missing["/"] = f"and {len(names) - MAX_NAMED} more"
