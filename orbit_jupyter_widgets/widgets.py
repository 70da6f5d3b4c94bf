"""The views as widgets: what the user does in them sets traits, and what Python sets shows in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import msgspec
from traitlets import Bool, Dict, Enum, List, Unicode

from orbit_jupyter.client import BridgeClient

from .comm import Relay
from .connection import connection
from .pictures import still
from .view import MIME_TYPE, Kind, View

_LOADER = (Path(__file__).parent / "loader.js").read_text(encoding="utf-8")


class OrbitWidget(anywidget.AnyWidget):
    """What all of them have in common.

    Parameters
    ----------
    client
        The bridge; None: that of this Jupyter server, or whichever `orbit_jupyter.connect` finds.
    **traits
        Their values.

    Raises
    ------
    ValueError
        If no URL or no token is found.
    OrbitError
        As the bridge can't be reached or refuses.
    """

    _esm = _LOADER
    kind: Kind = "explorer"

    _kind = Unicode(help="Which view this is; see `orbit_jupyter_widgets.View`.").tag(sync=True)
    bridge = Unicode(help="Id of the bridge that it is about. Set once, from the client.").tag(sync=True)
    channel = Enum(
        ["auto", "kernel"],
        "auto",
        help="How the page asks the bridge. `auto`, the default: by itself where it can reach this bridge, so "
        "that the view stays live while the kernel is busy; else through the kernel. `kernel`: always through "
        "the kernel.",
    ).tag(sync=True)
    reached = Unicode(
        help="How the page that shows it does ask the bridge: `direct` or `comm` (through the kernel). Set by the "
        "page; empty, the default, until one shows it."
    ).tag(sync=True)

    def __init__(self, *, client: BridgeClient | None = None, **traits: Any) -> None:
        self._client = connection() if client is None else client
        self._client.open()
        super().__init__(_kind=self.kind, bridge=self._client.aio.bridge_id, **traits)
        self._relay = Relay(self._client, self.send)
        self.on_msg(self._told)

    @property
    def client(self) -> BridgeClient:
        """The bridge that it is about."""
        return self._client

    @property
    def view(self) -> View:
        """Which view of what this is, as other front ends read it."""
        named = {name: getattr(self, name) for name in ("endpoint", "plugin", "job") if self.has_trait(name)}
        return View(self.kind, bridge=self.bridge, **named)

    def close(self) -> None:
        """Take it off the page, and end what the page had under way through the kernel."""
        relay = self.__dict__.get("_relay")
        if relay is not None:
            relay.close()
        super().close()

    def __repr__(self) -> str:
        place = " on ".join(getattr(self, name) for name in ("plugin", "endpoint") if getattr(self, name, ""))
        return f"<{type(self).__name__}{' ' if place else ''}{place}>"

    def _repr_mimebundle_(self, **more: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = super()._repr_mimebundle_(**more)
        if bundle is None:
            return None
        data, metadata = bundle
        view = {MIME_TYPE: msgspec.to_builtins(self.view)}  # for the time when the kernel has gone
        return {**data, **view, "text/html": self._picture()}, metadata

    def _picture(self) -> str:
        return still(self._client, self.view)

    def _told(self, _: object, content: Any, buffers: list[Any]) -> None:
        self._relay.take(content, buffers)


class OnEndpoint(OrbitWidget):
    """A widget that shows one endpoint's plugin.

    Parameters
    ----------
    endpoint
        Its name; None: `local`, or the first one that has such a plugin.
    client, **traits
        As for `OrbitWidget`.
    """

    plugin_type = ""

    endpoint = Unicode(
        help="Name of the endpoint. Empty: there was none with such a plugin; set it when there is."
    ).tag(sync=True)
    plugin = Unicode(
        help="Instance name of the plugin there. Empty, the default: the endpoint's first of the right kind."
    ).tag(sync=True)

    def __init__(self, endpoint: str | None = None, *, client: BridgeClient | None = None, **traits: Any) -> None:
        client = connection() if client is None else client
        client.open()
        name = self._somewhere(client) if endpoint is None else endpoint
        super().__init__(client=client, endpoint=name, **traits)

    def _somewhere(self, client: BridgeClient) -> str:
        found = [
            name
            for name, info in client.aio.topology.items()
            if any(one.type == self.plugin_type and one.enabled for one in info.plugins.values())
        ]
        return "local" if "local" in found else next(iter(found), "")


class Explorer(OrbitWidget):
    """All endpoints as a tree, and beside it the view that was chosen in it.

    Parameters
    ----------
    client, **traits
        As for `OrbitWidget`.
    """

    kind = "explorer"

    shown = Dict(
        default_value={"view": "map"},
        help="The view beside the tree, as a dict with the fields of `View`; the map by default.",
    ).tag(sync=True)


class WithForm(OnEndpoint):
    """A widget that has a form; parameters as for `OnEndpoint`."""

    values = Dict(
        help="What stands in its form, by the names of the fields; empty before the first change. Where there are "
        "several forms it is that of the one that was changed last; what Python sets goes into each form that has "
        "such a field."
    ).tag(sync=True)
    submitted = Dict(
        help="The last submit from a page: `form` (its id) and `answer` (the plugin's). Empty before the first."
    ).tag(sync=True)


class PluginPanel(WithForm):
    """A plugin's page: its forms, and what it monitors.

    Parameters
    ----------
    endpoint
        Name of the endpoint.
    plugin
        Instance name of the plugin there.
    client, **traits
        As for `OrbitWidget`.
    """

    kind = "plugin"

    def __init__(self, endpoint: str, plugin: str, *, client: BridgeClient | None = None, **traits: Any) -> None:
        super().__init__(endpoint, client=client, plugin=plugin, **traits)


class JobTable(WithForm):
    """The jobs of an endpoint, as they change, and a form for others."""

    kind = "jobs"
    plugin_type = "psij"

    selected = List(Unicode(), help="Ids of the jobs that are selected; none by default.").tag(sync=True)
    filter = Unicode(
        help="Only jobs are shown that have this text in them: command, name, id, queue, state. Empty, the "
        "default: all."
    ).tag(sync=True)


class SystemMonitor(OnEndpoint):
    """How busy an endpoint's host is: the last 10 minutes of processor, memory, network, disks and GPUs."""

    kind = "monitor"
    plugin_type = "sysinfo"

    paused = Bool(help="Whether the charts stand still; off by default. What happens meanwhile isn't lost.").tag(
        sync=True
    )


