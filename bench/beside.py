"""Load from a process of its own, so that what is measured meanwhile doesn't wait for the load generator.

``python -m bench.beside calls URL ENDPOINT RATE`` calls at that rate until a line comes on stdin;
``… up URL ENDPOINT BYTES`` and ``… down …`` wait for that line and then move so many bytes. The token is in
``BENCH_TOKEN``. Each prints one line when it is ready, and at the end a number: calls or bytes a second.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator

from orbit_jupyter import aio
from orbit_jupyter.client.aio import AsyncBridgeClient

from .load import CHUNK
from .steps import ROUTE, WINDOW

TICK = 0.005
"""Seconds between two looks whether calls are due."""

WARM = 16 * 2**20


async def calls(client: AsyncBridgeClient, endpoint: str, rate: float) -> float:
    """Call at a rate until a line comes, `WINDOW` at a time at most; return the rate that was kept."""
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    free = asyncio.Semaphore(WINDOW)
    running: set[asyncio.Task[None]] = set()
    done = 0

    async def one() -> None:
        nonlocal done
        try:
            await client[endpoint].call("GET", ROUTE)
            done += 1
        finally:
            free.release()

    began, begun = time.perf_counter(), 0
    print("calling", flush=True)
    while not ended.done():
        while begun < rate * (time.perf_counter() - began) and not ended.done():
            await free.acquire()
            task = asyncio.ensure_future(one())
            running.add(task)
            task.add_done_callback(running.discard)
            begun += 1
        await asyncio.sleep(TICK)
    kept = done / (time.perf_counter() - began)
    await asyncio.gather(*running)
    return kept


def _zeros(size: int) -> Iterator[bytes]:
    chunk = bytes(CHUNK)
    for _ in range(size // CHUNK):
        yield chunk


async def _up(client: AsyncBridgeClient, endpoint: str, size: int) -> int:
    async with client[endpoint].exchange("PUT", f"/{endpoint}/blob", body=_zeros(size)) as exchange:
        return int((await exchange.json())["received"])


async def _down(client: AsyncBridgeClient, endpoint: str, size: int) -> int:
    received = 0
    async with client[endpoint].exchange("GET", f"/{endpoint}/blob/{size}") as exchange:
        async for chunk in exchange:
            received += len(chunk)
    return received


async def transfer(client: AsyncBridgeClient, endpoint: str, down: bool, size: int) -> float:
    """Move so many bytes when told to; return bytes a second."""
    move = _down if down else _up
    await move(client, endpoint, WARM)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    began = time.perf_counter()
    moved = await move(client, endpoint, size)
    passed = time.perf_counter() - began
    if moved != size:
        raise RuntimeError(f"of {size} bytes {moved} came")
    return moved / passed


async def main() -> None:
    """Connect, load, and say how fast it was."""
    verb, url, endpoint, number = sys.argv[1:]
    async with await aio.connect(url, token=os.environ["BENCH_TOKEN"]) as client:
        if verb == "calls":
            print(await calls(client, endpoint, float(number)), flush=True)
        else:
            print(await transfer(client, endpoint, verb == "down", int(number)), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
