"""The plugin that the endpoint under measurement loads: bursts of events, and bodies of any size."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, ClassVar

from orbit_jupyter.plugin import Plugin, Request, Streamed, route

CHUNK = 256 * 2**10


class BenchPlugin(Plugin):
    """Sends and takes what it is asked to, and does nothing with it."""

    plugin_name: ClassVar[str] = "bench"

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
