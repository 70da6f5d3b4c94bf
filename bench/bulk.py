"""Bulk data through the bridge: how fast, what small calls notice of it, and what the bridge keeps of it."""

from __future__ import annotations

import asyncio
import time

import psutil
from websockets.asyncio.client import ClientConnection

from . import load
from .orbit import NAME, Orbit
from .processes import Processes
from .steps import Figures, Sizes, Step, p99

PACE = 0.01
"""Seconds between two small calls: enough of them for a p99, too few to be a load."""


class Bulk:
    """The steps of the group ``bulk``."""

    def __init__(self, processes: Processes, sizes: Sizes, relay: ClientConnection, orbit: Orbit) -> None:
        self._processes, self._sizes, self._relay, self._orbit = processes, sizes, relay, orbit

    def steps(self) -> list[Step]:
        """Return them; those that are compared follow one another."""
        figures = ("rate", "p99", "mib")
        return [
            Step(self.relay, ("relay.up", "relay.down")),
            Step(self.idle, ("bulk.idle",)),
            Step(lambda: self.transfer("up"), tuple(f"bulk.up_{one}" for one in figures)),
            Step(lambda: self.transfer("down"), tuple(f"bulk.down_{one}" for one in figures)),
        ]

    async def relay(self) -> Figures:
        size = self._sizes.mib * 2**20
        return {
            "relay.up": await load.relay_bulk(self._relay, False, size) / 2**20,
            "relay.down": await load.relay_bulk(self._relay, True, size) / 2**20,
        }

    async def idle(self) -> Figures:
        """Call at the same pace while nothing else goes through the bridge."""
        until = time.perf_counter() + max(self._sizes.pause / 2, 2)
        times = await load.paced_round_trips(self._orbit.call, PACE, lambda: time.perf_counter() < until)
        return {"bulk.idle": p99(times)}

    async def transfer(self, way: str) -> Figures:
        """Move the data from another process; meanwhile call here, and watch the bridge's memory."""
        size, name = self._sizes.mib * 2**20, f"bulk-{way}"
        mover = self._processes.start(
            name,
            *("bench.beside", way, self._orbit.bridge, NAME, str(size)),
            talks=True,
            BENCH_TOKEN=self._orbit.token,
        )
        try:
            await asyncio.to_thread(self._processes.line, mover, name)
            server = psutil.Process(self._orbit.server.pid)
            before = most = server.memory_info().rss
            moved = asyncio.ensure_future(asyncio.to_thread(self._processes.ask, mover, name, "go"))

            def go_on() -> bool:
                nonlocal most
                most = max(most, server.memory_info().rss)
                return not moved.done()

            times = await load.paced_round_trips(self._orbit.call, PACE, go_on)
            return {
                f"bulk.{way}_rate": float(await moved) / 2**20,
                f"bulk.{way}_p99": p99(times),
                f"bulk.{way}_mib": (most - before) / 2**20,
            }
        finally:
            await asyncio.to_thread(self._processes.end, mover)
