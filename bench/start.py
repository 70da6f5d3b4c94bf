"""An endpoint's start, until the bridge lists it, and what it takes of memory."""

from __future__ import annotations

import asyncio
import time

from .orbit import Orbit
from .processes import Processes, memory_of
from .steps import Figures, Step

LONGEST = 60.0


class Start:
    """The step of the group ``start``."""

    def __init__(self, processes: Processes, orbit: Orbit) -> None:
        self._processes, self._orbit = processes, orbit
        self._starts = 0

    def steps(self) -> list[Step]:
        """Return the one."""
        return [Step(self.start, ("start.s", "start.mib"))]

    async def _listed(self) -> set[str]:
        return {one["name"] for one in (await self._orbit.client.call("", "GET", "/endpoints"))["endpoints"]}

    async def start(self) -> Figures:
        """Start another endpoint with the plugins that a user gets, and look until the bridge lists it."""
        self._starts += 1
        name = f"start{self._starts}"
        token = self._processes.endpoint_token()
        began = time.perf_counter()
        process = self._processes.start_endpoint(self._orbit.url, name, "default", token)
        try:
            while time.perf_counter() < began + LONGEST:
                if name in await self._listed():
                    passed = time.perf_counter() - began
                    await asyncio.sleep(0.5)  # what it does after its start counts for its memory
                    return {"start.s": passed, "start.mib": memory_of(process)}
                await asyncio.sleep(0.005)
            raise RuntimeError(f"{name} wasn't at the bridge in time:\n{self._processes.log(name)}")
        finally:
            await asyncio.to_thread(self._processes.end, process)
