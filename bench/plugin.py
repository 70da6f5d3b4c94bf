"""The plugin that the endpoint under measurement loads: it sends bursts of events."""

from __future__ import annotations

from typing import Any, ClassVar

from orbit_jupyter.plugin import App, Plugin, Request


class BenchPlugin(Plugin):
    """``POST /bench/burst {"count": n}`` notifies `n` times."""

    plugin_name: ClassVar[str] = "bench"

    def __init__(self, app: App, instance_name: str | None = None) -> None:
        super().__init__(app, instance_name)
        self.add_route_post("burst", self.burst)

    def burst(self, request: Request) -> dict[str, Any]:
        """Notify from a worker thread, as plugins that watch jobs do."""
        count = int(request.data["count"])
        for number in range(count):
            self._dispatch_notify("burst", {"number": number, "state": "ACTIVE"})
        return {"sent": count}
