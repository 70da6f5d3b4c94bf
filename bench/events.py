"""Events end to end: one burst, with one subscriber and with ten."""

from __future__ import annotations

import asyncio
import contextlib
import time

from orbit_jupyter import aio
from orbit_jupyter.client.aio import AsyncBridgeClient
from orbit_jupyter.protocol import Event

from .orbit import NAME, Orbit
from .steps import Figures, Sizes, Step

MANY = 10
EVENT_TIME = 60.0
"""Seconds after which events that haven't arrived count as lost."""


class Events:
    """The steps of the group ``events``."""

    def __init__(self, sizes: Sizes, orbit: Orbit) -> None:
        self._sizes, self._orbit = sizes, orbit

    def steps(self) -> list[Step]:
        """Return both."""
        return [
            Step(self.one, ("events.rate", "events.delivered")),
            Step(self.many, ("many.rate", "many.delivered", "many.own")),
        ]

    async def one(self) -> Figures:
        return await self._burst("events", 1)

    async def many(self) -> Figures:
        return await self._burst("many", MANY)

    async def _burst(self, name: str, subscribers: int) -> Figures:
        async with contextlib.AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(
                    await aio.connect(self._orbit.bridge, self._orbit.cert, self._orbit.token)
                )
                for _ in range(subscribers)
            ]
            came = [_Came(client, self._sizes.events) for client in clients]
            for client in clients:
                await client.list_endpoints()  # frames are taken in order: now the subscription stands
            cpu, began = time.process_time(), time.perf_counter()
            call = asyncio.ensure_future(
                self._orbit.client[NAME].call("POST", f"/{NAME}/burst", {"count": self._sizes.events})
            )
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.gather(*(one.all_there.wait() for one in came)), EVENT_TIME)
            passed, own = time.perf_counter() - began, time.process_time() - cpu
            await call
        delivered = sum(len(set(one.data)) for one in came)
        return {
            f"{name}.rate": delivered / passed,
            f"{name}.delivered": delivered / self._sizes.events / subscribers,
            f"{name}.own": own / passed,
        }


class _Came:
    """What has reached one subscriber."""

    def __init__(self, client: AsyncBridgeClient, count: int) -> None:
        self.data: list[bytes] = []
        self.all_there = asyncio.Event()
        self._count = count
        client.on_event = self._take
        client.subscribe()

    def _take(self, _endpoint: str, event: Event) -> None:
        self.data.append(event.data)
        if len(self.data) >= self._count:
            self.all_there.set()
