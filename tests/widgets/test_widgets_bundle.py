"""What a cell's output holds: the view, the widget, and a picture that is safe and quick."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import IPython
import ipywidgets  # type: ignore[import-untyped]
import pytest

from orbit_jupyter.client import EndpointClient
from orbit_jupyter.plugin import AsyncPluginClient
from orbit_jupyter.plugin.testing import star
from orbit_jupyter.verbs import Facts, Table
from orbit_jupyter_widgets import pictures
from orbit_jupyter_widgets.bundle import WIDGET_MIME_TYPE, render
from orbit_jupyter_widgets.view import MIME_TYPE
from orbit_plugins.psij import PSIJPlugin

if TYPE_CHECKING:
    from orbit_jupyter.plugin.testing import StarClient

EVIL = "<script>alert('x')</script>\"&"


class Tags(HTMLParser):
    """The tags of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.found.add(tag)


def bundle(shown: Any) -> dict[str, Any]:
    made: dict[str, Any] = shown._repr_mimebundle_()
    return made


def job(hpc: StarClient, script: str = "echo hello") -> Any:
    submitted = hpc.psij.submit_job({"executable": "/bin/sh", "arguments": ["-c", script]})
    submitted.wait(30)
    return submitted


def test_each_object_has_its_view(hpc: StarClient) -> None:
    one = job(hpc)
    assert [bundle(shown)[MIME_TYPE] for shown in (hpc.bridge, hpc, hpc.psij, hpc.sysinfo, hpc.sample, one)] == [
        {"view": "explorer", "bridge": "star"},
        {"view": "endpoint", "endpoint": "hpc1", "bridge": "star"},
        {"view": "jobs", "endpoint": "hpc1", "plugin": "psij", "bridge": "star"},
        {"view": "monitor", "endpoint": "hpc1", "plugin": "sysinfo", "bridge": "star"},
        {"view": "plugin", "endpoint": "hpc1", "plugin": "sample", "bridge": "star"},
        {"view": "job", "endpoint": "hpc1", "plugin": "psij", "job": one.id, "bridge": "star"},
    ]


def test_each_object_keeps_its_text(hpc: StarClient) -> None:
    for shown in (hpc.bridge, hpc, hpc.psij, job(hpc)):
        assert bundle(shown)["text/plain"] == repr(shown)


def test_pictures_have_the_state_of_this_moment(hpc: StarClient) -> None:
    one = job(hpc, "echo hello; exit 3")
    assert "FAILED" in bundle(hpc.psij)["text/html"]
    assert "echo hello; exit 3" in bundle(hpc.psij)["text/html"]
    assert "exit code 3" in bundle(one)["text/html"]
    assert "<pre>hello\n</pre>" in bundle(one)["text/html"]
    assert "GiB used" in bundle(hpc.sysinfo)["text/html"]
    assert "hpc1" in bundle(hpc.bridge)["text/html"]
    assert "loaded" in bundle(hpc)["text/html"]


def test_what_comes_from_an_endpoint_is_escaped(hpc: StarClient) -> None:
    one = job(hpc, f"echo '{EVIL[:8]}b>'; : '{EVIL[8:]}'")
    for shown in (hpc.psij, one):
        html = bundle(shown)["text/html"]
        assert Tags(html).found <= {"div", "b", "table", "thead", "tbody", "tr", "th", "td", "pre", "p"}
        assert "&lt;script" in html


def test_what_a_verb_returned_is_a_table_and_no_view() -> None:
    rows = Table([{"name": EVIL}], {EVIL: "name"}, EVIL)
    facts = Facts({"a": EVIL}, {"a": "a"}, "facts")
    for shown in (rows, facts):
        made = bundle(shown)
        assert set(made) == {"text/plain", "text/html"}
        assert "script" not in Tags(made["text/html"]).found


def test_other_objects_are_none_of_ours() -> None:
    assert render(object()) is None
    assert render({"id": "x"}) is None


def test_endpoint_that_is_not_connected_is_said(hpc: StarClient) -> None:
    elsewhere = EndpointClient(hpc.bridge, "gone")
    assert "It isn&#x27;t connected." in bundle(elsewhere)["text/html"]


def test_endpoint_that_does_not_answer_holds_no_cell_up(hpc: StarClient, monkeypatch: pytest.MonkeyPatch) -> None:
    psij = hpc.psij

    async def never(*_: Any, **__: Any) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(AsyncPluginClient, "call", never)
    monkeypatch.setattr(pictures, "DEADLINE", 0.2)
    assert "psij on hpc1" in bundle(psij)["text/html"]  # else it would wait for ever


def test_error_of_an_endpoint_is_shown_in_its_picture(hpc: StarClient) -> None:
    one = job(hpc)
    one["job_id"] = "no-such-job"
    assert "no-such-job" in bundle(one)["text/html"]


def test_picture_is_drawn_on_the_loop_of_the_client_too(hpc: StarClient) -> None:
    psij = hpc.psij

    async def shown() -> dict[str, Any]:
        return bundle(psij)

    assert MIME_TYPE in hpc.run(shown())


def test_endpoint_without_jobs_says_so(hpc: StarClient) -> None:
    assert "There are no jobs yet." in bundle(hpc.psij)["text/html"]


def test_in_a_kernel_there_is_a_widget_the_same_for_the_same_view(
    hpc: StarClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert WIDGET_MIME_TYPE not in bundle(hpc.psij)
    monkeypatch.setattr(IPython, "get_ipython", Shell)
    first, again, other = (bundle(shown)[WIDGET_MIME_TYPE] for shown in (hpc.psij, hpc.psij, hpc.sysinfo))
    assert first == again
    assert first["model_id"] != other["model_id"]


class Shell:
    """What IPython has in a kernel."""

    kernel = object()


def test_after_all_widgets_were_closed_an_object_has_a_new_one(
    hpc: StarClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(IPython, "get_ipython", Shell)
    first = bundle(hpc.psij)[WIDGET_MIME_TYPE]
    ipywidgets.Widget.close_all()
    second = bundle(hpc.psij)
    assert second[WIDGET_MIME_TYPE]["model_id"] not in (None, first["model_id"])
    assert MIME_TYPE in second


def test_showing_a_bridge_that_was_closed_does_not_open_it_again(
    hpc: StarClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(IPython, "get_ipython", Shell)
    hpc.bridge.close()
    for shown in (hpc.bridge, hpc):
        assert "text/html" in bundle(shown)
    assert not hpc.bridge.aio.is_open


def test_calls_of_a_plugin_are_those_of_its_own_client(hpc: StarClient) -> None:
    assert "Use .call(method, route)" in pictures.calls(hpc.sample)
    own = pictures.calls(hpc.psij)
    assert "submit_job" in own
    assert "async_class" not in own


def test_plugin_without_a_view_of_its_own_shows_its_calls() -> None:
    with star(PSIJPlugin) as hpc:
        client = hpc.get_plugin("psij")
        client._bridge_client = None
        made = bundle(client)
    assert MIME_TYPE not in made
    assert "submit_job" in made["text/html"]


def test_drawing_a_picture_imports_no_widget_library() -> None:
    program = (
        "import sys, orbit_jupyter_widgets.bundle, orbit_jupyter, orbit_jupyter.client;"
        "print([name for name in ('ipywidgets', 'anywidget', 'IPython') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
