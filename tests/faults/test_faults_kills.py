"""Bridge, endpoint and client are killed and stopped at random moments under load; afterwards all adds up.

``ORBIT_ROUNDS`` and ``ORBIT_SEED`` say how many rounds and which schedule; `make soak` runs 60. A failure names
its seed: the same seed is the same schedule.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import chaos_load
import psutil
import pytest
from chaos_load import Load
from chaos_plugin import runs
from stage import Server, endpoint, environment, server, wait_until

from orbit_jupyter.client import BridgeClient

ROUNDS = int(os.environ.get("ORBIT_ROUNDS", "6"))
SEED = int(os.environ.get("ORBIT_SEED", "1"))

OPTIONS = (
    "--OrbitExtension.local_endpoint=off",
    "--OrbitExtension.ping_interval=1",
    "--OrbitExtension.suspect_after=1",
    "--OrbitExtension.lost_after=5",
)
PLUGINS = ("--plugins", "psij,chaos_plugin:ChaosPlugin")

FAULTS = [(who, sign) for who in ("bridge", "endpoint", "client") for sign in (signal.SIGKILL, signal.SIGSTOP)]


class Stage:
    """The three processes, each of which can be started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._port = 0
        self._ends: dict[str, contextlib.ExitStack] = {}
        self.bridge: Server
        self.token = ""
        self.processes: dict[str, subprocess.Popen[Any]] = {}

    def start(self, who: str) -> None:
        """Start one of them."""
        if who in self._ends:
            self._ends.pop(who).close()
        ends = self._ends[who] = contextlib.ExitStack()
        if who == "bridge":
            self.bridge = ends.enter_context(server(self.folder / "bridge", *OPTIONS, port=self._port))
            self._port = self.bridge.port
            self.processes[who] = self.bridge.process
            self.token = self.token or self.bridge.endpoint_token("hpc1")
        elif who == "endpoint":
            started = endpoint(self.bridge.url, "hpc1", self.token, self.folder / "endpoint", *PLUGINS)
            self.processes[who] = ends.enter_context(started)
        else:
            self.processes[who] = ends.enter_context(_client(self.bridge.url, self.folder))

    def end(self) -> None:
        """End all."""
        for ends in reversed(self._ends.values()):
            ends.close()

    def left(self) -> dict[str, Any]:
        """Return what bridge and endpoint hold while nobody is there but who asks, and 15 s went by at most."""
        with self.bridge.client() as client:
            client.wait_for_endpoint("hpc1", 30, poll=0.1)
            held: dict[str, Any] = client["hpc1"].call("GET", "/chaos/left")
            bridge = psutil.Process(self.bridge.process.pid)
            # Threads of a pool stay for the next work; their number is the pool's.
            threads = Counter(name.rstrip("0123456789") for name in held["threads"])
            return {
                "tasks of the endpoint": held["tasks"],
                "files and sockets of the endpoint": held["fds"],
                "children of the endpoint": held["children"],
                "threads of the endpoint": {name: n for name, n in threads.items() if not name.endswith("_")},
                "files and sockets of the bridge": bridge.num_fds(),
                "children of the bridge": [child.pid for child in bridge.children()],
                "threads of the bridge": max(0, bridge.num_threads() - (os.cpu_count() or 1) - 4),
            }


