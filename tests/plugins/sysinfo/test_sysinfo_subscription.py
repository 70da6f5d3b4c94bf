"""Subscriptions and history through the plugin's routes, with its threads."""

from __future__ import annotations

import queue
import threading
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from called import through

from orbit_jupyter.plugin import App, AppState, InvalidFieldError, Request, SessionNotFoundError
from orbit_jupyter.protocol import Call
from orbit_plugins.sysinfo import SysInfoPlugin
from orbit_plugins.sysinfo.gpus import GpuProbe
from orbit_plugins.sysinfo.memory import MemoryProbe
from orbit_plugins.sysinfo.provider import SysInfoProvider

LIMIT = 30
"""Seconds after which a test gives up."""


class Host:
    """A plugin on a host whose events the test takes."""

    def __init__(self) -> None:
        self.events: queue.Queue[tuple[str, str, dict[str, Any]]] = queue.Queue()
        self.app = App(AppState(endpoint_name="ep", notify=self.take))
        self.plugin = SysInfoPlugin(self.app, provider=SysInfoProvider([MemoryProbe()]))

    def take(self, plugin: str, topic: str, data: dict[str, Any], session: str, owner: str) -> None:
        self.events.put((plugin, topic, data))

    async def call(self, method: str, path: str, sid: str = "", body: Any = None, query: str = "") -> Any:
        raw = b"" if body is None else msgspec.json.encode(body)
        call = Call(id=1, endpoint="ep", method=method, path="/sysinfo/x", query=query, body=raw)
        return await through(self.plugin, method, path, Request(call, {"sid": sid}, self.app))

    async def subscribe(self, sid: str, body: Any = None) -> Any:
        return await self.call("POST", "subscribe/{sid}", sid, body)

    async def history(self, sid: str, query: str) -> Any:
        return await self.call("GET", "history/{sid}", sid, query=query)

    async def session(self) -> str:
        return str((await self.call("POST", "register_session"))["sid"])

    def event(self) -> tuple[str, str, dict[str, Any]]:
        return self.events.get(timeout=LIMIT)


def ours() -> list[str]:
    return [
        thread.name for thread in threading.enumerate() if thread.name in ("sysinfo-metrics", "sysinfo-history")
    ]


@pytest_asyncio.fixture
async def host() -> AsyncIterator[Host]:
    one = Host()
    yield one
    await one.plugin.close()
    one.plugin.threads.shutdown()
    assert ours() == []


@pytest.mark.asyncio
async def test_subscriber_gets_an_event_with_the_metrics(host: Host) -> None:
    host.app.state.listeners = frozenset({"ada"})
    sid = await host.session()
    answer = await host.subscribe(sid, {"interval": 1})
    assert answer == {"interval": 1, "topic": "metrics"}
    plugin, topic, data = host.event()
    assert (plugin, topic) == ("sysinfo", "metrics")
    assert data["metrics"]["memory"]["total"] > 0
    assert data["time"] > 1_700_000_000


@pytest.mark.asyncio
async def test_interval_is_five_seconds_unless_it_is_given(host: Host) -> None:
    answer = await host.subscribe(await host.session())
    assert answer["interval"] == 5


@pytest.mark.asyncio
@pytest.mark.parametrize("body", [{"interval": 0.5}, {"interval": 3601}, {"interval": "soon"}, {"interval": True}])
async def test_interval_that_cannot_be_is_refused_by_its_name(host: Host, body: dict[str, Any]) -> None:
    with pytest.raises(InvalidFieldError, match="interval") as caught:
        await host.subscribe(await host.session(), body)
    assert (caught.value.status, caught.value.data["field"]) == (422, "interval")


@pytest.mark.asyncio
async def test_subscription_of_an_unknown_session_is_refused(host: Host) -> None:
    with pytest.raises(SessionNotFoundError):
        await host.subscribe("session.none", {})


async def wait_for_end(name: str) -> None:
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join(LIMIT)
    assert name not in ours()


@pytest.mark.asyncio
async def test_unsubscribing_ends_the_thread(host: Host) -> None:
    host.app.state.listeners = frozenset({"ada"})
    sid = await host.session()
    await host.subscribe(sid, {})
    host.event()
    assert await host.call("POST", "unsubscribe/{sid}", sid) == {"ok": True}
    await wait_for_end("sysinfo-metrics")


@pytest.mark.asyncio
async def test_closing_the_session_ends_its_subscription(host: Host) -> None:
    sid = await host.session()
    await host.subscribe(sid, {})
    await host.call("POST", "unregister_session/{sid}", sid)
    await wait_for_end("sysinfo-metrics")


@pytest.mark.asyncio
async def test_session_that_expires_ends_its_subscription_which_has_not_kept_it_alive(host: Host) -> None:
    now = [1000.0]
    host.plugin._sessions._clock = lambda: now[0]
    host.app.state.listeners = frozenset({"somebody else"})
    await host.subscribe(await host.session(), {})
    host.event()
    now[0] += host.plugin.session_ttl + 1
    await host.plugin.sweep()
    assert len(host.plugin._sessions) == 0
    await wait_for_end("sysinfo-metrics")


@pytest.mark.asyncio
async def test_history_begins_with_the_plugin(host: Host) -> None:
    taken = threading.Event()
    tick = host.plugin._history._ticker._tick

    def tell() -> float | None:
        wait = tick()
        taken.set()
        return wait

    host.plugin._history._ticker._tick = tell
    await host.plugin.start()
    assert taken.wait(LIMIT)
    sid = await host.session()
    answer = await host.history(sid, "seconds=600")
    assert answer["interval"] == 5
    assert len(answer["columns"]["cpu_percent"]) == 1
    assert answer["columns"].keys() == answer["units"].keys()
    assert msgspec.json.decode(msgspec.json.encode(answer)) == answer


@pytest.mark.asyncio
@pytest.mark.parametrize("seconds", ["0", "-1", "all"])
async def test_history_of_a_time_that_cannot_be_is_refused_by_its_name(host: Host, seconds: str) -> None:
    with pytest.raises(InvalidFieldError, match="seconds"):
        await host.history(await host.session(), f"seconds={seconds}")


class Gpus(GpuProbe):
    """Reads at once, and tells that it did."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__([], clock=lambda: self.now)
        self.readings: queue.Queue[None] = queue.Queue()

    def read(self) -> list[dict[str, Any]]:
        self._latest = self.now, [{"id": "0"}]
        self.readings.put(None)
        return [{"id": "0"}]

    def wait(self) -> None:
        """Wait for a reading and the end of its thread."""
        self.readings.get(timeout=LIMIT)
        for thread in threading.enumerate():
            if thread.name == "sysinfo-gpus":
                thread.join(LIMIT)


def test_history_has_the_gpus_read_only_while_somebody_listens_and_not_each_time() -> None:
    probe = Gpus()
    provider = SysInfoProvider([probe])
    assert provider.gpus_lately(refresh=False) == []
    assert probe.readings.empty()
    provider.gpus_lately(refresh=True)
    probe.wait()
    probe.now = 20
    assert provider.gpus_lately(refresh=True) == [{"id": "0"}]
    assert probe.readings.empty()
    probe.now = 40
    provider.gpus_lately(refresh=True)
    probe.wait()
    probe.now = 90
    assert provider.gpus_lately(refresh=False) == []
