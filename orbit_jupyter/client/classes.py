"""Which client class a plugin has: the one that its class names, found by entry point on this side."""

from __future__ import annotations

import logging

from orbit_jupyter.host import installed_plugins, load_plugin_class
from orbit_jupyter.plugin import Plugin, PluginClient

log = logging.getLogger("orbit.client")


def client_class_of(plugin_type: str) -> type[PluginClient]:
    """Return the plugin's own client class; where it isn't installed here, one with the raw calls."""
    found = Plugin.get_plugin_class(plugin_type)
    # Only by entry point: the name comes from an endpoint, and ``module:Class`` would import what it says.
    if found is None and plugin_type in installed_plugins():
        try:
            found = load_plugin_class(plugin_type)
        except Exception as error:
            log.debug("plugin %s isn't installed here: %s", plugin_type, error)
            return PluginClient
    return (found.client_class if found is not None else None) or PluginClient
