"""JupyterLab whose server, endpoints or settings don't do as they should: it says so, and goes on by itself."""

from __future__ import annotations

import json
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import Watched
from lab_notebook import LabNotebook, lab_server
from lab_page import LabPage, saved_notebook
from playwright.sync_api import Page, expect
from stage import Server, endpoint, server

pytestmark = [pytest.mark.ui, pytest.mark.timeout(300)]

ARGUMENTS = ("--OrbitExtension.local_endpoint=on", "--OrbitExtension.local_plugins=sysinfo,psij")
SETTINGS = "orbit-jupyter-lab:plugin"
SLOW = 90_000
"""Milliseconds until a page has found a server again that was away for as long as it takes to start one."""
SCREENSHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with lab_server(tmp_path_factory.mktemp("home"), *ARGUMENTS) as running:
        with running.client() as client:
            client.wait_for_endpoint("local", 60)
        yield running


@pytest.fixture
def settings(lab: Server) -> Iterator[Path]:
    """The file with what the user has set; nothing is."""
    folder = lab.home / "config" / "lab" / "user-settings" / "orbit-jupyter-lab"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "plugin.jupyterlab-settings"
    file.write_text("{}")
    yield file
    file.write_text("{}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def submit(lab: Server, name: str, *, at: str = "local") -> None:
    """Run a job to its end, as somebody else would."""
    with lab.client() as client:
        client.wait_for_endpoint(at, 60)
        client[at].psij.submit_job({"executable": "/bin/true", "name": name}).wait(60)


def bring(here: LabPage, widget: str) -> None:
    """Have a tab in front, whatever lies over the page."""
    here.page.evaluate("id => window.jupyterapp.shell.activateById(id)", widget)


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_a_server_that_goes_is_told_of_everywhere_and_found_again(
    page: Page, watched: Watched, tmp_path: Path, sign: signal.Signals
) -> None:
    watched.expect("WebSocket connection to|ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE")
    # Lab's own.
    watched.expect("Failed to (load|fetch)|Connection (lost|to)|/api/|Canceled|Kernel is dead|NetworkError")
    home, port = tmp_path / "lab", free_port()
    with lab_server(home, *ARGUMENTS, port=port) as running:
        submit(running, "of before")
        notebook = LabNotebook(page, running, "live.ipynb").write(
            "import orbit_jupyter_widgets as ow; ow.jobs('local')"
        )
        here = LabPage(page, running)
        notebook.open().run(0)
        cell = page.locator(".jp-OutputArea orbit-cell")
        expect(cell).to_contain_text("of before")
        notebook_id = page.evaluate("() => window.jupyterapp.shell.currentWidget.id")
        here.run("orbit:open", view="jobs", endpoint="local", plugin="psij")
        tab = page.locator("orbit-lab-view[in=tab]")
        expect(tab).to_contain_text("of before")
        here.run("orbit:panel")
        expect(here.panel).to_contain_text("PsiJ Jobs")
        page.evaluate("() => { window.never_loaded_again = true; }")
        running.stop(sign)
        for shown in (here.panel, tab):
            expect(shown).to_contain_text("dialled again by itself")
        expect(here.status).to_contain_text("bridge away")
        expect(tab).to_contain_text("of before")  # what was known stays in sight
        page.screenshot(path=SCREENSHOTS / f"lab-server-{sign.name.lower()}.png")
        bring(here, notebook_id)
        expect(cell).to_contain_text("dialled again by itself")
        page.screenshot(path=SCREENSHOTS / f"lab-server-{sign.name.lower()}-cell.png")
    with lab_server(home, *ARGUMENTS, port=port) as running:
        submit(running, "of afterwards")
        expect(cell).to_contain_text("of afterwards", timeout=SLOW)
        expect(cell).not_to_contain_text("dialled again by itself")
        bring(here, page.evaluate("() => document.querySelector('[id^=\"orbit#/jobs\"]').id"))
        expect(tab).to_contain_text("of afterwards")
        for shown in (here.panel, tab):
            expect(shown).not_to_contain_text("dialled again by itself")
        expect(here.panel).not_to_contain_text("lost")
        expect(here.status).to_contain_text("Orbit: 1 endpoint")
        assert page.evaluate("() => window.never_loaded_again")


def test_an_endpoint_that_goes_is_told_of_in_its_views_and_comes_back_into_them(
    page: Page, lab: Server, tmp_path: Path
) -> None:
    token = lab.endpoint_token("hpc1")
    arguments = ("-p", "psij,staging")
    with lab.client() as client:
        bridge = client.aio.bridge_id
    saved_notebook(lab.home / "work", "saved.ipynb", {"view": "jobs", "endpoint": "hpc1", "bridge": bridge})
    here = LabPage(page, lab)
    with endpoint(lab.url, "hpc1", token, tmp_path / "hpc1", *arguments):
        submit(lab, "of before", at="hpc1")
        here.open("lab/tree/saved.ipynb?reset")
        output = page.locator(".jp-OutputArea orbit-lab-view")
        expect(output).to_contain_text("of before")
        files = page.locator("orbit-lab-view:visible orbit-files")
        jobs = page.locator("orbit-lab-view[in=tab]:visible orbit-jobs")
        here.run("orbit:panel")
        here.run("orbit:open", view="files", endpoint="hpc1", plugin="staging")
        expect(files).to_contain_text("hpc1.log")
        here.run("orbit:open", view="jobs", endpoint="hpc1", plugin="psij")
        expect(jobs).to_contain_text("of before")
    away = "hpc1 is no longer connected. It dials in again by itself"
    expect(jobs).to_contain_text(away)
    expect(jobs).to_contain_text("of before")
    expect(here.panel).to_contain_text("lost")
    page.screenshot(path=SCREENSHOTS / "lab-endpoint-away.png")
    here.tab("Files · hpc1").click()
    expect(files).to_contain_text(away)
    page.screenshot(path=SCREENSHOTS / "lab-endpoint-away-files.png")
    page.locator("#jp-main-dock-panel .lm-TabBar-tab").filter(has_text="saved.ipynb").click()
    expect(output).to_contain_text(away)
    with endpoint(lab.url, "hpc1", token, tmp_path / "hpc1", *arguments):
        submit(lab, "of afterwards", at="hpc1")
        expect(output).to_contain_text("of afterwards")
        expect(output).not_to_contain_text(away)
        here.tab("Jobs · hpc1").click()
        expect(jobs).to_contain_text("of afterwards")
        here.tab("Files · hpc1").click()
        expect(files).not_to_contain_text(away)
        expect(here.panel).not_to_contain_text("lost")


def test_notifications_are_switched_off_and_on_in_the_settings_editor(
    page: Page, lab: Server, settings: Path
) -> None:
    here = LabPage(page, lab).open()
    here.run("orbit:open", view="jobs", endpoint="local", plugin="psij")
    view = page.locator("orbit-lab-view:visible orbit-jobs")
    expect(view).to_be_visible()
    here.run("settingeditor:open", query="Orbit")
    editor = page.locator("#setting-editor")
    box = editor.get_by_role("checkbox", name="Notifications")
    expect(box).to_be_checked()

    def switched(on: bool) -> None:
        with page.expect_response(lambda one: "/lab/api/settings/" in one.url and one.request.method == "PUT"):
            box.set_checked(on)

    switched(False)
    assert re.search(r'"notifications": false', settings.read_text())
    submit(lab, "in silence")
    here.tab("Jobs · local").click()
    expect(view.get_by_role("row").filter(has_text="in silence")).to_contain_text("COMPLETED")
    page.locator(".lm-TabBar-tab").filter(has_text="Settings").click()
    switched(True)
    submit(lab, "told aloud")
    expect(here.toast("told aloud")).to_be_visible()
    expect(here.toast("in silence")).to_have_count(0)


def test_the_panel_is_open_at_the_start_where_that_is_set(page: Page, lab: Server, settings: Path) -> None:
    here = LabPage(page, lab).open()
    expect(here.status).to_contain_text("1 endpoint")
    expect(here.panel).to_be_hidden()
    answer = page.request.put(
        f"{lab.info['url'].rstrip('/')}/lab/api/settings/{SETTINGS}",
        headers={"Authorization": f"token {lab.info['token']}"},
        data=json.dumps({"raw": '{"openAtStart": true}'}),
    )
    assert answer.status == 204
    here.open()
    expect(here.panel).to_be_visible()


def test_settings_that_are_wrong_break_nothing(page: Page, lab: Server, settings: Path) -> None:
    settings.write_text('{"notifications": "never", "openAtStart": 7}')
    here = LabPage(page, lab).open()
    expect(here.status).to_contain_text("1 endpoint")
    here.run("orbit:panel")
    here.panel.get_by_role("button", name="PsiJ Jobs").click()
    expect(page.locator("orbit-lab-view:visible orbit-jobs")).to_be_visible()
    submit(lab, "told all the same")
    expect(here.toast("told all the same")).to_be_visible()


def test_notebook_7_opens_a_view_as_a_page(page: Page, tmp_path: Path, watched: Watched) -> None:
    watched.expect("reading 'schema'")  # Notebook 7.6's own, without any extension as well
    work = tmp_path / "classic" / "work"
    work.mkdir(parents=True)
    saved_notebook(work, "saved.ipynb", {"view": "map"})
    more = (f"--ServerApp.root_dir={work}", *ARGUMENTS)
    with server(tmp_path / "classic", *more, command=("notebook",)) as running:
        page.goto(f"{running.info['url'].rstrip('/')}/notebooks/saved.ipynb?token={running.info['token']}")
        card = page.locator(".jp-OutputArea orbit-map article.endpoint")
        with page.context.expect_page() as opening:
            card.get_by_role("button", name="local", exact=True).click()
        opened = opening.value
        watched.watch(opened)
        expect(opened).to_have_url(f"{running.url}/#/endpoint/local")
        expect(opened.locator("orbit-endpoint")).to_contain_text("present")
        page.get_by_role("menuitem", name="Orbit", exact=True).click()
        with page.context.expect_page() as opening:
            page.get_by_role("menuitem", name="Jobs of an Endpoint…").click()
        opened = opening.value
        watched.watch(opened)
        expect(opened).to_have_url(f"{running.url}/#/jobs/local/psij")
        expect(opened.locator("orbit-jobs")).to_contain_text("Submit Job")
