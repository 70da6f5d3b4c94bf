"""All forms of what a cell shows; each front end takes the first that it can draw.

``application/vnd.orbit.view+json``
    Which view of what, without data: JupyterLab with Orbit's extension draws it live from the bridge, also in a
    notebook that is opened again without a kernel.
``application/vnd.jupyter.widget-view+json``
    The same as a widget: other front ends draw it live through the kernel.
``text/html``
    A picture of the state at this moment.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

import msgspec

from orbit_jupyter.client import BridgeClient, EndpointClient
from orbit_jupyter.plugin import AsyncPluginClient, PluginClient
from orbit_jupyter.verbs import Facts, Table

from .pictures import calls, still
from .static_html import grid
from .view import MIME_TYPE, Kind, View

WIDGET_MIME_TYPE = "application/vnd.jupyter.widget-view+json"

PAGES: dict[str, Kind] = {"psij": "jobs", "queue_info": "queues", "staging": "files", "sysinfo": "monitor"}
"""Types of plugins that have a view of their own; the others are drawn from their `ui_config`."""

_widgets: dict[tuple[BridgeClient, View], Any] = {}
_lock = threading.Lock()


def render(shown: object) -> dict[str, Any] | None:
    """Return the forms of a bridge, an endpoint, a plugin, a job, or a verb's answer; None for anything else."""
    if isinstance(shown, Table | Facts):
        return {"text/html": grid(shown)}
    found = _described(shown)
    if found is None:
        return {"text/html": calls(shown)} if isinstance(shown, PluginClient) else None
    view, client, plugin = found
    picture = calls(shown) if isinstance(shown, PluginClient) and view.view == "plugin" else None
    return {
        MIME_TYPE: msgspec.to_builtins(view),
        **_widget_form(view, client),
        "text/html": still(client, view, plugin) if picture is None else picture,
    }


def _described(shown: object) -> tuple[View, BridgeClient, AsyncPluginClient | None] | None:
    if isinstance(shown, BridgeClient):
        return View("explorer", bridge=shown.aio.bridge_id), shown, None
    if isinstance(shown, EndpointClient):
        client = shown._bridge_client
        return View("endpoint", shown.endpoint_id, bridge=client.aio.bridge_id), client, None
    if isinstance(shown, PluginClient):
        return _of_plugin(shown)
    # By what it has: its class belongs to a plugin that may not be installed here.
    psij, job = getattr(shown, "_client", None), getattr(shown, "id", None)
    if isinstance(psij, PluginClient) and isinstance(job, str):
        found = _of_plugin(psij)
        return (msgspec.structs.replace(found[0], view="job", job=job), *found[1:]) if found is not None else None
    return None


def _of_plugin(plugin: PluginClient) -> tuple[View, BridgeClient, AsyncPluginClient | None] | None:
    client = plugin._bridge_client
    if not isinstance(client, BridgeClient):  # one of a test, without a bridge
        return None
    endpoint = client.aio.topology.get(plugin.endpoint_id)
    info = endpoint.plugins.get(plugin.plugin_name) if endpoint is not None else None
    kind = PAGES.get(info.type if info is not None else plugin.plugin_name, "plugin")
    view = View(kind, plugin.endpoint_id, plugin.plugin_name, bridge=client.aio.bridge_id)
    return view, client, plugin.aio if plugin.sid else None


def _widget_form(view: View, client: BridgeClient) -> dict[str, Any]:
    """Return the widget's form, where there is a kernel to speak with it and its libraries are installed.

    To show something opens no connection: it could take long.
    """
    ipython = sys.modules.get("IPython")
    if ipython is None or not hasattr(ipython.get_ipython(), "kernel") or not client.aio.is_open:
        return {}
    try:
        from .widgets import Shown
    except ImportError:
        return {}
    with _lock:
        widget = _widgets.get((client, view))
        if widget is None or widget.comm is None:  # closed, as all are by Widget.close_all()
            widget = _widgets[client, view] = Shown(view, client)
    return {WIDGET_MIME_TYPE: {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}}
