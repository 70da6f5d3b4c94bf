"""What is measured, in which order, and what has to run for it."""

from __future__ import annotations

import asyncio
import contextlib
import statistics

from websockets.asyncio.client import ClientConnection, connect

from . import load
from .bulk import Bulk
from .events import Events
from .fleet import Idle
from .jobs import Jobs
from .kernel import Kernel
from .orbit import Orbit, orbit
from .processes import Certificate, Processes
from .releases import RELEASES, OtherRelease
from .screen import Screen
from .start import Start
from .steps import WINDOW, Figures, Found, Sizes, Step

PAYLOAD = bytes(96)
"""What the relay carries: about as many bytes as a call takes on the wire."""

COMPARED = ("roundtrip", "calls", "http")
"""Groups that other releases and TLS take part in."""

SLOW = {"bulk": 2, "fleet": 1, "jobs": 2, "kernel": 2, "screen": 2}
"""Groups that take long, and how many rounds of them are enough."""


class Relay:
    """The steps that load the bare relay, and the empty handler."""

    def __init__(self, sizes: Sizes, socket: ClientConnection, beside: Orbit) -> None:
        self._sizes, self._socket, self._beside = sizes, socket, beside

    async def round_trip(self) -> Figures:
        async def once() -> None:
            await self._socket.send(PAYLOAD)
            await self._socket.recv()

        return {"relay.ms": statistics.median(await load.round_trips(once, self._sizes.seconds)) * 1000}

    async def rate(self) -> Figures:
        rate = await load.relay_messages_a_second(self._socket, PAYLOAD, WINDOW, self._sizes.seconds)
        return {"relay.rate": rate.per_second, "relay.own": rate.own_share}

    async def http(self) -> Figures:
        rate = await self._beside.http("/bench/empty")
        return {"empty.http": rate.per_second, "empty.http_own": rate.own_share}


def relay_steps(relay: Relay) -> dict[str, list[Step]]:
    """Return the relay's by group."""
    return {
        "roundtrip": [Step(relay.round_trip, ("relay.ms",))],
        "calls": [Step(relay.rate, ("relay.rate", "relay.own"))],
        "http": [Step(relay.http, ("empty.http", "empty.http_own"))],
    }


def orbit_steps(one: Orbit) -> dict[str, list[Step]]:
    """Return a bridge's by group."""
    kind = one.kind
    calls = [Step(one.rate, (f"{kind}.rate", f"{kind}.own"))]
    if kind == "tls":
        calls.append(Step(one.threads, (f"{kind}.threads",)))
    return {
        "roundtrip": [
            Step(one.round_trip, (f"{kind}.ms",)),
            Step(one.blocking_round_trip, (f"{kind}.blocking",)),
        ],
        "calls": calls,
        "http": [Step(one.proxy, (f"{kind}.http", f"{kind}.http_own"))],
    }


def release_steps(other: OtherRelease) -> dict[str, list[Step]]:
    """Return another release's by group."""
    version = other.release.version
    return {
        "roundtrip": [Step(other.round_trip, (f"{version}.ms",))],
        "calls": [Step(other.rate, (f"{version}.rate",))],
        "http": [Step(other.http, (f"{version}.http",))],
    }


async def measure(groups: list[str], rounds: int, sizes: Sizes) -> Found:
    """Start what the groups need, run their steps in rounds, and end everything."""
    found = Found()
    async with contextlib.AsyncExitStack() as stack:
        processes = stack.enter_context(Processes())
        relay_url = await asyncio.to_thread(processes.start_relay)
        socket = await stack.enter_async_context(
            connect(f"{relay_url}/client", compression=None, ping_interval=None)
        )
        plain = await stack.enter_async_context(orbit(processes, sizes))
        parts = [relay_steps(Relay(sizes, socket, plain)), orbit_steps(plain)]
        async with contextlib.AsyncExitStack() as compared:
            if set(groups) & set(COMPARED):
                certificate = processes.certificate()
                secure = await compared.enter_async_context(orbit(processes, sizes, certificate))
                parts += [orbit_steps(secure), *await _releases(processes, sizes, certificate, found, compared)]
            by_group = {name: [step for part in parts for step in part[name]] for name in COMPARED}
            by_group |= {"events": Events(sizes, plain).steps(), "start": Start(processes, plain).steps()}
            await _in_rounds(found, [step for name in groups for step in by_group.get(name, [])], rounds, sizes)
        slow = {
            "bulk": Bulk(processes, sizes, socket, plain).steps(),
            "fleet": Idle(processes, sizes).steps(),
            "jobs": Jobs(processes, plain, sizes).steps(),
            "kernel": Kernel(processes, sizes, plain, found).steps(),
            "screen": Screen(sizes, plain).steps(),
        }
        for name in (name for name in groups if name in slow):
            await found.rounds(slow[name], min(rounds, SLOW[name]), name)
    return found


async def _releases(
    processes: Processes,
    sizes: Sizes,
    certificate: Certificate,
    found: Found,
    stack: contextlib.AsyncExitStack,
) -> list[dict[str, list[Step]]]:
    """Start the other releases; of one that can't be run the reason is noted in the place of its figures."""
    parts = []
    for release in RELEASES:
        other = OtherRelease(release, processes, sizes, certificate)
        stack.push_async_callback(asyncio.to_thread, other.end)
        steps = release_steps(other)
        try:
            await asyncio.to_thread(other.start)
        except Exception as error:  # whatever it is, it must not cost our own figures
            for step in (step for group in steps.values() for step in group):
                found.fail(step, f"radical.orbit {release.version} can't be run: {error}")
        parts.append(steps)
    return parts


async def _in_rounds(found: Found, steps: list[Step], rounds: int, sizes: Sizes) -> None:
    if not steps:
        return
    seconds, sizes.seconds = sizes.seconds, min(sizes.seconds, 0.3)
    for step in steps:
        await found.take(step, keep=False)  # warm
    sizes.seconds = seconds
    await found.rounds(steps, rounds, "all")
