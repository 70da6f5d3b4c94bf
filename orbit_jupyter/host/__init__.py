"""Loads plugins, routes a call to a handler, keeps sessions; knows the batch system and the host's role."""

from .batch import Batch, Role, detect
from .discovery import installed_plugins, load_plugin_class
from .plugin_host import PluginHost
from .selection import DEFAULTS, select

__all__ = [
    "DEFAULTS",
    "Batch",
    "PluginHost",
    "Role",
    "detect",
    "installed_plugins",
    "load_plugin_class",
    "select",
]
