"""What a cell, a tab or a page is to show: one description, which all three hosts read."""

from __future__ import annotations

from typing import Literal

import msgspec

MIME_TYPE = "application/vnd.orbit.view+json"

Kind = Literal[
    "explorer",
    "endpoint",
    "plugin",
    "jobs",
    "job",
    "monitor",
    "queues",
    "files",
    "map",
    "log",
    "join",
    "launch",
]


class View(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which view of what. It holds no data and no secret, so it may lie in a notebook's file for ever."""

    view: Kind
    endpoint: str = ""
    plugin: str = ""
    """Instance name of the plugin."""
    job: str = ""
    bridge: str = ""
    """Id of the bridge that it is about: a front end that reaches another one says so."""
