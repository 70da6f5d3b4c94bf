"""Plugins whose instances clients make, through a real host."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
import pytest_asyncio
from called import Called

from orbit_jupyter.host import PluginHost
from orbit_jupyter.plugin import App, AppState, ClientManagedPlugin, ManagedClient, route
from orbit_jupyter.plugin.testing import star
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
        if settings is not None and settings.place == "nowhere":
            raise ValueError("there is no such place")
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


@pytest.mark.asyncio
async def test_saved_instance_that_cannot_be_made_is_listed_and_kept_until_it_is_removed(tmp_path: Path) -> None:
    file = tmp_path / "station-of-test" / "instances.json"
    file.parent.mkdir()
    file.write_text('{"roof": {"size": 3}, "hut": {"place": "nowhere"}}')
    host = await started(tmp_path)
    await host.json("POST", "/station-of-test/create", {"name": "cellar", "settings": {"place": "down"}})
    saved = msgspec.json.decode(file.read_bytes())
    assert saved == {"roof": {"size": 3}, "hut": {"place": "nowhere"}, "cellar": {"place": "down", "height": 2.0}}
    listed = (await host.json("GET", "/station-of-test/instances"))["instances"]
    assert [(one["name"], one.get("error", "").partition(":")[0]) for one in listed] == [
        ("cellar", ""),
        ("roof", "ValidationError"),
        ("hut", "ValueError"),
    ]
    assert listed[1]["settings"] == {"size": 3}
    assert await host.json("POST", "/station-of-test/remove/roof") == {"ok": True}
    assert said(await host.answer("POST", "/station-of-test/remove/roof"))[0] == 404
    await host.json("POST", "/station-of-test/create", {"name": "hut", "settings": {"place": "hill"}})
    assert [one["place"] for one in msgspec.json.decode(file.read_bytes()).values()] == ["hill", "down"]
    names = [one["name"] for one in (await host.json("GET", "/station-of-test/instances"))["instances"]]
    assert names == ["cellar", "hut"]
    await host.host.close()


@pytest.mark.asyncio
async def test_instances_that_are_made_and_removed_at_once_are_all_saved(host: Called, tmp_path: Path) -> None:
    names = [f"mast{index}" for index in range(20)]
    await asyncio.gather(
        *(host.json("POST", "/station-of-test/create", {"name": n, "settings": {"place": n}}) for n in names)
    )
    file = tmp_path / "station-of-test" / "instances.json"
    assert sorted(msgspec.json.decode(file.read_bytes())) == sorted(names)
    await asyncio.gather(*(host.json("POST", f"/station-of-test/remove/{name}") for name in names[5:]))
    assert sorted(msgspec.json.decode(file.read_bytes())) == names[:5]


@pytest.mark.asyncio
async def test_instance_that_cannot_be_saved_is_not_made(host: Called, tmp_path: Path) -> None:
    body = {"name": "roof", "settings": {"place": "up"}}
    in_the_way = tmp_path / "station-of-test"
    in_the_way.write_text("a file, where a folder is wanted")
    assert said(await host.answer("POST", "/station-of-test/create", body))[0] == 500
    assert list(host.host.infos()) == ["station-of-test"]
    assert await host.json("GET", "/station-of-test/instances") == {"instances": []}
    in_the_way.unlink()
    await host.json("POST", "/station-of-test/create", body)


@pytest.mark.asyncio
async def test_instance_whose_removal_cannot_be_saved_stays(host: Called, tmp_path: Path) -> None:
    await host.json("POST", "/station-of-test/create", {"name": "roof", "settings": {"place": "up"}})
    folder, away = tmp_path / "station-of-test", tmp_path / "away"
    folder.rename(away)
    folder.write_text("a file, where a folder is wanted")
    assert said(await host.answer("POST", "/station-of-test/remove/roof"))[0] == 500
    assert (await host.json("GET", "/roof/place"))["place"] == "up"
    assert len((await host.json("GET", "/station-of-test/instances"))["instances"]) == 1
    folder.unlink()
    away.rename(folder)
    await host.json("POST", "/station-of-test/remove/roof")
    assert list(host.host.infos()) == ["station-of-test"]


@pytest.mark.asyncio
async def test_error_of_an_instance_is_no_conflict_of_names(host: Called) -> None:
    body = {"name": "hut", "settings": {"place": "nowhere"}}
    status, message = said(await host.answer("POST", "/station-of-test/create", body))
    assert (status, "there is no such place" in message) == (500, True)


def test_class_that_asks_for_a_process_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Apart: .* leave out isolation = 'process'"):
        type("Apart", (Station,), {"plugin_name": "apart-of-test", "isolation": "process"})


class Named(msgspec.Struct):
    name: str


class NamedStation(ClientManagedPlugin):
    plugin_name = "named-station-of-test"
    settings_class: ClassVar[type[msgspec.Struct]] = Named


def test_settings_may_have_a_field_called_name() -> None:
    with star(NamedStation) as hpc:
        stations = hpc.get_plugin("named-station-of-test")
        assert isinstance(stations, ManagedClient)
        assert stations.create("roof", name="Ada")["settings"] == {"name": "Ada"}
        assert hpc.run(stations.aio.create("cellar", name="Bea"))["settings"] == {"name": "Bea"}
