"""Which client class a plugin has: the one that its class names, found by entry point on this side."""

from __future__ import annotations

import logging

from orbit_jupyter.host import load_plugin_class
from orbit_jupyter.plugin import Plugin, PluginClient

log = logging.getLogger("orbit.client")


def client_class_of(plugin_type: str) -> type[PluginClient]:
    """Return the plugin's own client class; where it isn't installed here, one with the raw calls."""
    found = Plugin.get_plugin_class(plugin_type)
    if found is None:
        try:
            found = load_plugin_class(plugin_type)
        except Exception as error:
            log.debug("plugin %s isn't installed here: %s", plugin_type, error)
            return PluginClient
    return found.client_class or PluginClient
