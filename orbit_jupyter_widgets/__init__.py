"""What Orbit's objects look like in a cell, and widgets to put beside others.

>>> from orbit_jupyter_widgets import jobs, monitor  # doctest: +SKIP
>>> table = jobs("hpc1")                             # doctest: +SKIP
>>> table.selected                                   # doctest: +SKIP

Names are looked up when they are asked for: who only draws a bridge's static picture imports no widget library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .calls import explorer, files, jobs, log, monitor, panel, topology
    from .view import View
    from .widgets import EndpointMap, Explorer, FileBrowser, JobTable, LogView, PluginPanel, SystemMonitor

_HOMES = {
    "EndpointMap": "widgets",
    "Explorer": "widgets",
    "FileBrowser": "widgets",
    "JobTable": "widgets",
    "LogView": "widgets",
    "PluginPanel": "widgets",
    "SystemMonitor": "widgets",
    "View": "view",
    "explorer": "calls",
    "files": "calls",
    "jobs": "calls",
    "log": "calls",
    "monitor": "calls",
    "panel": "calls",
    "topology": "calls",
}

__all__ = [
    "EndpointMap",
    "Explorer",
    "FileBrowser",
    "JobTable",
    "LogView",
    "PluginPanel",
    "SystemMonitor",
    "View",
    "explorer",
    "files",
    "jobs",
    "log",
    "monitor",
    "panel",
    "topology",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
