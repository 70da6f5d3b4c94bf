"""The static form of what a cell shows: a table of the state at this moment, saved with the notebook.

Everything that comes from an endpoint is escaped: it is a foreign machine.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from orbit_jupyter.client import BridgeClient, EndpointClient
from orbit_jupyter.plugin import PluginClient
from orbit_jupyter.verbs import Facts, Table


def render(shown: object) -> dict[str, Any] | None:
    """Return the HTML form of a bridge, an endpoint, a plugin, or what a verb returned; None for anything else."""
    if isinstance(shown, BridgeClient):
        return {"text/html": _bridge(shown)}
    if isinstance(shown, EndpointClient):
        return {"text/html": _endpoint(shown)}
    if isinstance(shown, PluginClient):
        return {"text/html": _plugin(shown)}
    if isinstance(shown, Table | Facts):
        grid = shown.grid
        return {"text/html": _table(grid.title, grid.heads, grid.rows, grid.empty)}
    return None


def _bridge(bridge: BridgeClient) -> str:
    rows = [
        (name, info.endpoint.get("state", ""), info.endpoint.get("hostname", ""), ", ".join(info.plugins))
        for name, info in bridge.aio.topology.items()
    ]
    return _table(
        f"Bridge {bridge.url}", ("Endpoint", "State", "Host", "Plugins"), rows, "No endpoint is connected."
    )


def _endpoint(endpoint: EndpointClient) -> str:
    rows = [
        (name, info["version"], "loaded" if info["enabled"] else f"not loaded: {info['error']}")
        for name, info in endpoint.list_plugins().items()
    ]
    title = f"Endpoint {endpoint.endpoint_id}"
    return _table(title, ("Plugin", "Version", "State"), rows, "It isn't connected.")


def _plugin(plugin: PluginClient) -> str:
    own = [
        (name, (method.__doc__ or "").strip().partition("\n")[0])
        for name, method in vars(type(plugin)).items()
        if not name.startswith("_") and callable(method)
    ]
    title = f"{plugin.plugin_name} on {plugin.endpoint_id}"
    return _table(
        title, ("Call", "What it does"), own, "Use .call(method, route): its own client isn't installed here."
    )


def _table(title: str, heads: Iterable[str], rows: Iterable[Iterable[object]], empty: str) -> str:
    cells = "".join(f"<th style='text-align:left'>{escape(text)}</th>" for text in heads)
    head = f"<thead><tr>{cells}</tr></thead>" if cells else ""
    body = "".join(
        "<tr>" + "".join(f"<td style='text-align:left'>{escape(str(cell))}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    content = f"<table>{head}<tbody>{body}</tbody></table>" if body else f"<p>{escape(empty)}</p>"
    return f"<div><b>{escape(title)}</b>{content}</div>"
