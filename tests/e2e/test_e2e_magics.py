"""``%orbit`` in a real kernel of a real server: the notebook, Tab, and the stop button."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from server_kernel import ServerKernel
from stage import Server, server

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "03_magics.ipynb"


class TabKernel(ServerKernel):
    """A kernel that is asked what could stand at the cursor, too."""

    def completions(self, code: str) -> list[str]:
        """Return what Tab offers at the end of a cell, as JupyterLab puts it in."""
        request = self._send("complete_request", {"code": code, "cursor_pos": len(code)})
        while True:
            message = json.loads(self._socket.recv(60))
            if message["msg_type"] == "complete_reply" and message["parent_header"]["msg_id"] == request:
                content: dict[str, Any] = message["content"]
                return [code[: content["cursor_start"]] + match for match in content["matches"]]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    arguments = ("--OrbitExtension.local_endpoint=on", "--OrbitExtension.local_plugins=sysinfo,psij")
    with server(tmp_path_factory.mktemp("home"), *arguments) as running:
        yield running


@pytest.fixture
def kernel(lab: Server) -> Iterator[TabKernel]:
    started = TabKernel(lab.info["url"], lab.info["token"])
    with started:
        yield started


def shown_by(kernel: ServerKernel, code: str) -> dict[str, str]:
    """Run a cell and return what it shows, by kind."""
    shown: dict[str, str] = {}
    for output in kernel.execute(code, timeout=60):
        for kind, text in (output.get("data") or {output["name"]: output["text"]}).items():
            shown[kind] = shown.get(kind, "") + (text if isinstance(text, str) else json.dumps(text))
    return shown


def test_the_notebook_runs_as_a_user_would_run_it(kernel: TabKernel) -> None:
    notebook = json.loads(NOTEBOOK.read_text())
    shown: dict[str, dict[str, str]] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
            shown[cell["id"]] = shown_by(kernel, cell["source"])
    assert "in use" in shown["where"]["text/html"]
    assert "local *" in shown["endpoints"]["text/plain"]
    assert "<table>" in shown["endpoints"]["text/html"]
    assert "GiB free" in shown["sysinfo"]["text/html"]
    assert "('COMPLETED', '" in shown["job-wait"]["text/plain"]
    assert shown["follow"] == {"stdout": "1 2 3 "}
    assert shown["bash"]["stdout"] == "a\nscript\nof\nbash\n"
    assert shown["python"]["stdout"].startswith("python on ")
    assert "COMPLETED" in shown["last"]["text/html"]
    assert "import platf" in shown["last"]["text/html"]  # the script is the job's command
    assert "<th style='text-align:left'>state</th>" in shown["rows"]["text/html"]
    assert shown["states"]["text/plain"] == "['COMPLETED']"
    assert shown["canceled"]["stdout"] == "last state: CANCELED\n"


def test_tab_in_a_kernel_offers_verbs_options_and_endpoints(kernel: TabKernel) -> None:
    kernel.execute("%load_ext orbit_jupyter\n%config OrbitMagics.completion_time = 30")
    assert kernel.completions("%orbit su") == ["%orbit submit"]
    assert kernel.completions("x = 1\njob = %orbit st") == ["x = 1\njob = %orbit status"]
    assert kernel.completions("%%orbit submit --que") == ["%%orbit submit --queue"]
    assert kernel.completions("%orbit submit --on lo") == ["%orbit submit --on local"]


def test_the_stop_button_cancels_the_job_that_the_cell_waits_for(lab: Server, kernel: TabKernel) -> None:
    kernel.execute("%load_ext orbit_jupyter")
    active, shown = threading.Event(), dict[str, str]()

    def on_status(endpoint: str, plugin: str, topic: str, data: dict[str, Any]) -> None:
        if data["state"] == "ACTIVE" and data["executable"] == "/bin/sleep":
            active.set()

    def run() -> None:
        shown.update(shown_by(kernel, "job = %orbit submit --wait -- /bin/sleep 600"))

    with lab.client() as client:
        client.register_callback("local", "psij", "job_status", on_status)
        cell = threading.Thread(target=run)
        cell.start()
        assert active.wait(40)
        kernel.interrupt()
        cell.join(40)
    assert "is being cancelled" in shown["stdout"]
    assert shown_by(kernel, "print(job.state)")["stdout"] == "CANCELED\n"


def test_progress_is_one_line_that_changes(kernel: TabKernel) -> None:
    kernel.execute("%load_ext orbit_jupyter")
    outputs = kernel.execute("job = %orbit submit --wait -- sh -c 'sleep 1.2'")
    lines = [output["data"]["text/plain"] for output in outputs if output["output_type"] == "display_data"]
    assert len(lines) == 1
    assert " on local: " in lines[0]
