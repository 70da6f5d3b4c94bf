"""JupyterLab in a browser, with Orbit's extension: what a test does there, and what it finds."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, WebSocket, expect
from stage import Server

VIEW = "application/vnd.orbit.view+json"
WIDGET = "application/vnd.jupyter.widget-view+json"


class LabPage:
    """A page with JupyterLab.

    Parameters
    ----------
    page
        The browser's.
    lab
        A server that `lab_notebook.lab_server` runs.
    """

    def __init__(self, page: Page, lab: Server) -> None:
        self.page, self._lab = page, lab
        self.dialled: list[str] = []
        page.on("websocket", self._dials)

    def open(self, place: str = "lab?reset") -> LabPage:
        """Open it with nothing in it, or what an address names."""
        token = f"{'&' if '?' in place else '?'}token={self._lab.info['token']}"
        self.page.goto(f"{self._lab.info['url'].rstrip('/')}/{place}{token}")
        return self.restored()

    def reload(self) -> LabPage:
        """Load the page anew, once what is open has been noted."""
        with self.page.expect_response(
            lambda one: "/lab/api/workspaces/" in one.url and one.request.method == "PUT"
        ):
            pass
        self.page.goto(f"{self._lab.info['url'].rstrip('/')}/lab")
        return self.restored()

    def restored(self) -> LabPage:
        """Wait until all is there that was open before."""
        self.page.wait_for_function("() => window.jupyterapp")
        self.page.evaluate("async () => { await window.jupyterapp.restored; }")
        return self

    def run(self, command: str, **args: Any) -> Any:
        """Run one of Lab's commands."""
        program = "([command, args]) => { void window.jupyterapp.commands.execute(command, args); }"
        return self.page.evaluate(program, [command, args])

    def theme(self, name: str) -> None:
        """Change Lab's theme, and wait until it is."""
        self.run("apputils:change-theme", theme=name)
        expect(self.page.locator("body")).to_have_attribute("data-jp-theme-name", name)
        expect(self.page.locator("#jupyterlab-splash")).to_have_count(0)

    def tabs(self) -> Locator:
        """Return the tabs of the main area that are ours."""
        return self.page.locator("#jp-main-dock-panel .lm-TabBar-tab[data-id^='orbit#']")

    def tab(self, name: str | re.Pattern[str]) -> Locator:
        """Return the tab with a title."""
        return self.tabs().filter(has_text=name)

    @property
    def status(self) -> Locator:
        """The item in the status bar."""
        return self.page.locator("orbit-lab-status")

    @property
    def panel(self) -> Locator:
        """The panel in the left side bar."""
        return self.page.locator("orbit-lab-panel")

    def toast(self, text: str) -> Locator:
        """Return a notification."""
        return self.page.locator(".Toastify__toast").filter(has_text=text)

    def _dials(self, socket: WebSocket) -> None:
        if socket.url.endswith("/orbit/client"):
            self.dialled.append(socket.url)


def saved_notebook(folder: Path, name: str, *views: dict[str, Any]) -> None:
    """Write a notebook whose cells once showed these views; each had a widget of a kernel that is no more."""
    cells = [
        {
            "cell_type": "code",
            "id": f"cell-{number}",
            "source": "",
            "metadata": {},
            "execution_count": number + 1,
            "outputs": [
                {
                    "output_type": "execute_result",
                    "execution_count": number + 1,
                    "metadata": {},
                    "data": {
                        VIEW: view,
                        WIDGET: {"version_major": 2, "version_minor": 0, "model_id": f"{number:032x}"},
                        "text/html": "<p>the state at that time</p>",
                        "text/plain": "<JobTable>",
                    },
                }
            ],
        }
        for number, view in enumerate(views)
    ]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    folder.joinpath(name).write_text(
        json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})
    )
