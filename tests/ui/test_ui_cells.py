"""Widgets in the cells of a real JupyterLab: what they show, what Python sees, and what outlives the kernel."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from chromium import Watched
from lab_notebook import LabNotebook, local_lab
from playwright.sync_api import Locator, Page, expect
from stage import Server

pytestmark = [pytest.mark.ui, pytest.mark.timeout(240)]

PLUGINS = "sysinfo,psij,staging,sample_plugin:SamplePlugin"

FIRST = "import orbit_jupyter as orbit, orbit_jupyter_widgets as ow\nlocal = orbit.connect()['local']"
SLEEPER = "job = local.psij.submit_job({'executable': '/bin/sleep', 'arguments': ['600']})"
BUSY = "import time\ntime.sleep(20)"

EVERY = {
    "ow.explorer()": ("orbit-explorer", "local"),
    "ow.jobs()": ("orbit-jobs", "PsiJ Jobs"),
    "ow.monitor('local')": ("orbit-system", "cores"),
    "ow.topology()": ("orbit-map", "local"),
    "ow.files('local')": ("orbit-files", "server.log"),
    "ow.log()": ("orbit-log", "Pause"),
    "ow.panel('local', 'psij')": ("orbit-plugin-page", "Executable"),
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with local_lab(tmp_path_factory.mktemp("lab"), PLUGINS) as running:
        yield running


@pytest.fixture
def notebook(page: Page, lab: Server, request: pytest.FixtureRequest) -> Callable[..., LabNotebook]:
    """Make a notebook with these cells, and open it."""
    name = re.sub(r"\W+", "-", request.node.name)[:60]

    def made(*cells: str) -> LabNotebook:
        return LabNotebook(page, lab, f"{name}.ipynb").write(*cells).open()

    return made


def text(output: Locator) -> str:
    return output.locator(".jp-OutputArea-output").last.inner_text().strip()


def heard(system: Locator) -> Any:
    """Say when a monitor has last heard of its host."""
    return system.evaluate("element => element.now?.heard")


def cancel_first(jobs: Locator) -> None:
    """Select the newest job and cancel it, by the view's own buttons."""
    jobs.get_by_role("checkbox", name=re.compile("^Select (?!all)")).first.click()
    jobs.get_by_role("button", name=re.compile("^Cancel")).first.click()
    jobs.get_by_role("alertdialog").get_by_role("button").first.click()


def test_each_widget_shows_in_a_cell(
    notebook: Callable[..., LabNotebook], lab: Server, shot: Callable[..., None]
) -> None:
    opened = notebook(FIRST, *EVERY)
    opened.run(0)
    for number, (element, said) in enumerate(EVERY.values(), 1):
        shown = opened.run(number).locator(element).first
        expect(shown).to_contain_text(said)
    shot(opened.page, "cells-widgets")


def test_python_reads_and_sets_what_the_user_sees(notebook: Callable[..., LabNotebook]) -> None:
    opened = notebook(
        f"{FIRST}\n{SLEEPER}\nseen = []",
        "jobs = ow.jobs('local')\njobs.observe(lambda change: seen.append(change['new']), 'selected')\njobs",
        "print(jobs.selected == [job.id], seen == [[job.id]], jobs.reached)",
        "jobs.filter = 'no such job'",
        "print(repr(jobs.filter)); job.cancel(); job.wait()",
    )
    opened.run(0)
    jobs = opened.run(1).locator("orbit-jobs")
    jobs.get_by_role("checkbox", name=re.compile("^Select (?!all)")).first.click()
    expect(jobs.get_by_role("button", name=re.compile("^Cancel 1"))).to_be_enabled()
    assert text(opened.run(2)) == "True True direct"
    opened.run(3)
    expect(jobs).to_contain_text("No job fits")
    jobs.get_by_role("button", name="Show all").click()
    expect(jobs).to_contain_text("sleep")
    assert "''" in opened.run(4).inner_text()


def test_widgets_stand_in_boxes_beside_others(notebook: Callable[..., LabNotebook]) -> None:
    box = (
        "import ipywidgets\nm, s = ow.monitor('local'), ipywidgets.Checkbox(description='still')\n"
        "ipywidgets.jslink((s, 'value'), (m, 'paused'))\n"
        "ipywidgets.HBox([m, ipywidgets.VBox([s, ow.log()])])"
    )
    opened = notebook(FIRST, box, "print(m.paused)")
    opened.run(0)
    output = opened.run(1)
    expect(output.locator("orbit-system")).to_contain_text("cores")
    expect(output.locator("orbit-log")).to_contain_text("Pause")
    output.get_by_role("checkbox", name="still").check()
    expect(output.locator("orbit-system")).to_contain_text("Go on")
    assert text(opened.run(2)) == "True"


