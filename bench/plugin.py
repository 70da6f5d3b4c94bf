"""The plugin that the endpoint under measurement loads: bursts of events, and bodies of any size."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, ClassVar

from orbit_jupyter.plugin import (
    Plugin,
    Request,
    Streamed,
    UIConfig,
    UIMonitor,
    UINotifications,
    route,
)

CHUNK = 256 * 2**10

TASKS = 100_000
"""Rows of the plugin's page."""


class BenchPlugin(Plugin):
    """Sends and takes what it is asked to, and does nothing with it."""

    plugin_name: ClassVar[str] = "bench"
    ui_config: ClassVar[UIConfig | dict[str, Any] | None] = UIConfig(
        title="Bench",
        monitors=[UIMonitor(id="tasks", title="Tasks", type="task_list", auto_load="tasks")],
        notifications=UINotifications(topic="burst", id_field="number", state_field="state"),
    )

    @route.get("tasks")
    def tasks(self) -> dict[str, Any]:
        """Return more tasks than a page can draw."""
        states = ("QUEUED", "ACTIVE", "COMPLETED")
        return {
            "tasks": [{"number": one, "state": states[one % 3], "name": f"task {one}"} for one in range(TASKS)]
        }

    @route.post("burst")
    def burst(self, request: Request) -> dict[str, Any]:
        """Notify ``count`` times from a worker thread, as plugins that watch jobs do."""
        count = int(request.data["count"])
        for number in range(count):
            self._dispatch_notify("burst", {"number": number, "state": "ACTIVE"})
        return {"sent": count}

    @route.put("blob", stream=True)
    async def take(self, request: Request) -> dict[str, Any]:
        """Count the bytes of a body."""
        received = 0
        async for chunk in request.stream():
            received += len(chunk)
        return {"received": received}

    @route.get("blob/{size}", stream=True)
    async def give(self, request: Request) -> Streamed:
        """Send so many bytes."""
        return Streamed(_zeros(int(request.path_params["size"])))


async def _zeros(size: int) -> AsyncIterator[bytes]:
    chunk = bytes(CHUNK)
    for _ in range(size // CHUNK):
        yield chunk
