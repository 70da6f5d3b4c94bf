"""The widgets as Python has them."""

from __future__ import annotations

import asyncio
import inspect
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets  # type: ignore[import-untyped]
import pytest
from stage import wait_until
from traitlets import TraitError

import orbit_jupyter_widgets
from orbit_jupyter.client.async_endpoints import AsyncEndpointClient
from orbit_jupyter.plugin.testing import star
from orbit_jupyter_widgets import calls, pictures, widgets
from orbit_jupyter_widgets.bundle import WIDGET_MIME_TYPE
from orbit_jupyter_widgets.view import MIME_TYPE
from orbit_plugins.staging import StagingPlugin

if TYPE_CHECKING:
    from orbit_jupyter.plugin.testing import StarClient

PUBLIC = [
    widgets.EndpointMap,
    widgets.Explorer,
    widgets.FileBrowser,
    widgets.JobTable,
    widgets.LogView,
    widgets.PluginPanel,
    widgets.SystemMonitor,
]


def test_public_names_are_these() -> None:
    found = orbit_jupyter_widgets.__all__
    assert found == sorted(orbit_jupyter_widgets._HOMES)
    assert [name for name in found if not hasattr(orbit_jupyter_widgets, name)] == []
    with pytest.raises(AttributeError):
        _ = orbit_jupyter_widgets.nothing


def own_traits(widget: type[widgets.OrbitWidget]) -> dict[str, Any]:
    known = ipywidgets.DOMWidget.class_trait_names()
    return {name: one for name, one in widget.class_traits().items() if name not in known and name[0] != "_"}


@pytest.mark.parametrize("widget", PUBLIC)
def test_every_trait_has_help_and_reaches_the_page(widget: type[widgets.OrbitWidget]) -> None:
    for name, trait in own_traits(widget).items():
        assert trait.help.endswith("."), name
        assert trait.metadata["sync"], name


def test_each_call_returns_its_widget(hpc: StarClient) -> None:
    made = [
        calls.explorer(client=hpc.bridge),
        calls.jobs("hpc1", client=hpc.bridge),
        calls.monitor("hpc1", client=hpc.bridge),
        calls.topology(client=hpc.bridge),
        calls.files("hpc1", client=hpc.bridge),
        calls.log(client=hpc.bridge),
        calls.panel("hpc1", "sample", client=hpc.bridge),
    ]
    assert [repr(one) for one in made] == [
        "<Explorer>",
        "<JobTable hpc1>",
        "<SystemMonitor hpc1>",
        "<EndpointMap>",
        "<FileBrowser hpc1>",
        "<LogView>",
        "<PluginPanel sample on hpc1>",
    ]
    assert {one.bridge for one in made} == {"star"}
    for one in made:
        one.close()


def test_endpoint_is_found_where_none_is_named(hpc: StarClient) -> None:
    assert calls.jobs(client=hpc.bridge).endpoint == "hpc1"
    assert calls.files(client=hpc.bridge).endpoint == ""  # staging isn't loaded there


def test_traits_are_set_at_once_and_observed(hpc: StarClient) -> None:
    table = calls.jobs("hpc1", client=hpc.bridge, filter="train")
    assert table.filter == "train"
    seen: list[list[str]] = []
    table.observe(lambda change: seen.append(change["new"]), "selected")
    table.set_state({"selected": ["j1", "j2"]})  # as the page does
    assert table.selected == ["j1", "j2"]
    assert seen == [["j1", "j2"]]
    with pytest.raises(TraitError):
        table.channel = "telepathy"


def test_widgets_stand_beside_others(hpc: StarClient) -> None:
    table, slider = calls.jobs("hpc1", client=hpc.bridge), ipywidgets.IntSlider()
    box = ipywidgets.HBox([table, ipywidgets.VBox([slider, calls.log(client=hpc.bridge)])])
    assert box.children[0] is table


def test_widget_has_all_forms_for_whoever_shows_it(hpc: StarClient) -> None:
    bundle = calls.monitor("hpc1", client=hpc.bridge)._repr_mimebundle_()
    assert bundle is not None
    data, _ = bundle
    assert data["text/plain"] == "<SystemMonitor hpc1>"
    assert data[WIDGET_MIME_TYPE]["model_id"]
    assert data[MIME_TYPE] == {"view": "monitor", "endpoint": "hpc1", "bridge": "star"}
    assert "Host of hpc1" in data["text/html"]


def test_picture_of_a_widget_leaves_no_session_behind(hpc: StarClient) -> None:
    table = calls.jobs("hpc1", client=hpc.bridge)
    before = len(hpc.plugin("psij")._sessions)
    picture = table._repr_mimebundle_()
    assert picture is not None
    assert "There are no jobs yet." in picture[0]["text/html"]
    wait_until(lambda: len(hpc.plugin("psij")._sessions) == before, "the session is closed")


def test_endpoint_that_falls_silent_behind_its_session_holds_no_widget_up(
    hpc: StarClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = AsyncEndpointClient.call
    silent = asyncio.Event()

    async def answers_once(self: AsyncEndpointClient, method: str, path: str, *more: Any, **named: Any) -> Any:
        if not path.endswith("register_session"):
            await silent.wait()
        return await real(self, method, path, *more, **named)

    monkeypatch.setattr(AsyncEndpointClient, "call", answers_once)
    monkeypatch.setattr(pictures, "DEADLINE", 0.2)
    showing = threading.Thread(target=calls.jobs("hpc1", client=hpc.bridge)._repr_mimebundle_)
    showing.start()
    showing.join(20)
    held_up = showing.is_alive()
    hpc.run(_set(silent))
    showing.join()
    assert not held_up


async def _set(event: asyncio.Event) -> None:
    event.set()


def test_picture_of_a_folder_is_of_the_one_that_is_shown(tmp_path: Path) -> None:
    (tmp_path / "what-is-shown.txt").write_text("x")
    with star(StagingPlugin) as hpc:
        bundle = calls.files("hpc1", client=hpc.bridge, path=str(tmp_path))._repr_mimebundle_()
    assert bundle is not None
    assert "what-is-shown.txt" in bundle[0]["text/html"]


def test_what_a_page_sends_reaches_the_relay_and_its_answer_the_page(
    hpc: StarClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = calls.jobs("hpc1", client=hpc.bridge)
    done: list[str] = []
    monkeypatch.setattr(table._relay, "_send", lambda content, buffers=None: done.append(content["orbit"]))
    table._handle_custom_msg({"orbit": "dial", "page": "p"}, [])

    async def opened() -> None:
        while not done:
            await asyncio.sleep(0.01)

    hpc.run(asyncio.wait_for(opened(), 10))
    assert done[0] == "open"
    table.close()


def test_loader_is_small_since_it_goes_with_every_widget() -> None:
    assert len(widgets._LOADER) < 5000


def test_every_call_says_what_it_takes() -> None:
    functions = [one for name, one in vars(calls).items() if inspect.isfunction(one)]
    assert len(functions) == 7
    assert [one.__name__ for one in functions if "Parameters\n" not in (one.__doc__ or "")] == []
