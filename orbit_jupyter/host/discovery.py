"""Finding plugin classes: by entry point, by ``module:Class``, and only those that are asked for."""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import EntryPoint, entry_points

from orbit_jupyter.plugin import Plugin

GROUP = "orbit_jupyter.plugins"


def installed_plugins() -> dict[str, EntryPoint]:
    """Return what entry points offer, by name; nothing is imported."""
    return {point.name: point for point in entry_points(group=GROUP)}


def load_plugin_class(name: str) -> type[Plugin]:
    """Import and return the plugin class of an entry point's name or a ``module:Class``.

    Raises
    ------
    ImportError, AttributeError, TypeError
        As importing it fails, or where what is found is no plugin.
    """
    point = installed_plugins().get(name)
    if point is not None:
        found = point.load()
    elif ":" in name:
        module, _, attribute = name.partition(":")
        # As with `python -m`: a plugin that is being written lies in the current folder.
        if "" not in sys.path:
            sys.path.insert(0, "")
        found = getattr(importlib.import_module(module), attribute)
    else:
        raise ImportError(f"no plugin {name!r} is installed")
    if not (isinstance(found, type) and issubclass(found, Plugin)):
        raise TypeError(f"{name} is {found!r}, no subclass of orbit_jupyter.plugin.Plugin")
    return found
