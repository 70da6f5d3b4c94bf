"""Many endpoints on one bridge: the group ``fleet``, and the process that plays them.

``python -m bench.fleet URL PREFIX COUNT`` dials in so many times, prints how many are welcome, and from then on
does what an endpoint does when nothing happens: it answers pings, and pings where none come. The token is in
``BENCH_TOKEN``.
"""

from __future__ import annotations

import asyncio
import os
import platform
import subprocess
import sys
import time
import uuid

import psutil
from websockets.asyncio.client import ClientConnection, connect

from orbit_jupyter.link.address import Address, Found
from orbit_jupyter.link.delivery import Delivery
from orbit_jupyter.plugin.ui import ui_config_to_dict
from orbit_jupyter.protocol import Hello, HostFacts, Ping, PluginInfo, Pong, Seen, Welcome, decode, encode
from orbit_plugins.psij import PSIJPlugin
from orbit_plugins.sysinfo import SysInfoPlugin

from .processes import Processes
from .steps import Figures, Sizes, Step

PING_INTERVAL, QUIET = 5.0, 7.5
"""Seconds between two looks, and of silence before a ping; as an endpoint's own link does."""

AT_ONCE = 50
"""Connections that are being made at a time."""

FIRST = 50
"""Endpoints that are there before memory is looked at: what the first ones cost isn't each one's."""

SETTLE = 3.0
"""Seconds for the news of the last ones to be told."""

IDLE_AFTER = 15.0
"""Seconds after which nothing of their coming is left to do: the first pings, and the collector's large rounds."""


def hello(name: str) -> Hello:
    """Return what an endpoint says of itself that has the built-in plugins."""
    plugins = {
        one.plugin_name: PluginInfo(
            type=one.plugin_name,
            namespace=f"/{name}/{one.plugin_name}",
            version=one.version,
            ui_config=ui_config_to_dict(one.ui_config),
        )
        for one in (SysInfoPlugin, PSIJPlugin)
    }
    facts = HostFacts(name, "someone", os.getpid(), platform.python_version(), "0", "login", "slurm")
    return Hello("endpoint", name, uuid.uuid4().hex, resume_key=uuid.uuid4().hex, plugins=plugins, host=facts)


class Fleet:
    """Simulated endpoints."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._free = asyncio.Semaphore(AT_ONCE)
        self._tasks: list[asyncio.Task[None]] = []

    async def join(self, names: list[str]) -> None:
        """Dial in with all these names; return when all are welcome."""
        sockets = await asyncio.gather(*(self._one(name) for name in names))
        for number, socket in enumerate(sockets):
            simulated = _Simulated(socket)
            self._tasks.append(asyncio.ensure_future(simulated.answer()))
            self._tasks.append(asyncio.ensure_future(simulated.ping(PING_INTERVAL * number / len(sockets))))

    async def _one(self, name: str) -> ClientConnection:
        async with self._free:
            socket = await connect(
                f"{self._address.websocket_url}/register",
                additional_headers=self._address.headers,
                open_timeout=60,
                ping_interval=None,
                compression=None,
            )
            await socket.send(encode(hello(name)))
            answer = decode(await socket.recv(decode=False))
        if not isinstance(answer, Welcome):
            raise RuntimeError(f"{name} isn't welcome: {answer}")  # noqa: TRY004 - what came over the wire
        return socket

    async def stay(self) -> None:
        """Stay until stdin ends, or a connection is lost."""
        ended = asyncio.ensure_future(asyncio.to_thread(sys.stdin.readline))
        done, _ = await asyncio.wait([ended, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
        for one in done:
            one.result()


class _Simulated:
    """One of them, as its bridge sees it; it says what has come, so that the bridge need not keep that."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket, self._delivery = socket, Delivery()
        self._heard = time.monotonic()

    async def answer(self) -> None:
        while True:
            data = await self._socket.recv(decode=False)
            self._heard = time.monotonic()
            frame = decode(data)
            if isinstance(frame, Ping):
                await self._socket.send(encode(Pong(frame.time, self._delivery.told())))
            elif not isinstance(frame, Pong | Seen) and self._delivery.arrived(len(data)):
                await self._socket.send(encode(Seen(self._delivery.told())))

    async def ping(self, first: float) -> None:
        await asyncio.sleep(first)
        while True:
            if time.monotonic() - self._heard >= QUIET:
                await self._socket.send(encode(Ping(time.monotonic(), self._delivery.told())))
            await asyncio.sleep(PING_INTERVAL)


class Idle:
    """The step of the group ``fleet``, on a bridge of its own that has done nothing before."""

    def __init__(self, processes: Processes, sizes: Sizes) -> None:
        self._processes, self._sizes = processes, sizes

    def steps(self) -> list[Step]:
        """Return the one."""
        return [Step(self.idle, ("fleet.kib", "fleet.core", "fleet.join"))]

    async def idle(self) -> Figures:
        """Let them dial in, then watch a bridge that has nothing to do but to know that they are there."""
        server, url = await asyncio.to_thread(self._processes.start_server, "fleet-server")
        watched, started = psutil.Process(server.pid), [server]
        try:
            started.append(await self._join(url, "first", FIRST))
            await asyncio.sleep(SETTLE)
            before = watched.memory_info().rss
            began = time.perf_counter()
            started.append(await self._join(url, "sim", self._sizes.endpoints))
            joined = time.perf_counter() - began
            await asyncio.sleep(IDLE_AFTER)
            grown = watched.memory_info().rss - before
            cpu, began = watched.cpu_times(), time.perf_counter()
            await asyncio.sleep(max(self._sizes.pause, 2 * PING_INTERVAL))
            passed, now = time.perf_counter() - began, watched.cpu_times()
            if any(one.poll() is not None for one in started):
                raise RuntimeError(f"not all stayed: {self._processes.log('sim')}")
            return {
                "fleet.kib": grown / 1024 / self._sizes.endpoints,
                "fleet.core": 100 * (now.user + now.system - cpu.user - cpu.system) / passed,
                "fleet.join": joined,
            }
        finally:
            for one in reversed(started):
                await asyncio.to_thread(self._processes.end, one)

    async def _join(self, url: str, prefix: str, count: int) -> subprocess.Popen[str]:
        process = self._processes.start(
            prefix,
            *("bench.fleet", f"{url}/orbit", prefix, str(count)),
            talks=True,
            BENCH_TOKEN=self._processes.endpoint_token(),
        )
        try:
            await asyncio.to_thread(self._processes.line, process, prefix)
        except BaseException:
            await asyncio.to_thread(self._processes.end, process)
            raise
        return process


async def main() -> None:
    """Play them."""
    url, prefix, count = sys.argv[1:]
    fleet = Fleet(Address.parse(url, Found(os.environ["BENCH_TOKEN"], "the environment"), None))
    await fleet.join([f"{prefix}{number}" for number in range(int(count))])
    print(count, flush=True)
    await fleet.stay()


if __name__ == "__main__":
    asyncio.run(main())
