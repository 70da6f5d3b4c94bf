"""Reach every HPC machine you may use from a notebook.

>>> import orbit_jupyter as orbit  # doctest: +SKIP
>>> bridge = orbit.connect()       # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from . import aio
    from .client import TWO_WAY, BridgeClient, EndpointClient, Exchange, connect
    from .endpoint import EndpointService
    from .joining import join, leave
    from .plugin import (
        Plugin,
        PluginClient,
        PluginSession,
        UIConfig,
        UIField,
        UIForm,
        UIMonitor,
        UINotifications,
        ui_config_to_dict,
    )
    from .protocol import OrbitError

version = __version__

# Looked up when asked for: an endpoint on a login node mustn't import what only a notebook needs.
_HOMES = {
    "TWO_WAY": "client",
    "BridgeClient": "client",
    "EndpointClient": "client",
    "EndpointService": "endpoint",
    "Exchange": "client",
    "OrbitError": "protocol",
    "Plugin": "plugin",
    "PluginClient": "plugin",
    "PluginSession": "plugin",
    "UIConfig": "plugin",
    "UIField": "plugin",
    "UIForm": "plugin",
    "UIMonitor": "plugin",
    "UINotifications": "plugin",
    "aio": "aio",
    "connect": "client",
    "join": "joining",
    "leave": "joining",
    "ui_config_to_dict": "plugin",
}

__all__ = [
    "TWO_WAY",
    "BridgeClient",
    "EndpointClient",
    "EndpointService",
    "Exchange",
    "OrbitError",
    "Plugin",
    "PluginClient",
    "PluginSession",
    "UIConfig",
    "UIField",
    "UIForm",
    "UIMonitor",
    "UINotifications",
    "__version__",
    "aio",
    "connect",
    "join",
    "leave",
    "ui_config_to_dict",
    "version",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f".{home}", __name__)
    value = module if home == name else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(shell: Any) -> None:
    """IPython's hook: ``%load_ext orbit_jupyter`` adds ``%orbit``."""
    from .magics import load_ipython_extension as load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """IPython's hook: takes ``%orbit`` away again."""
    from .magics import unload_ipython_extension as unload

    unload(shell)


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Jupyter's hook: where the server finds the bridge."""
    from .bridge.extension import OrbitExtension

    return [{"module": "orbit_jupyter", "app": OrbitExtension}]
