"""A kernel of the server that the bridge lives in: how soon it answers, alone and beside the bridge's work."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket as socket_module
import statistics
import time
import uuid
from collections.abc import AsyncIterator
from socket import IPPROTO_TCP

import httpx
from websockets.asyncio.client import ClientConnection, connect

from . import load
from .orbit import NAME, Orbit
from .processes import Processes
from .steps import WINDOW, Figures, Found, Sizes, Step, p99

PACE = 0.01
"""Seconds between two questions."""

READY_TIME = 60.0

QUICKACK: int | None = getattr(socket_module, "TCP_QUICKACK", None)
"""Jupyter's socket keeps a small message back until the one before it is acknowledged, which Linux puts off by
40 ms: more than all that is measured here. This end doesn't put it off, where it can be told so."""


class Kernel:
    """The step of the group ``kernel``."""

    def __init__(self, processes: Processes, sizes: Sizes, orbit: Orbit, found: Found) -> None:
        self._processes, self._sizes, self._orbit, self._found = processes, sizes, orbit, found

    def steps(self) -> list[Step]:
        """Return the one: idle and loaded are compared, so they follow one another."""
        names = ("idle", "loaded", "idle_p50", "loaded_p50", "asked", "carried")
        return [Step(self.beside, tuple(f"kernel.{one}" for one in names))]

    async def beside(self) -> Figures:
        """Ask the kernel what it is, first alone, then while the bridge carries half of what it can."""
        rates = self._found.series.get("plain.rate")
        if rates is None:
            rates = [(await load.calls_a_second(self._orbit.call, WINDOW, 1.5)).per_second]
        half = statistics.median(rates) / 2
        async with self._kernel() as socket:
            idle = await self._ask_for_a_while(socket)
            caller = self._processes.start(
                "caller",
                *("bench.beside", "calls", self._orbit.bridge, NAME, str(half)),
                talks=True,
                BENCH_TOKEN=self._orbit.token,
            )
            try:
                await asyncio.to_thread(self._processes.line, caller, "caller")
                loaded = await self._ask_for_a_while(socket)
                carried = float(await asyncio.to_thread(self._processes.ask, caller, "caller", "end"))
            finally:
                await asyncio.to_thread(self._processes.end, caller)
        return {
            "kernel.idle": p99(idle),
            "kernel.loaded": p99(loaded),
            "kernel.idle_p50": statistics.median(idle) * 1000,
            "kernel.loaded_p50": statistics.median(loaded) * 1000,
            "kernel.asked": half,
            "kernel.carried": carried,
        }

    @contextlib.asynccontextmanager
    async def _kernel(self) -> AsyncIterator[ClientConnection]:
        headers = {"Authorization": f"token {self._orbit.token}"}
        async with httpx.AsyncClient(base_url=self._orbit.url, headers=headers, timeout=READY_TIME) as http:
            answer = await http.post("/api/kernels", json={"name": "python3"})
            answer.raise_for_status()
            kernel = answer.json()["id"]
            try:
                where = f"{self._orbit.url.replace('http', 'ws', 1)}/api/kernels/{kernel}/channels"
                async with connect(
                    where, additional_headers=headers, open_timeout=READY_TIME, max_size=None
                ) as socket:
                    await asyncio.wait_for(_kernel_info(socket), READY_TIME)
                    yield socket
            finally:
                await http.delete(f"/api/kernels/{kernel}")

    async def _ask_for_a_while(self, socket: ClientConnection) -> list[float]:
        until = time.perf_counter() + self._sizes.pause / 2

        async def once() -> None:
            await asyncio.wait_for(_kernel_info(socket), READY_TIME)

        return await load.paced_round_trips(once, PACE, lambda: time.perf_counter() < until)


async def _kernel_info(socket: ClientConnection) -> None:
    """Ask over the shell channel, as text, which Jupyter takes without a subprotocol; await the reply."""
    id = uuid.uuid4().hex
    header = {
        "msg_id": id,
        "msg_type": "kernel_info_request",
        "session": "bench",
        "username": "",
        "version": "5.3",
    }
    await socket.send(
        json.dumps({"channel": "shell", "header": header, "parent_header": {}, "metadata": {}, "content": {}})
    )
    tcp = socket.transport.get_extra_info("socket")
    while True:
        if QUICKACK is not None:
            tcp.setsockopt(IPPROTO_TCP, QUICKACK, 1)
        message = json.loads(await socket.recv())
        if message["channel"] == "shell" and message["parent_header"].get("msg_id") == id:
            return
