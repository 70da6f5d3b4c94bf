"""The bare relay and the loads: real processes, little load."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import pytest
from websockets.asyncio.client import connect

from bench import load
from bench.processes import Processes


@pytest.mark.asyncio
async def test_the_relay_echoes_and_carries_bulk_both_ways() -> None:
    with Processes() as processes:
        url = await asyncio.to_thread(processes.start_relay)
        async with connect(f"{url}/client", compression=None, ping_interval=None) as socket:
            await socket.send(b"as it is")
            assert await socket.recv() == b"as it is"
            for down in (False, True):
                assert await load.relay_bulk(socket, down, 8 * load.CHUNK) > 0
            await socket.send(b"in order")
            assert await socket.recv() == b"in order"  # nothing of the bulk is left behind


@pytest.mark.asyncio
async def test_paced_calls_never_overlap_and_make_up_for_none() -> None:
    began: list[float] = []
    ended: list[float] = []

    async def call() -> None:
        began.append(time.perf_counter())
        await asyncio.sleep(0 if ended else 0.1)  # the first one takes five times the pace
        ended.append(time.perf_counter())

    times = await load.paced_round_trips(call, 0.02, lambda: len(ended) < 4)
    assert (len(times), times[0] > 0.09) == (4, True)
    assert all(next_one >= end for next_one, end in zip(began[1:], ended, strict=False))
    assert min(later - sooner for sooner, later in pairwise(began[1:])) > 0.015
