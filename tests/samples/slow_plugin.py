"""A plugin that takes its time to load, so that its endpoint is long under way."""

from __future__ import annotations

import time
from typing import Any

from orbit_jupyter.plugin import Plugin


class SlowPlugin(Plugin):
    """Holds its endpoint back for a while; so it holds back the end, too."""

    plugin_name = "slow"

    def __init__(self, app: Any, instance_name: str | None = None) -> None:
        super().__init__(app, instance_name)
        time.sleep(20)