@contextlib.contextmanager
def _client(url: str, folder: Path) -> Iterator[subprocess.Popen[Any]]:
    with (folder / "client.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, chaos_load.__file__, url, "the-token", "hpc1", str(folder), f"c{time.time_ns()}"],
            env=environment(folder / "client"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    try:
        for who in ("bridge", "endpoint"):
            made.start(who)
        yield made
    finally:
        made.end()


def too_much(stage: Stage, before: dict[str, Any], seconds: float = 25.0) -> dict[str, Any]:
    """Return what is held beyond what was, after so many seconds to give it back; empty where all was."""
    until = time.monotonic() + seconds
    while True:
        now = stage.left()
        more = {what: (before[what], held) for what, held in now.items() if _more(held, before[what])}
        if not more or time.monotonic() > until:
            return more
        time.sleep(0.3)


def _more(held: Any, before: Any) -> bool:
    if isinstance(held, dict):
        return any(count > before.get(name, 0) for name, count in held.items())
    return len(held) > len(before) if isinstance(held, list) else bool(held > before)


async def loaded(stage: Stage, number: int, dice: random.Random, fault: tuple[str, signal.Signals] | None) -> Any:
    """Run one round under load and return what its clients found."""
    await asyncio.to_thread(ticks, stage, "on")
    load = Load(stage.bridge.url, "the-token", "hpc1", stage.folder, f"t{number}", seed=SEED)
    running = asyncio.ensure_future(load.run())
    await asyncio.to_thread(stage.start, "client")
    await asyncio.sleep(0.3 + dice.random() * 1.5)
    if fault is not None:
        await asyncio.to_thread(strike, stage, *fault, dice.random() * (7 if number % 4 == 3 else 1.5))
    await asyncio.sleep(1.0)
    load.stop()
    process = stage.processes["client"]
    found = load.findings()
    if process.poll() is None:
        try:
            told, _ = await asyncio.to_thread(process.communicate, None, 150)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGUSR2)
            await asyncio.sleep(2)
            raise AssertionError(f"the client hangs: {(stage.folder / 'client.log').read_text()}") from None
        other = json.loads(told)
        await running
        found = load.findings()
        return {name: found[name] + other[name] for name in ("wrong", "answered", "keys")} | {
            "ends": found["ends"]
        }
    await running
    return load.findings()


def strike(stage: Stage, who: str, sign: signal.Signals, seconds: float) -> None:
    """Kill one of them and start it again after a while, or have it stand still for so long."""
    process = stage.processes[who]
    process.send_signal(sign)
    if sign == signal.SIGKILL:
        process.wait()
        time.sleep(seconds / 2)
        if who != "client":
            stage.start(who)
    else:
        time.sleep(seconds)
        process.send_signal(signal.SIGCONT)


def ticks(stage: Stage, state: str) -> None:
    """Begin or end to send events; none is sent while the stage is looked at."""
    with stage.bridge.client() as client:
        client.wait_for_endpoint("hpc1", 30, poll=0.1)
        client["hpc1"].call("POST", f"/chaos/ticks/{state}", timeout=30)


def jobs_done(stage: Stage) -> Counter[str]:
    """Return how often each job ran, once none runs any more."""
    file = stage.folder / "jobs"
    return Counter(file.read_text().split() if file.exists() else [])


def no_job_runs(client: BridgeClient) -> bool:
    """Return whether all jobs have ended."""
    listed = client["hpc1"].psij.list_jobs()["jobs"]
    return all(job["state"] in ("COMPLETED", "FAILED", "CANCELED") for job in listed)


@pytest.mark.asyncio
@pytest.mark.timeout(120 + 60 * ROUNDS)
async def test_everything_adds_up_after_each_fault(stage: Stage) -> None:
    dice, schedule = random.Random(SEED), list[tuple[str, signal.Signals]]()
    while len(schedule) < ROUNDS:
        schedule += dice.sample(FAULTS, len(FAULTS))
    ends: Counter[str] = Counter()
    answered: set[str] = set()
    await loaded(stage, 0, dice, None)  # all has been used once: what stays now, stays
    await asyncio.to_thread(ticks, stage, "off")
    before = await asyncio.to_thread(stage.left)
    for number, fault in enumerate(schedule[:ROUNDS], 1):
        replay = f"round {number} of ORBIT_SEED={SEED}, {fault[1].name} of the {fault[0]}"
        began = time.monotonic()
        found = await loaded(stage, number, dice, fault)
        assert found["wrong"] == [], replay
        ends.update(found["ends"])
        answered |= set(found["answered"])
        ran = Counter(runs(stage.folder / "endpoint", "hpc1"))
        assert [word for word, times in ran.items() if times > 1] == [], f"{replay}: calls that ran twice"
        assert answered - set(ran) == set(), f"{replay}: calls that were answered and never ran"
        await asyncio.to_thread(ticks, stage, "off")
        with stage.bridge.client() as client:
            await asyncio.to_thread(wait_until, partial(no_job_runs, client), f"{replay}: jobs have ended", 60)
        jobs = jobs_done(stage)
        assert {key: jobs[key] for key in found["keys"] if jobs[key] != 1} == {}, f"{replay}: jobs, not run once"
        assert [key for key, times in jobs.items() if times > 1] == [], f"{replay}: jobs that ran twice"
        assert await asyncio.to_thread(too_much, stage, before) == {}, f"{replay}: (before, left over)"
        print(f"{replay}: {time.monotonic() - began:.1f} s")
    print(
        f"\n{ROUNDS} rounds of ORBIT_SEED={SEED}: {len(answered)} calls ran once, {sum(jobs.values())} jobs too;"
    )
    print(", ".join(f"{kind} {count}" for kind, count in sorted(ends.items())))
