"""The notebook about widgets runs where nobody looks: in a bare kernel, and as nbclient and nbmake do it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from server_kernel import ServerKernel
from stage import Server, server

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "04_widgets.ipynb"
VIEW = "application/vnd.orbit.view+json"
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    arguments = ("--OrbitExtension.local_endpoint=on", "--OrbitExtension.local_plugins=sysinfo,psij")
    with server(tmp_path_factory.mktemp("home"), *arguments) as running, running.client() as client:
        client.wait_for_endpoint("local", 60)
        yield running


def test_widgets_notebook_says_what_its_text_promises(lab: Server) -> None:
    shown: dict[str, dict[str, Any]] = {}
    with ServerKernel(lab.info["url"], lab.info["token"]) as kernel:
        for cell in json.loads(NOTEBOOK.read_text())["cells"]:
            if cell["cell_type"] == "code":
                assert cell["outputs"] == []
                shown[cell["id"]] = {}
                for output in kernel.execute("".join(cell["source"]), timeout=90):
                    shown[cell["id"]].update(output.get("data") or {"stdout": output["text"]})
    assert shown["connect"][VIEW]["view"] == "monitor"
    assert {VIEW, WIDGET, "text/html", "text/plain"} <= shown["connect"].keys()
    assert shown["table"]["text/plain"] == "<JobTable local>"
    assert {WIDGET, VIEW} <= shown["table"].keys()
    assert shown["observe"]["stdout"] == "selected: [[]]\n"
    assert WIDGET in shown["boxes"]
    assert shown["job"][VIEW]["view"] == "job"
    assert shown["wait"]["stdout"] == "COMPLETED step 1\nstep 2\n\n"


def test_nbclient_runs_the_notebook_and_keeps_its_widgets(
    lab: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RADICAL_ORBIT_BRIDGE_URL", lab.url)
    monkeypatch.setenv("RADICAL_ORBIT_CLIENT_TOKEN", lab.info["token"])
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    NotebookClient(notebook, timeout=90, kernel_name="python3", store_widget_state=True).execute()
    state = notebook.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    assert any(one["model_name"] == "AnyModel" for one in state.values())
    text = nbformat.writes(notebook)  # type: ignore[no-untyped-call]
    assert lab.info["token"] not in text
