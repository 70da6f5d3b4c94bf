"""Orbit under measurement: a Jupyter server with the bridge, an endpoint, and clients; plain, or over TLS."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import statistics
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass

from orbit_jupyter import BridgeClient, aio
from orbit_jupyter.client.aio import AsyncBridgeClient

from . import load
from .processes import Certificate, Processes
from .steps import CONNECTIONS, ROUTE, WINDOW, Figures, Sizes

NAME = "bench"
"""The endpoint under measurement; `PLUGINS` are its plugins."""

PLUGINS = "sysinfo,bench.plugin:BenchPlugin"


@dataclass(frozen=True)
class Orbit:
    """One bridge with one endpoint, and the steps that are measured over TLS as well.

    Parameters
    ----------
    kind
        ``plain`` or ``tls``: what the names of its figures begin with.
    cert
        What clients trust; None: there is no TLS.
    """

    kind: str
    sizes: Sizes
    server: subprocess.Popen[str]
    url: str
    token: str
    cert: str | None
    client: AsyncBridgeClient
    blocking: BridgeClient

    @property
    def bridge(self) -> str:
        """The bridge's URL."""
        return f"{self.url}/orbit"

    async def call(self) -> object:
        """Call what is measured: a route that does next to nothing."""
        return await self.client[NAME].call("GET", ROUTE)

    async def round_trip(self) -> Figures:
        times = await load.round_trips(self.call, self.sizes.seconds)
        return {f"{self.kind}.ms": statistics.median(times) * 1000}

    async def blocking_round_trip(self) -> Figures:
        endpoint = self.blocking[NAME]
        # On this thread, which has a loop with nothing to do meanwhile: as a cell has.
        times = load.blocking_round_trips(lambda: endpoint.call("GET", ROUTE), self.sizes.seconds)
        return {f"{self.kind}.blocking": statistics.median(times) * 1000}

    async def rate(self) -> Figures:
        rate = await load.calls_a_second(self.call, WINDOW, self.sizes.seconds)
        return {f"{self.kind}.rate": rate.per_second, f"{self.kind}.own": rate.own_share}

    async def threads(self) -> Figures:
        endpoint = self.blocking[NAME]
        rate = await asyncio.to_thread(
            load.threads_a_second, lambda: endpoint.call("GET", ROUTE), WINDOW, self.sizes.seconds
        )
        return {f"{self.kind}.threads": rate.per_second}

    async def http(self, path: str) -> load.Rate:
        """Ask this server for a path, over and over."""
        tls = ssl.create_default_context(cafile=self.cert) if self.cert else None
        return await load.http_a_second(
            self.url, path, f"token {self.token}", CONNECTIONS, self.sizes.seconds, tls
        )

    async def proxy(self) -> Figures:
        rate = await self.http(f"/orbit/{NAME}{ROUTE}")
        return {f"{self.kind}.http": rate.per_second, f"{self.kind}.http_own": rate.own_share}


@contextlib.asynccontextmanager
async def orbit(
    processes: Processes, sizes: Sizes, certificate: Certificate | None = None
) -> AsyncIterator[Orbit]:
    """Start a bridge and its endpoint, and connect to it; end them all again."""
    kind, cert, options, trust = "plain", None, [], []
    if certificate is not None:
        kind, cert, trust = "tls", str(certificate.authority), [f"--cert={certificate.authority}"]
        options = [f"--ServerApp.certfile={certificate.chain}", f"--ServerApp.keyfile={certificate.key}"]
    server, url = await asyncio.to_thread(processes.start_server, f"{kind}-server", *options)
    token = processes.endpoint_token()
    endpoint = processes.start_endpoint(url, NAME, PLUGINS, token, *trust, log=f"{kind}-endpoint")
    try:
        async with await aio.connect(f"{url}/orbit", cert, processes.token) as client:
            await client.wait_for_endpoint(NAME, timeout=60)
            blocking = await asyncio.to_thread(BridgeClient, f"{url}/orbit", cert, processes.token)
            try:
                await asyncio.to_thread(blocking.open)
                yield Orbit(kind, sizes, server, url, processes.token, cert, client, blocking)
            finally:
                await asyncio.to_thread(blocking.close)
    finally:
        await asyncio.to_thread(processes.end, endpoint)
        await asyncio.to_thread(processes.end, server)
