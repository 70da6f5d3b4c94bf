"""JupyterLab with Orbit's extension in a real Chromium: panel, tabs, status bar, notifications, cells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab_notebook import LabNotebook, local_lab
from lab_page import LabPage, saved_notebook
from playwright.sync_api import Locator, Page, expect
from stage import Server, endpoint, server

pytestmark = [pytest.mark.ui, pytest.mark.timeout(240)]

expect.set_options(timeout=30_000)

PLUGINS = "sysinfo,psij,staging"

SCREENSHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """JupyterLab with the endpoint `local`."""
    with local_lab(tmp_path_factory.mktemp("home"), PLUGINS, seconds=30) as running:
        yield running


@pytest.fixture
def here(page: Page, lab: Server) -> LabPage:
    return LabPage(page, lab).open()


def pictures(here: LabPage, name: str) -> None:
    """Take a picture in each of Lab's themes."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for theme in ("Light", "Dark"):
        here.theme(f"JupyterLab {theme}")
        here.page.screenshot(path=SCREENSHOTS / f"{name}-{theme.lower()}.png")
    here.theme("JupyterLab Light")


@pytest.fixture
def waiting_job(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """A program that ends when a file is there: the program, the file."""
    program, end = tmp_path / "waits.sh", tmp_path / "end"
    program.write_text(f"#!/bin/sh\nuntil [ -e {end} ]; do sleep 0.1; done\n")
    program.chmod(0o755)
    yield program, end
    end.touch()


def jobs_tab(here: LabPage) -> Locator:
    """Open the jobs of `local` from the panel."""
    here.run("orbit:panel")
    here.panel.get_by_role("button", name="PsiJ Jobs").click()
    view = here.page.locator("orbit-lab-view:visible orbit-jobs")
    expect(view).to_be_visible()
    return view


def fill(view: Locator, program: Path | str) -> None:
    view.get_by_label("Executable").fill(str(program))
    view.get_by_label("Executor").select_option("local")


def test_the_panel_opens_a_tab_a_view_and_a_reload_brings_them_back(here: LabPage) -> None:
    jobs_tab(here)
    expect(here.panel).to_contain_text("local")
    here.panel.get_by_role("button", name="System Info").click()
    expect(here.page.locator("orbit-lab-view:visible orbit-system")).to_be_visible()
    jobs_tab(here)
    expect(here.tabs()).to_have_count(2)  # the same tab, not a second one
    expect(here.tab("Jobs · local")).to_have_class(re.compile("lm-mod-current"))
    pictures(here, "lab-jobs")

    here.reload()
    expect(here.tabs()).to_have_count(2)
    expect(here.page.locator("orbit-lab-view:visible orbit-jobs")).to_be_visible()
    expect(here.panel).to_be_visible()


def test_files_are_dragged_from_labs_browser_to_an_endpoint_and_back(here: LabPage, lab: Server) -> None:
    there, root = lab.home / "there", lab.home / "work"
    there.mkdir()
    (root / "to-send.bin").write_bytes(bytes(range(256)) * 1000)
    (there / "result #1.txt").write_text("of the endpoint")
    here.run("filebrowser:activate")
    here.run("filebrowser:refresh")
    here.run("orbit:open", view="files", endpoint="local", plugin="staging")
    view = here.page.locator("orbit-lab-view:visible orbit-files")
    view.get_by_text("there/", exact=True).dblclick()
    expect(view).to_contain_text("result #1.txt")

    source = here.page.locator(".jp-DirListing-item", has_text="to-send.bin")
    expect(source).to_be_visible()
    drag(here.page, source, view)
    expect(view.locator("[role=row]", has_text="to-send.bin")).to_be_visible()
    assert (there / "to-send.bin").read_bytes() == (root / "to-send.bin").read_bytes()

    listing = here.page.locator(".jp-DirListing-content")
    view.get_by_text("result #1.txt").drag_to(listing)
    expect(listing).to_contain_text("result #1.txt")
    assert (root / "result #1.txt").read_text() == "of the endpoint"


def drag(page: Page, source: Locator, target: Locator) -> None:
    """Drag with the mouse, as Lumino's drags are: they aren't HTML's."""
    start, end = source.bounding_box(), target.bounding_box()
    assert start is not None
    assert end is not None
    page.mouse.move(start["x"] + 30, start["y"] + start["height"] / 2)
    page.mouse.down()
    page.mouse.move(start["x"] + 60, start["y"] + 30, steps=5)
    page.mouse.move(end["x"] + end["width"] / 2, end["y"] + 90, steps=15)
    page.mouse.up()


def test_all_views_of_a_page_share_one_socket(here: LabPage) -> None:
    jobs_tab(here)
    for command in ("orbit:map", "orbit:log", "orbit:explorer"):
        here.run(command)
    expect(here.tabs()).to_have_count(4)
    expect(here.page.locator("orbit-lab-view:visible orbit-explorer")).to_contain_text("local")
    assert len(here.dialled) == 1


def test_a_job_of_the_form_is_counted_in_the_status_bar_and_its_end_is_told(
    here: LabPage, waiting_job: tuple[Path, Path]
) -> None:
    program, end = waiting_job
    expect(here.status).to_contain_text("1 endpoint")
    view = jobs_tab(here)
    fill(view, program)
    view.get_by_role("button", name="Submit Job").click()
    expect(here.status).to_contain_text("1 job running")
    here.tab("Jobs · local").locator(".lm-TabBar-tabCloseIcon").click()
    expect(here.tabs()).to_have_count(0)
    end.touch()
    told = here.toast("has completed")
    expect(told).to_be_visible()  # although its view is closed
    expect(here.status).not_to_contain_text("running")
    told.get_by_role("button", name="Open").click()
    expect(here.page.locator("orbit-lab-view:visible orbit-job")).to_contain_text("COMPLETED")


def test_a_lost_endpoint_is_red_in_the_status_bar_and_told_and_comes_back(
    here: LabPage, lab: Server, tmp_path: Path
) -> None:
    token = lab.endpoint_token("hpc1")
    arguments = ("-p", "sysinfo")
    with endpoint(lab.url, "hpc1", token, tmp_path / "hpc1", *arguments):
        expect(here.status).to_contain_text("2 endpoints")
        here.run("orbit:panel")
        here.panel.get_by_role("button", name="System Info").last.click()
        view = here.page.locator("orbit-lab-view:visible orbit-system")
        expect(view).to_contain_text("CPU")
    expect(here.status.locator(".bad")).to_have_text(re.compile("1 lost"))
    expect(here.toast("hpc1 is lost")).to_be_visible()
    pictures(here, "lab-lost")
    here.status.click()
    expect(here.panel).to_contain_text("lost")
    with endpoint(lab.url, "hpc1", token, tmp_path / "hpc1", *arguments):
        expect(here.status).not_to_contain_text("lost")
        expect(here.status).to_contain_text("2 endpoints")
        expect(here.toast("hpc1 is back")).to_be_visible()
        expect(view).to_contain_text("Memory")


def test_palette_menu_and_launcher_have_it(here: LabPage) -> None:
    page = here.page
    expect(page.locator(".jp-LauncherCard").filter(has_text="Orbit Explorer")).to_be_visible()
    page.locator(".jp-LauncherCard").filter(has_text="Jobs of an Endpoint").click()
    expect(here.tab("Jobs · local")).to_be_visible()  # there is one endpoint, so that nothing is asked
    here.run("apputils:activate-command-palette")
    page.locator(".lm-CommandPalette-input:visible").fill("Map of Endpoints")
    page.keyboard.press("Enter")
    expect(here.tab("Map of endpoints")).to_be_visible()
    page.get_by_role("menuitem", name="Orbit", exact=True).click()
    page.get_by_role("menuitem", name="Orbit Log").click()
    expect(here.tab("Log")).to_be_visible()


def test_a_form_becomes_a_cell_of_the_notebook_that_runs(here: LabPage, page: Page, lab: Server) -> None:
    notebook = LabNotebook(page, lab, "insert.ipynb").write("1 + 1").open()
    view = jobs_tab(here)
    fill(view, "/bin/true")
    view.get_by_role("button", name="Copy as code").click()
    expect(notebook.cell(1)).to_contain_text("/bin/true")
    expect(notebook.cell(0)).to_contain_text("1 + 1")
    notebook.run(1)
    expect(here.toast("has completed")).to_be_visible()


def test_without_a_notebook_the_code_is_copied(here: LabPage) -> None:
    view = jobs_tab(here)
    fill(view, "/bin/true")
    view.get_by_role("button", name="Copy as code").click()
    expect(here.toast("the code was copied")).to_be_visible()
    assert "/bin/true" in here.page.evaluate("() => navigator.clipboard.readText()")


def test_a_saved_notebook_is_live_again_without_its_kernel(page: Page, lab: Server, watched: Any) -> None:
    watched.expect("debugger state")  # Lab's own, when a kernel is shut down
    with lab.client() as client:
        bridge = client.aio.bridge_id
        saved_notebook(
            lab.home / "work",
            "saved.ipynb",
            {"view": "jobs", "endpoint": "local", "bridge": bridge},
            {"view": "monitor", "bridge": bridge},
            {"view": "jobs", "endpoint": "local", "bridge": "another"},
            {"view": "nonsense"},
        )
        here = LabPage(page, lab).open("lab/tree/saved.ipynb?reset")
        output = page.locator(".jp-NotebookPanel .jp-OutputArea")
        expect(output.nth(0).locator("orbit-jobs")).to_be_visible()
        expect(output.nth(1).locator("orbit-system")).to_contain_text("CPU")
        expect(output.nth(2)).to_contain_text("another bridge")
        expect(output.nth(3)).to_contain_text("newer Orbit has made it")
        expect(page.get_by_text("model not found")).to_have_count(0)
        page.wait_for_function("() => window.jupyterapp.shell.currentWidget.sessionContext.isReady")
        page.evaluate("async () => { await window.jupyterapp.shell.currentWidget.sessionContext.shutdown(); }")
        psij: Any = client["local"].get_plugin("psij")
        psij.submit_job({"executable": "/bin/true", "name": "afterwards"}, "local")
        expect(output.nth(0)).to_contain_text("COMPLETED")
        assert len(here.dialled) == 1


def test_a_widget_outlives_a_reload_and_its_view_a_restart_of_the_kernel(
    page: Page, lab: Server, watched: Any
) -> None:
    watched.expect("debugger state")  # Lab's own, when a kernel restarts
    notebook = (
        LabNotebook(page, lab, "restart.ipynb").write("import orbit_jupyter_widgets as o; o.monitor()").open()
    )
    notebook.run(0)
    # The widget, whose traits Python has, and not the view alone: that is for where no kernel has it.
    expect(notebook.output(0).locator("orbit-cell")).to_contain_text("CPU")
    notebook.save()
    page.reload()
    expect(notebook.output(0).locator("orbit-cell")).to_contain_text("CPU")  # the kernel has it still
    notebook.ready()
    notebook.restart()
    expect(notebook.output(0).locator("orbit-system")).to_contain_text("Memory")


def test_a_server_without_the_bridge_says_so(page: Page, lab: Server, watched: Any) -> None:
    watched.expect("404")
    asked = re.compile(r"/orbit/(\?.*)?$")
    page.route(asked, lambda route: route.fulfill(status=404))
    here = LabPage(page, lab).open()
    expect(here.status).to_contain_text("no bridge")
    here.run("orbit:panel")
    expect(here.panel).to_contain_text("has no Orbit bridge")
    assert here.dialled == []
    page.unroute(asked)
    here.panel.get_by_role("button", name="Try again").click()
    expect(here.panel).to_contain_text("local")


def test_notebook_7_shows_views(page: Page, tmp_path: Path, watched: Any) -> None:
    watched.expect("reading 'schema'")  # Notebook 7.6's own, without any extension as well
    arguments = ("--OrbitExtension.local_endpoint=on", f"--OrbitExtension.local_plugins={PLUGINS}")
    work = tmp_path / "classic" / "work"
    work.mkdir(parents=True)
    saved_notebook(work, "saved.ipynb", {"view": "jobs", "endpoint": "local"})
    with server(
        tmp_path / "classic", f"--ServerApp.root_dir={work}", *arguments, command=("notebook",)
    ) as running:
        page.goto(f"{running.info['url'].rstrip('/')}/notebooks/saved.ipynb?token={running.info['token']}")
        view = page.locator(".jp-NotebookPanel .jp-OutputArea orbit-jobs")
        expect(view).to_be_visible()
        expect(view).to_contain_text("local")
