"""One short call for each widget, for the last line of a cell."""

from __future__ import annotations

from typing import Any

from orbit_jupyter.client import BridgeClient

from .widgets import EndpointMap, Explorer, FileBrowser, JobTable, LogView, PluginPanel, SystemMonitor


def explorer(*, client: BridgeClient | None = None, **traits: Any) -> Explorer:
    """Show all endpoints, and behind each what can be done there.

    Parameters
    ----------
    client
        The bridge; None: that of this Jupyter server, or whichever `orbit_jupyter.connect` finds.
    **traits
        As for `Explorer`.
    """
    return Explorer(client=client, **traits)


def jobs(endpoint: str | None = None, *, client: BridgeClient | None = None, **traits: Any) -> JobTable:
    """Show the jobs of an endpoint, and submit others.

    Parameters
    ----------
    endpoint
        Its name; None: `local`, or the first one that runs jobs.
    client
        As for `explorer`.
    **traits
        As for `JobTable`.
    """
    return JobTable(endpoint, client=client, **traits)


def monitor(endpoint: str | None = None, *, client: BridgeClient | None = None, **traits: Any) -> SystemMonitor:
    """Show how busy an endpoint's host is.

    Parameters
    ----------
    endpoint
        Its name; None: `local`, or the first one that can tell.
    client
        As for `explorer`.
    **traits
        As for `SystemMonitor`.
    """
    return SystemMonitor(endpoint, client=client, **traits)


def topology(*, client: BridgeClient | None = None, **traits: Any) -> EndpointMap:
    """Show the endpoints and their links as a picture.

    Parameters
    ----------
    client
        As for `explorer`.
    **traits
        As for `EndpointMap`.
    """
    return EndpointMap(client=client, **traits)


def files(endpoint: str | None = None, *, client: BridgeClient | None = None, **traits: Any) -> FileBrowser:
    """Show the files of an endpoint; send some there, and fetch others.

    Parameters
    ----------
    endpoint
        Its name; None: `local`, or the first one that has `staging`.
    client
        As for `explorer`.
    **traits
        As for `FileBrowser`.
    """
    return FileBrowser(endpoint, client=client, **traits)


def log(*, client: BridgeClient | None = None, **traits: Any) -> LogView:
    """Show what happens on all endpoints, from now on.

    Parameters
    ----------
    client
        As for `explorer`.
    **traits
        As for `LogView`.
    """
    return LogView(client=client, **traits)


def panel(endpoint: str, plugin: str, *, client: BridgeClient | None = None, **traits: Any) -> PluginPanel:
    """Show the page of a plugin: its forms, and what it monitors.

    Parameters
    ----------
    endpoint
        Its name.
    plugin
        The plugin's instance name there.
    client
        As for `explorer`.
    **traits
        As for `PluginPanel`.
    """
    return PluginPanel(endpoint, plugin, client=client, **traits)