@pytest.mark.parametrize("channel", ["auto", "kernel"])
def test_while_a_cell_runs_monitor_and_buttons_go_on(notebook: Callable[..., LabNotebook], channel: str) -> None:
    # Through the kernel that needs subshells, which ipykernel has from 7 on: comm messages don't wait there.
    opened = notebook(
        f"{FIRST}\n{SLEEPER}",
        f"ow.monitor('local', channel='{channel}')",
        f"ow.jobs('local', channel='{channel}')",
        BUSY,
    )
    opened.run(0)
    system = opened.run(1).locator("orbit-system")
    jobs = opened.run(2).locator("orbit-jobs")
    expect(jobs).to_contain_text("sleep")
    expect(system).to_contain_text("cores")
    opened.start(3)
    expect(opened.cell(3).locator(".jp-InputPrompt").first).to_have_text("[*]:")
    before = heard(system)
    cancel_first(jobs)
    expect(jobs).to_contain_text("CANCELED", timeout=12_000)
    opened.page.wait_for_function(
        "([element, before]) => element.now?.heard > before", arg=[system.element_handle(), before], timeout=12_000
    )
    assert opened.prompt(3) == "[*]:"


def test_views_outlive_a_restart_of_the_kernel(notebook: Callable[..., LabNotebook], lab: Server) -> None:
    opened = notebook(FIRST, "ow.jobs('local')")
    opened.run(0)
    jobs = opened.run(1).locator("orbit-jobs")
    expect(jobs).to_be_visible()
    opened.restart()
    with lab.client() as client:
        client["local"].psij.submit_job({"executable": "/bin/echo", "arguments": ["after-the-restart"]}).wait(30)
    expect(jobs).to_contain_text("after-the-restart")


def test_another_bridge_is_reached_through_the_kernel(
    notebook: Callable[..., LabNotebook], watched: Watched
) -> None:
    opened = notebook(FIRST, "jobs = ow.jobs('local')\njobs.bridge = 'of another server'\njobs", SLEEPER)
    opened.run(0)
    output = opened.run(1)
    expect(output).to_contain_text("live through the kernel")
    opened.run(2)
    cancel_first(output.locator("orbit-jobs"))
    expect(output.locator("orbit-jobs")).to_contain_text("CANCELED")


def test_renderer_comes_from_the_kernel_where_the_page_has_none(
    notebook: Callable[..., LabNotebook], watched: Watched, page: Page
) -> None:
    watched.expect("orbit-ui.js|orbit-jupyter-lab|ERR_FAILED|/static/lab/")  # what Lab says of a missing extension
    page.route("**/orbit/static/orbit-ui.js", lambda route: route.abort())
    page.route("**/extensions/orbit-jupyter-lab/**", lambda route: route.abort())
    opened = notebook(FIRST, "m = ow.monitor('local')\nm", "print(m.reached)")
    opened.run(0)
    output = opened.run(1)
    expect(output.locator("orbit-system")).to_contain_text("cores")
    assert text(opened.run(2)) == "comm"


def test_a_page_with_the_extension_loads_no_second_renderer(
    notebook: Callable[..., LabNotebook], page: Page
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    opened = notebook(FIRST, "ow.monitor('local')")
    opened.run(0)
    expect(opened.run(1).locator("orbit-system")).to_contain_text("cores")
    assert [url for url in asked if "/orbit/static/" in url] == []


def test_objects_show_themselves_and_go_on_in_a_notebook_that_is_opened_again(
    notebook: Callable[..., LabNotebook], lab: Server, page: Page
) -> None:
    opened = notebook(f"{FIRST}\nlocal.psij", "ow.monitor('local')", "local.sysinfo")
    for number in range(3):
        opened.run(number)
    expect(opened.output(0).locator("orbit-jobs")).to_be_visible()
    saved = opened.save()
    kinds = {kind for cell in saved["cells"] for output in cell["outputs"] for kind in output["data"]}
    assert {"application/vnd.orbit.view+json", "text/html", "text/plain"} <= kinds
    opened.end_kernel()
    opened.open(ready=False)
    with lab.client() as client:
        client["local"].psij.submit_job({"executable": "/bin/echo", "arguments": ["after-the-reopening"]}).wait(30)
    expect(opened.output(0).locator("orbit-jobs")).to_contain_text("after-the-reopening")
    expect(opened.output(1).locator("orbit-system")).to_contain_text("cores")
    expect(opened.output(2).locator("orbit-system")).to_contain_text("cores")


def test_a_cell_that_is_run_again_and_again_leaves_one_socket(
    notebook: Callable[..., LabNotebook], page: Page
) -> None:
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    opened = notebook(FIRST, "ow.log()")
    opened.run(0)
    for _ in range(5):
        expect(opened.run(1).locator("orbit-log")).to_contain_text("Pause")
    expect(page.locator("orbit-cell")).to_have_count(1)
    assert len([url for url in sockets if "/orbit/client" in url]) == 1
