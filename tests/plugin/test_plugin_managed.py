"""Plugins whose instances clients make, through a real host."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
import pytest_asyncio
from called import Called

from orbit_jupyter.host import PluginHost
from orbit_jupyter.plugin import App, AppState, ClientManagedPlugin, route
from orbit_jupyter.protocol import Event, Fail


class Settings(msgspec.Struct, forbid_unknown_fields=True):
    place: str
    height: float = 2.0


class Station(ClientManagedPlugin):
    """A weather station; there may be many."""

    plugin_name = "station-of-test"
    settings_class: ClassVar[type[msgspec.Struct]] = Settings

    def __init__(self, app: App, instance_name: str | None = None, settings: Settings | None = None) -> None:
        super().__init__(app, instance_name, settings)
        self.add_route_get("old", self.read_old)

    @route.get("place")
    async def read(self) -> dict[str, Any]:
        assert isinstance(self.settings, Settings)
        return {"place": self.settings.place, "height": self.settings.height}

    async def read_old(self, request: Any) -> dict[str, Any]:
        return {"old": True}


@pytest_asyncio.fixture
async def host(tmp_path: Path) -> AsyncIterator[Called]:
    called = await started(tmp_path)
    yield called
    await called.host.close()


async def started(folder: Path) -> Called:
    events: list[Event] = []
    host = PluginHost(App(AppState(endpoint_name="hpc1", folder=folder)), on_event=events.append)
    await host.add_class(Station)
    return Called(host)


def said(fail: Any) -> tuple[int, str]:
    assert isinstance(fail, Fail)
    return fail.status, fail.message


@pytest.mark.asyncio
async def test_client_makes_names_and_removes_an_instance(host: Called) -> None:
    made = await host.json("POST", "/station-of-test/create", {"name": "roof", "settings": {"place": "up"}})
    assert made == {"name": "roof", "namespace": "/hpc1/roof", "settings": {"place": "up", "height": 2.0}}
    assert await host.json("GET", "/roof/place") == {"place": "up", "height": 2.0}
    assert await host.json("GET", "/roof/old") == {"old": True}
    assert host.host.infos()["roof"].type == "station-of-test"
    assert await host.json("GET", "/station-of-test/instances") == {"instances": [made]}
    assert await host.json("POST", "/station-of-test/remove/roof") == {"ok": True}
    assert said(await host.answer("GET", "/roof/place"))[0] == 404
    assert list(host.host.infos()) == ["station-of-test"]


@pytest.mark.asyncio
async def test_manager_and_instances_have_different_routes(host: Called) -> None:
    await host.json("POST", "/station-of-test/create", {"name": "roof", "settings": {"place": "up"}})
    for path in ("/station-of-test/place", "/station-of-test/old", "/roof/instances"):
        assert said(await host.answer("GET", path))[0] == 404
    for name in ("station-of-test", "roof"):
        assert (await host.json("POST", f"/{name}/register_session"))["sid"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"name": "a b", "settings": {"place": "x"}}, 422, "a b"),
        ({"name": "roof"}, 422, "settings.place: is missing"),
        ({"name": "roof", "settings": {"place": "x", "color": 1}}, 422, "settings.color: is no field"),
        ({"name": "station-of-test", "settings": {"place": "x"}}, 409, "there is a plugin station-of-test"),
        ({"settings": {"place": "x"}}, 422, "name: is missing"),
    ],
)
async def test_instance_that_cannot_be_is_refused(
    host: Called, body: dict[str, Any], status: int, says: str
) -> None:
    got = said(await host.answer("POST", "/station-of-test/create", body))
    assert got[0] == status
    assert says in got[1]
    assert await host.json("GET", "/station-of-test/instances") == {"instances": []}


@pytest.mark.asyncio
async def test_unknown_instance_cannot_be_removed(host: Called) -> None:
    status, message = said(await host.answer("POST", "/station-of-test/remove/roof"))
    assert (status, "no instance 'roof'" in message) == (404, True)


@pytest.mark.asyncio
async def test_instances_are_there_again_after_a_restart(tmp_path: Path) -> None:
    first = await started(tmp_path)
    for name in ("roof", "cellar"):
        await first.json("POST", "/station-of-test/create", {"name": name, "settings": {"place": name}})
    await first.json("POST", "/station-of-test/remove/roof")
    await first.host.close()
    second = await started(tmp_path)
    assert await second.json("GET", "/cellar/place") == {"place": "cellar", "height": 2.0}
    assert list(second.host.infos()) == ["station-of-test", "cellar"]
    await second.host.close()


@pytest.mark.asyncio
async def test_saved_instance_that_no_longer_fits_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "station-of-test"
    folder.mkdir()
    (folder / "instances.json").write_text('{"roof": {"size": 3}, "cellar": {"place": "down"}}')
    host = await started(tmp_path)
    assert list(host.host.infos()) == ["station-of-test", "cellar"]
    await host.host.close()
    (folder / "instances.json").write_text("{")
    host = await started(tmp_path)
    assert list(host.host.infos()) == ["station-of-test"]
    await host.host.close()
