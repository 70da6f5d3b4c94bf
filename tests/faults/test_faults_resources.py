"""A disk that is full, and a wall clock that jumps."""

from __future__ import annotations

import asyncio
import json
import os
import resource
from pathlib import Path
from typing import Any

import psutil
import pytest
from stage import Server, endpoint, server, wait_until

from orbit_jupyter.client import aio
from orbit_jupyter.protocol import Event, OrbitError

PLUGINS = ("--plugins", "psij,chaos_plugin:ChaosPlugin")
SOAK = bool(os.environ.get("ORBIT_SOAK"))
OFF = ("--OrbitExtension.local_endpoint=off",)


class Disk:
    """The disk of a process: full, where no file of it may grow any more; programs that it starts inherit that."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._hard = process.rlimit(psutil.RLIMIT_FSIZE)[1]

    def fill(self) -> None:
        """Let nothing more be written. (Python ignores the signal that comes with it.)"""
        self._process.rlimit(psutil.RLIMIT_FSIZE, (0, self._hard))

    def free(self) -> None:
        """Let all be written again."""
        self._process.rlimit(psutil.RLIMIT_FSIZE, (self._hard, self._hard))


class Ticks:
    """The events of a subscriber: which numbers, and how often it was told of a gap."""

    def __init__(self, client: aio.AsyncBridgeClient) -> None:
        self.numbers: list[int] = []
        self.gaps = 0
        client.on_event = self._take
        client.subscribe()

    def _take(self, _endpoint: str, event: Event) -> None:
        if event.topic == "tick":
            self.numbers.append(json.loads(event.data)["number"])
        elif event.topic == "gap":
            self.gaps += 1

    async def until(self, last: int) -> None:
        """Wait for an event."""
        there = asyncio.to_thread(wait_until, lambda: last in self.numbers[-1:], f"event {last}", 30)
        await there


async def burst(client: aio.AsyncBridgeClient, count: int) -> int:
    """Have the endpoint send events; return the number of the last."""
    last: int = (await client.call("hpc1", "POST", f"/chaos/burst/{count}"))["last"]
    return last


def limits_hold() -> bool:
    """Whether this system bounds the size of files at all."""
    return hasattr(resource, "RLIMIT_FSIZE")


@pytest.mark.asyncio
async def test_bridge_with_a_full_disk_goes_on_and_has_all_events_when_there_is_room_again(
    tmp_path: Path, home: Path
) -> None:
    """Guarantee 4: nothing is lost while the disk takes nothing; what came meanwhile is on disk afterwards."""
    assert limits_hold()
    with server(home, *OFF) as first:
        port, token = first.port, first.endpoint_token("hpc1")
        disk = Disk(psutil.Process(first.process.pid))
        with endpoint(first.url, "hpc1", token, tmp_path / "hpc1", *PLUGINS):
            async with await aio.connect(first.url, None, "the-token") as client:
                await client.wait_for_endpoint("hpc1", 30)
                ticks = Ticks(client)
                await ticks.until(await burst(client, 200))
                place = client._seen
                disk.fill()
                last = await burst(client, 2000)
                await ticks.until(last)
                assert (await client.call("hpc1", "POST", "/chaos/small/full"))["word"] == "full"
                async with await aio.connect(first.url, None, "the-token") as newcomer:
                    assert await newcomer.list_endpoints() == ["hpc1"]
                disk.free()
                await asyncio.sleep(35 if SOAK else 0)  # every 30 s the store tries again
                last = await burst(client, 10)
                await ticks.until(last)
            assert ticks.numbers == list(range(ticks.numbers[0], last + 1))
            assert ticks.gaps == 0
            await asyncio.to_thread(first.stop)
            with server(home, *OFF, port=port) as second:
                async with await aio.connect(second.url, None, "the-token") as client:
                    client._seen = place  # a reader that was away all the time
                    again = Ticks(client)
                    await client.wait_for_endpoint("hpc1", 60)
                    await again.until(await burst(client, 1))
    assert again.numbers == list(range(201, last + 2)) or (again.gaps > 0 and not SOAK)
    assert again.numbers[-1] == last + 1


@pytest.mark.asyncio
async def test_endpoint_with_a_full_disk_says_so_and_submits_once_there_is_room(
    lab: Server, tmp_path: Path
) -> None:
    """Guarantee 5: an intent that can't be written is no submit; the same key works later, once."""
    spec = {"executable": "/bin/sh", "arguments": ["-c", f"echo run >> {tmp_path}/ran"]}
    with endpoint(lab.url, "hpc1", lab.endpoint_token("hpc1"), tmp_path / "hpc1", *PLUGINS) as process:
        disk = Disk(psutil.Process(process.pid))
        async with await aio.connect(lab.url, None, "the-token") as client:
            await client.wait_for_endpoint("hpc1", 30)
            psij: Any = await client["hpc1"].get_plugin("psij")
            await psij.list_jobs()
            disk.fill()
            with pytest.raises(OrbitError) as full:
                await psij.submit_job(spec, key="the key")
            assert full.value.status >= 500
            # All that needs no disk goes on.
            assert (await client.call("hpc1", "POST", "/chaos/wait/0"))["waited"] is True
            ticks = Ticks(client)
            await ticks.until(await burst(client, 1000))
            assert not (tmp_path / "ran").exists()
            disk.free()
            job = await psij.submit_job(spec, key="the key")
            assert await psij.submit_job(spec, key="the key") == job
            await asyncio.to_thread(wait_until, (tmp_path / "ran").exists, "the job ran", 20)
            states = {one["state"] for one in (await psij.list_jobs())["jobs"]}
            while states != {"COMPLETED"}:
                await asyncio.sleep(0.1)
                states = {one["state"] for one in (await psij.list_jobs())["jobs"]}
        assert process.poll() is None
    assert (tmp_path / "ran").read_text() == "run\n"


