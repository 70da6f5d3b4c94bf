"""What is measured: the steps of one round, each a coroutine that returns its figures by name."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect

from orbit_jupyter import BridgeClient, aio
from orbit_jupyter.client.aio import AsyncBridgeClient
from orbit_jupyter.protocol import Event

from . import load
from .processes import Processes, memory_of

NAME = "bench"
"""The endpoint under measurement; `PLUGINS` are its plugins."""

PLUGINS = "sysinfo,bench.plugin:BenchPlugin"
ROUTE = "/sysinfo/version"
PAYLOAD = bytes(96)
"""What the relay carries: about as many bytes as a call of `ROUTE` takes on the wire."""

WINDOW, CONNECTIONS = 32, 16
EVENTS = 20_000
EVENT_TIME = 60.0
"""Seconds after which events that haven't arrived count as lost."""

Figures = dict[str, float]
Step = Callable[[], Awaitable[Figures]]


@dataclass
class Bench:
    """Everything that runs, and the steps that load it.

    Parameters
    ----------
    seconds
        How long each step keeps up its load.
    events
        How many events one burst has.
    """

    processes: Processes
    url: str
    token: str
    relay: ClientConnection
    client: AsyncBridgeClient
    blocking: BridgeClient
    seconds: float
    events: int
    starts: int = 0

    def steps(self) -> dict[str, list[Step]]:
        """Return the steps by the group that ``--only`` knows; those of one group are compared."""
        return {
            "roundtrip": [self.relay_round_trip, self.sdk_round_trip, self.blocking_round_trip],
            "calls": [self.relay_rate, self.sdk_rate],
            "http": [self.empty_http, self.proxy_http],
            "events": [self.burst],
            "start": [self.endpoint_start],
        }

    # -- round trips and calls -------------------------------------------------------------------------------

    async def relay_round_trip(self) -> Figures:
        async def once() -> None:
            await self.relay.send(PAYLOAD)
            await self.relay.recv()

        return {"relay.ms": _p50(await load.round_trips(once, self.seconds))}

    async def _call(self) -> object:
        return await self.client[NAME].call("GET", ROUTE)

    async def sdk_round_trip(self) -> Figures:
        return {"sdk.ms": _p50(await load.round_trips(self._call, self.seconds))}

    async def blocking_round_trip(self) -> Figures:
        endpoint = self.blocking[NAME]
        # On this thread, which has a loop with nothing to do meanwhile: as a cell has.
        return {"blocking.ms": _p50(load.blocking_round_trips(lambda: endpoint.call("GET", ROUTE), self.seconds))}

    async def relay_rate(self) -> Figures:
        rate = await load.relay_messages_a_second(self.relay, PAYLOAD, WINDOW, self.seconds)
        return {"relay.rate": rate.per_second, "relay.own": rate.own_share}

    async def sdk_rate(self) -> Figures:
        rate = await load.calls_a_second(self._call, WINDOW, self.seconds)
        return {"sdk.rate": rate.per_second, "sdk.own": rate.own_share}

    # -- HTTP ------------------------------------------------------------------------------------------------

    async def empty_http(self) -> Figures:
        rate = await self._http("/bench/empty")
        return {"empty.rate": rate.per_second, "empty.own": rate.own_share}

    async def proxy_http(self) -> Figures:
        rate = await self._http(f"/orbit/{NAME}{ROUTE}")
        return {"proxy.rate": rate.per_second, "proxy.own": rate.own_share}

    async def _http(self, path: str) -> load.Rate:
        parts = urlsplit(self.url)
        head = f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: token {self.token}\r\n\r\n"
        host, port = parts.hostname or "", parts.port or 80
        return await load.http_a_second(host, port, head.encode(), CONNECTIONS, self.seconds)

    # -- events ----------------------------------------------------------------------------------------------

    async def burst(self) -> Figures:
        all_there = asyncio.Event()
        came: list[bytes] = []

        def on_event(_endpoint: str, event: Event) -> None:
            came.append(event.data)
            if len(came) >= self.events:
                all_there.set()

        self.client.on_event = on_event
        self.client.subscribe()
        await self.client.list_endpoints()  # frames are taken in order: now the subscription stands
        began = time.perf_counter()
        call = asyncio.ensure_future(self.client[NAME].call("POST", f"/{NAME}/burst", {"count": self.events}))
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(all_there.wait(), EVENT_TIME)
        passed = time.perf_counter() - began
        await call
        self.client.on_event = None
        different = len(set(came))
        return {"events.rate": different / passed, "events.delivered": different / self.events}

    # -- the endpoint's start --------------------------------------------------------------------------------

    async def _listed(self) -> set[str]:
        return {one["name"] for one in (await self.client.call("", "GET", "/endpoints"))["endpoints"]}

    async def endpoint_start(self) -> Figures:
        """Start another endpoint with the plugins that a user gets, and look until the bridge lists it."""
        self.starts += 1
        name = f"start{self.starts}"
        token = self.processes.endpoint_token()
        began = time.perf_counter()
        process = self.processes.start_endpoint(self.url, name, "default", token)
        try:
            while time.perf_counter() < began + 60:
                if name in await self._listed():
                    passed = time.perf_counter() - began
                    await asyncio.sleep(0.5)  # what it does after its start counts for its memory
                    return {"start.s": passed, "start.mib": memory_of(process)}
                await asyncio.sleep(0.005)
            raise RuntimeError(f"{name} wasn't at the bridge in time:\n{self.processes.log(name)}")
        finally:
            self.processes.end(process)


@contextlib.asynccontextmanager
async def everything(seconds: float, events: int) -> AsyncIterator[Bench]:
    """Start all processes and connect to them; end all again."""
    with Processes() as processes:
        relay_url, url = processes.start_relay(), processes.start_server()
        processes.start_endpoint(url, NAME, PLUGINS, processes.endpoint_token())
        bridge = f"{url}/orbit"
        async with (
            connect(f"{relay_url}/client", compression=None, ping_interval=None) as relay,
            await aio.connect(bridge, token=processes.token) as client,
        ):
            await client.wait_for_endpoint(NAME, timeout=60)
            blocking = await asyncio.to_thread(BridgeClient, bridge, token=processes.token)
            try:
                await asyncio.to_thread(blocking.open)
                yield Bench(processes, url, processes.token, relay, client, blocking, seconds, events)
            finally:
                await asyncio.to_thread(blocking.close)


def _p50(seconds: list[float]) -> float:
    return statistics.median(seconds) * 1000
