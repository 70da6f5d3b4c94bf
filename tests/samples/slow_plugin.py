"""A plugin that takes its time to load, so that its endpoint is long under way."""

from __future__ import annotations

import threading
from typing import Any

from orbit_jupyter.plugin import Plugin


class SlowPlugin(Plugin):
    """Waits until its process ends."""

    plugin_name = "slow"

    def __init__(self, app: Any, instance_name: str | None = None) -> None:
        super().__init__(app, instance_name)
        threading.Event().wait(120)