DAY = 86_400.0


@pytest.mark.asyncio
@pytest.mark.parametrize("seconds", [DAY, -2 * DAY, 40 * 365 * DAY])
async def test_wall_clock_that_jumps_ends_nothing(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """Guarantees 5, 6 and 8: time left, liveness, sessions and keys don't follow the wall clock of either side."""
    clock = tmp_path / "clock"
    clock.write_text("0")
    monkeypatch.setenv("ORBIT_TEST_CLOCK_OFFSET", str(clock))
    options = ("--OrbitExtension.ping_interval=0.5", "--OrbitExtension.revocation_interval=0.2")
    spec = {"executable": "/bin/sh", "arguments": ["-c", f"echo run >> {tmp_path}/ran"]}
    with server(home, *OFF, *options) as lab:
        token = lab.endpoint_token("hpc1")
        with endpoint(lab.url, "hpc1", token, tmp_path / "hpc1", *PLUGINS) as process:
            async with await aio.connect(lab.url, None, "the-token") as client:
                await client.wait_for_endpoint("hpc1", 30)
                ticks, link = Ticks(client), client._link
                psij: Any = await client["hpc1"].get_plugin("psij")
                sid, job = psij.sid, await psij.submit_job(spec, key="the key")
                before = await client.call("hpc1", "GET", "/chaos/left")
                waiting = asyncio.ensure_future(client.call("hpc1", "POST", "/chaos/wait/6", timeout=30))
                await burst(client, 100)
                await asyncio.sleep(1)
                clock.write_text(str(seconds))
                assert await waiting == {"waited": True, "time_left": pytest.approx(30, abs=1)}
                assert (await psij.get_job_status(job["job_id"]))["job_id"] == job["job_id"]
                assert psij.sid == sid
                assert await psij.submit_job(spec, key="the key") == job
                await ticks.until(await burst(client, 100))
                listed = (await client.call("", "POST", "/endpoint/list"))["data"]["endpoints"]
                assert listed["hpc1"]["endpoint"]["state"] == "present"
                assert (await client.call("hpc1", "GET", "/chaos/left"))["life"] == before["life"]
                assert client._link is link
            assert ticks.numbers == list(range(1, ticks.numbers[-1] + 1))
            assert ticks.gaps == 0
            assert process.poll() is None
    assert (tmp_path / "ran").read_text() == "run\n"
