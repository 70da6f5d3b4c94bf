"""A notebook in JupyterLab, in a browser: made, opened, run cell by cell."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect
from stage import Server, server

_READY = """async () => {
  const panel = window.jupyterapp?.shell.currentWidget;
  if (!panel?.sessionContext) return false;
  await panel.context.ready;
  await panel.sessionContext.ready;
  const kernel = panel.sessionContext.session?.kernel;
  if (!kernel) return false;
  await kernel.info;
  return kernel.status === 'idle';
}"""

_SAVE = """async () => { await window.jupyterapp.shell.currentWidget.context.save(); }"""

_DONE = re.compile(r"\[\d+\]:")

_KERNEL = "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"


@contextmanager
def lab_server(home: Path, *arguments: str, port: int = 0) -> Iterator[Server]:
    """Run JupyterLab with the bridge until the block ends; notebooks are in ``home/work``.

    It may be run again in the same home: pages that are open go on where the port is the same.
    """
    (home / "work").mkdir(parents=True, exist_ok=True)
    labconfig = home / "config" / "labconfig"
    labconfig.mkdir(parents=True, exist_ok=True)
    silent = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    (labconfig / "page_config.json").write_text(json.dumps(silent))
    more = (f"--ServerApp.root_dir={home / 'work'}", "--LabApp.expose_app_in_browser=True", *arguments)
    with server(home, *more, port=port, command=("jupyterlab",)) as running:
        yield running


@contextmanager
def local_lab(home: Path, plugins: str, seconds: float = 60) -> Iterator[Server]:
    """Run it with the endpoint `local`, which has so many seconds to be there."""
    arguments = ("--OrbitExtension.local_endpoint=on", f"--OrbitExtension.local_plugins={plugins}")
    with lab_server(home, *arguments) as running:
        with running.client() as client:
            client.wait_for_endpoint("local", seconds)
        yield running


class LabNotebook:
    """A notebook that is open in JupyterLab.

    Parameters
    ----------
    page
        The browser's.
    lab
        A server that `lab_server` runs.
    name
        Of the file.
    """

    def __init__(self, page: Page, lab: Server, name: str) -> None:
        self.page, self._lab = page, lab
        self._file = lab.home / "work" / name

    def write(self, *cells: str) -> LabNotebook:
        """Write the file, with these cells."""
        metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        made: list[dict[str, Any]] = [
            {
                "cell_type": "code",
                "id": f"cell-{number}",
                "source": source,
                "metadata": {},
                "outputs": [],
                "execution_count": None,
            }
            for number, source in enumerate(cells)
        ]
        self._file.write_text(
            json.dumps({"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})
        )
        return self

    def open(self, *, ready: bool = True) -> LabNotebook:
        """Open it; with `ready` its kernel is, too."""
        url = self._lab.info["url"].rstrip("/")
        self.page.goto(f"{url}/lab/tree/{self._file.name}?reset&token={self._lab.info['token']}")
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")
        self.page.locator(".jp-NotebookPanel:visible").wait_for()
        if ready:
            self.ready()
        return self

    def ready(self) -> None:
        """Wait until the kernel is idle."""
        self.page.wait_for_function(_READY)

    def cell(self, number: int) -> Locator:
        """Return a cell."""
        return self.page.locator(".jp-NotebookPanel:visible .jp-CodeCell").nth(number)

    def output(self, number: int) -> Locator:
        """Return what a cell shows."""
        return self.cell(number).locator(".jp-OutputArea")

    def start(self, number: int) -> None:
        """Run a cell, and don't wait for its end."""
        self.cell(number).locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")

    def run(self, number: int) -> Locator:
        """Run a cell to its end; return what it shows."""
        before = self.prompt(number)
        self.start(number)
        expect(self.cell(number).locator(".jp-InputPrompt").first).not_to_have_text(before)
        expect(self.cell(number).locator(".jp-InputPrompt").first).to_have_text(_DONE)
        return self.output(number)

    def prompt(self, number: int) -> str:
        """Return what stands before a cell, such as ``[3]:``."""
        return self.cell(number).locator(".jp-InputPrompt").first.inner_text()

    def restart(self) -> None:
        """Restart the kernel, and wait until it is there again."""
        self.page.evaluate(f"async () => {{ await {_KERNEL}.restart(); }}")
        self.ready()

    def end_kernel(self) -> None:
        """End the kernel for good."""
        self.page.evaluate(
            "async () => { await window.jupyterapp.shell.currentWidget.sessionContext.shutdown(); }"
        )

    def save(self) -> dict[str, Any]:
        """Save it; return what is in the file."""
        self.page.evaluate(_SAVE)
        saved: dict[str, Any] = json.loads(self._file.read_text())
        return saved