class EndpointMap(OrbitWidget):
    """The endpoints and their links as a picture, with their state and round trip.

    Parameters
    ----------
    client, **traits
        As for `OrbitWidget`.
    """

    kind = "map"

    selected = Unicode(help="Name of the endpoint that was last clicked; empty before the first click.").tag(
        sync=True
    )


class FileBrowser(OnEndpoint):
    """The files of an endpoint: look, send some there, fetch others."""

    kind = "files"
    plugin_type = "staging"

    path = Unicode(help="Absolute path of the folder that is shown. Empty, the default: the home folder.").tag(
        sync=True
    )
    selected = List(Unicode(), help="Names in that folder that are selected; none by default.").tag(sync=True)

    def _picture(self) -> str:
        return still(self._client, self.view, folder=self.path)


class LogView(OrbitWidget):
    """What happens on all endpoints: their notifications with time, and where some are missing.

    Parameters
    ----------
    client, **traits
        As for `OrbitWidget`.
    """

    kind = "log"

    filter = Unicode(help="Only lines are shown that have this text in them. Empty, the default: all.").tag(
        sync=True
    )
    paused = Bool(help="Whether it stands still; off by default.").tag(sync=True)


class Shown(OnEndpoint):
    """The widget form of an object that a cell shows, such as ``hpc.psij``, for front ends without Orbit's own."""

    job = Unicode(help="Id of the job that it is about; empty where it is about none.").tag(sync=True)

    def __init__(self, view: View, client: BridgeClient) -> None:
        self.kind = view.view
        super().__init__(view.endpoint, client=client, plugin=view.plugin, job=view.job)
