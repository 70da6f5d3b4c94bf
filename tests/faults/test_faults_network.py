"""What a network does to a connection, and what the ends make of it."""

from __future__ import annotations

import asyncio
import hashlib
import random
import statistics
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from chaos_plugin import pattern, runs
from fault_proxy import FaultProxy
from stage import Server, endpoint, wait_until

from orbit_jupyter.client import aio
from orbit_jupyter.client.exchange import TWO_WAY
from orbit_jupyter.protocol import EndpointDisconnectedError, OrbitError

PLUGINS = ("--plugins", "psij,chaos_plugin:ChaosPlugin")


async def small(client: aio.AsyncBridgeClient, word: str, timeout: float = 60.0, name: str = "hpc1") -> None:
    """Make a small call; its answer must be its own."""
    answer = await client.call(name, "POST", f"/chaos/small/{word}", {"n": word}, timeout=timeout)
    assert answer == {"word": word, "body": {"n": word}}


async def both_ways(client: aio.AsyncBridgeClient, size: int, name: str = "hpc1") -> None:
    """Send a body and read it back while it goes."""
    body = pattern(size, size)
    async with client[name].exchange("POST", "/chaos/turn", body=TWO_WAY) as exchange:

        async def write() -> None:
            for begin in range(0, size, 50_000):
                await exchange.write(body[begin : begin + 50_000])
            await exchange.end()

        writing = asyncio.ensure_future(write())
        assert hashlib.sha256(await exchange.read()).digest() == hashlib.sha256(body).digest()
        await writing


@pytest.mark.asyncio
async def test_connections_that_are_cut_again_and_again_lose_nothing_and_do_nothing_twice(
    lab: Server, network: FaultProxy, tmp_path: Path
) -> None:
    """Guarantees 1, 2 and 6: both ends come back and go on with what was under way, streams included."""
    home, dice = tmp_path / "cut", random.Random(5)
    with endpoint(network.url, "cut", lab.endpoint_token("cut"), home, *PLUGINS):
        async with await aio.connect(network.url, None, "the-token") as client:
            await client.wait_for_endpoint("cut", 30)
            words = [f"w{number}" for number in range(300)]

            async def one(word: str) -> None:
                await asyncio.sleep(dice.random() * 4)
                await small(client, word, name="cut")

            work = [asyncio.ensure_future(one(word)) for word in words]
            work += [asyncio.ensure_future(both_ways(client, size, "cut")) for size in (3 * 2**20, 20 * 2**20)]
            for _ in range(6):
                await asyncio.sleep(dice.random())
                network.cut()
            await asyncio.wait_for(asyncio.gather(*work), 60)
    assert sorted(runs(home, "cut")) == sorted(words)


@pytest.mark.asyncio
async def test_half_open_connections_of_both_ends_are_given_up_and_calls_go_on(
    lab: Server, network: FaultProxy, tmp_path: Path
) -> None:
    """Guarantee 6: nothing says that the connection is gone; both ends find out and dial again."""
    with endpoint(network.url, "half", lab.endpoint_token("half"), tmp_path / "half", *PLUGINS):
        async with await aio.connect(network.url, None, "the-token") as client:
            await client.wait_for_endpoint("half", 30)
            network.half_open()
            waiting = asyncio.ensure_future(small(client, "waits", name="half"))
            accepted = network.accepted
            await asyncio.to_thread(wait_until, lambda: network.accepted >= accepted + 2, "both dial again", 30)
            network.forget()
            await asyncio.wait_for(waiting, 20)
    assert runs(tmp_path / "half", "half") == ["waits"]


