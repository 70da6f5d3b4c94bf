"""What the bridge tells an endpoint, and what becomes of it in its plugins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, ClassVar

import pytest
import pytest_asyncio
from called import Called

from orbit_jupyter.host import PluginHost, plugin_host
from orbit_jupyter.plugin import App, AppState, Plugin
from orbit_jupyter.protocol import EndpointInfo, Fail, Listeners, PluginInfo, Topology


class Watcher(Plugin):
    plugin_name = "watcher-of-test"
    session_ttl: ClassVar[float] = 100

    def __init__(self, app: App, instance_name: str | None = None) -> None:
        super().__init__(app, instance_name)
        self.seen: list[dict[str, Any]] = []

    async def on_topology_change(self, endpoints: dict[str, Any]) -> None:
        self.seen.append(endpoints)


@pytest_asyncio.fixture
async def host() -> AsyncIterator[PluginHost]:
    host = PluginHost(App(AppState(endpoint_name="hpc1")), on_event=lambda _: None)
    await host.add_class(Watcher)
    yield host
    await host.close()


def info(name: str) -> EndpointInfo:
    return EndpointInfo({"type": "radical.orbit"}, {"psij": PluginInfo("psij", f"/{name}/psij")})


def watcher(host: PluginHost, name: str = "watcher-of-test") -> Watcher:
    plugin = host.plugin(name)
    assert isinstance(plugin, Watcher)
    return plugin


@pytest.mark.asyncio
async def test_plugin_is_told_all_endpoints_at_each_change(host: PluginHost) -> None:
    host.tell(Topology({"a": info("a"), "b": info("b")}, full=True))
    host.tell(Topology({"c": info("c")}, removed=["a"]))
    await asyncio.sleep(0)
    psij = {"plugins": ["psij"]}
    assert watcher(host).seen == [{"a": psij, "b": psij}, {"b": psij, "c": psij}]


@pytest.mark.asyncio
async def test_plugin_that_is_added_later_is_told_what_there_is(host: PluginHost) -> None:
    host.tell(Topology({"a": info("a")}, full=True))
    await host.add(Watcher, "second")
    await asyncio.sleep(0)
    assert watcher(host, "second").seen == [{"a": {"plugins": ["psij"]}}]


@pytest.mark.asyncio
@pytest.mark.parametrize(("listeners", "status"), [([], 410), (["bea"], 410), (["ann", "bea"], 200)])
async def test_session_of_a_user_who_is_there_does_not_expire(
    host: PluginHost, listeners: list[str], status: int
) -> None:
    called = Called(host, user="ann")
    sid = (await called.json("POST", "/watcher-of-test/register_session"))["sid"]
    now = [0.0]
    table = watcher(host)._sessions
    table._clock, kept = lambda: now[0], table._kept[sid]
    kept.used = 0.0
    host.tell(Listeners(listeners))
    for _ in range(3):
        now[0] += 60
        await watcher(host).sweep()
    end = await called.answer("POST", f"/watcher-of-test/unregister_session/{sid}")
    assert (end.status if isinstance(end, Fail) else 200) == status


@pytest.mark.asyncio
async def test_session_that_has_expired_stays_so_when_its_user_comes_back(host: PluginHost) -> None:
    called = Called(host, user="ann")
    sid = (await called.json("POST", "/watcher-of-test/register_session"))["sid"]
    table = watcher(host)._sessions
    clock = table._clock
    table._clock = lambda: clock() + 101
    host.tell(Listeners(["ann"]))
    await watcher(host).sweep()
    end = await called.answer("POST", f"/watcher-of-test/unregister_session/{sid}")
    assert isinstance(end, Fail)
    assert end.status == 410


class FailsToStart(Plugin):
    plugin_name = "fails-to-start-of-test"
    closed = 0

    async def start(self) -> None:
        raise OSError("no disk")

    async def close(self) -> None:
        await super().close()
        FailsToStart.closed += 1


@pytest.mark.asyncio
async def test_plugin_that_fails_to_start_is_closed_and_is_not_there(host: PluginHost) -> None:
    with pytest.raises(OSError, match="no disk"):
        await host.add(FailsToStart, "broken")
    assert FailsToStart.closed == 1
    assert list(host.infos()) == ["watcher-of-test"]
    await host.add(Watcher, "broken")  # the name is free again


class WritesItPlainly(Plugin):
    """Its author has left out the `async`, as handlers may."""

    plugin_name = "plain-of-test"

    def __init__(self, app: App, instance_name: str | None = None) -> None:
        super().__init__(app, instance_name)
        self.seen: list[dict[str, Any]] = []

    def on_topology_change(self, endpoints: dict[str, Any]) -> None:  # type: ignore[override]
        self.seen.append(endpoints)
        if "bad" in endpoints:
            raise KeyError("bad")


@pytest.mark.asyncio
async def test_plain_method_gets_the_news_and_what_it_raises_keeps_them_from_no_one(
    host: PluginHost, caplog: pytest.LogCaptureFixture
) -> None:
    await host.add_class(WritesItPlainly)
    await host.add(Watcher, "behind")
    host.tell(Topology({"a": info("a")}, full=True))
    host.tell(Topology({"bad": info("bad")}))
    assert len(host._telling) == 6  # held, or they might be collected before they have run
    await asyncio.gather(*host._telling)
    plain = host.plugin("plain-of-test")
    assert isinstance(plain, WritesItPlainly)
    assert plain.seen == watcher(host).seen == watcher(host, "behind").seen
    assert [list(endpoints) for endpoints in plain.seen] == [["a"], ["a", "bad"]]
    assert "plugin plain-of-test failed on a change of topology" in caplog.text
    await asyncio.sleep(0)
    assert not host._telling


class Meddles(Plugin):
    """While it is swept, others come and go; and it fails in every way that there is."""

    plugin_name = "meddles-of-test"
    failures: ClassVar[list[BaseException]] = [
        RuntimeError("broken"),
        SystemExit(3),
        asyncio.CancelledError(),
    ]

    def __init__(self, app: App, instance_name: str | None = None) -> None:
        super().__init__(app, instance_name)
        self.to_fail, self.came_through = list(self.failures), asyncio.Event()

    async def sweep(self) -> None:
        state = self._app.state
        await state.add_plugin(Watcher, f"new{len(self.to_fail)}")
        if not self.to_fail:
            self.came_through.set()
            return
        await state.remove_plugin(f"new{len(self.to_fail)}")
        raise self.to_fail.pop()


@pytest.mark.asyncio
async def test_sweeper_survives_plugins_that_come_and_go_and_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin_host, "SWEEP", 0.001)
    host = PluginHost(App(AppState(endpoint_name="hpc1")), on_event=lambda _: None)
    await host.add_class(Meddles)
    await host.add_class(Watcher)
    meddles = host.plugin("meddles-of-test")
    assert isinstance(meddles, Meddles)
    await asyncio.wait_for(meddles.came_through.wait(), 20)
    assert not host._sweeper.done()
    await host.close()