@pytest.mark.asyncio
async def test_another_process_takes_over_from_one_behind_a_half_open_connection(
    lab: Server, network: FaultProxy, tmp_path: Path
) -> None:
    """Known of radical.orbit: the bridge held on to the dead connection and refused the new one for minutes."""
    token = lab.endpoint_token("moved")
    async with await aio.connect(lab.url, None, "the-token") as client:
        with endpoint(network.url, "moved", token, tmp_path / "one", *PLUGINS) as first:
            await client.wait_for_endpoint("moved", 30)
            old = asyncio.ensure_future(client.call("moved", "POST", "/chaos/wait/600"))
            await small(client, "old", name="moved")
            network.half_open()
            began = time.monotonic()
            with endpoint(lab.url, "moved", token, tmp_path / "two", *PLUGINS):
                with pytest.raises(EndpointDisconnectedError):  # what was in flight fails at once
                    await asyncio.wait_for(old, 15)
                while not runs(tmp_path / "two", "moved"):
                    await small(client, "new", name="moved")
                assert time.monotonic() - began < 15
                network.forget()
                # The first comes back from the dead, is told who has the name, and ends.
                assert await asyncio.to_thread(first.wait, 40) == 4


@pytest.mark.asyncio
@pytest.mark.parametrize("way", ["up", "down"])
async def test_damaged_message_costs_at_most_its_call_and_never_an_end(
    lab: Server, network: FaultProxy, hpc1: Server, way: Any
) -> None:
    """Guarantee 1: whatever a bit is turned into, each call ends, and those after it succeed."""
    async with await aio.connect(network.url, None, "the-token") as client:
        for at in range(0, 40):
            damaged = network.damage(way, at, at % 8)
            results = await asyncio.wait_for(
                asyncio.gather(*(small(client, f"d{n}", 2.0) for n in range(3)), return_exceptions=True), 20
            )
            for result in results:
                assert result is None or isinstance(result, OrbitError | AssertionError), repr(result)
            wait_until(damaged.is_set, "a message was damaged", 10)
            await small(client, "after", 10.0)


@pytest.mark.asyncio
async def test_small_calls_pass_many_large_bodies_on_a_slow_network(
    lab: Server, network: FaultProxy, hpc1: Server
) -> None:
    """Guarantee 3: 24 bodies share 4 MiB/s; a call behind all that is on its way would wait six seconds."""
    network.throttle(4 * 2**20)
    async with await aio.connect(network.url, None, "the-token") as client:

        async def forever() -> AsyncIterator[bytes]:
            while True:
                yield bytes(2**18)

        async def send() -> None:
            async with client["hpc1"].exchange("PUT", "/chaos/sink", body=forever()):
                pass

        bodies = [asyncio.ensure_future(send()) for _ in range(24)]
        await asyncio.sleep(3)  # until what is in flight is as much as there will ever be
        took = []
        for number in range(10):
            began = time.monotonic()
            await small(client, f"s{number}")
            took.append(time.monotonic() - began)
        network.throttle(0)
        for body in bodies:
            body.cancel()
        await asyncio.gather(*bodies, return_exceptions=True)
    # The 8 MiB that the carrier and the sockets hold go first: two seconds here. Lanes spare the call the rest.
    assert statistics.median(took) < 4.0, took


@pytest.mark.asyncio
async def test_slow_reader_of_a_body_costs_the_bridge_no_memory(
    lab: Server, network: FaultProxy, hpc1: Server
) -> None:
    """Guarantees 2 and 10: an answer of 256 MiB waits with its sender for a reader that reads nothing."""
    import psutil

    bridge = psutil.Process(lab.process.pid)
    async with await aio.connect(network.url, None, "the-token") as client:
        before = bridge.memory_info().rss
        most = 0
        size = 256 * 2**20
        async with client["hpc1"].exchange("GET", f"/chaos/source/1/{size}") as exchange:
            for _ in range(20):
                await asyncio.sleep(0.1)
                most = max(most, bridge.memory_info().rss)
            digest = hashlib.sha256()
            async for piece in exchange:
                digest.update(piece)
                most = max(most, bridge.memory_info().rss)
    assert digest.digest() == hashlib.sha256(pattern(1, size)).digest()
    assert most - before < 32 * 2**20
