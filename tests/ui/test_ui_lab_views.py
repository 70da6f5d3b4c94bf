"""Each view in a tab of JupyterLab, with what is live in it: what it shows, and what can be done there."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_ssh import FakeHosts
from lab_notebook import local_lab
from lab_page import LabPage
from pbs.stage import FakePBS, pbs_cluster
from playwright.sync_api import Locator, Page, expect
from stage import Server, wait_until

pytestmark = [pytest.mark.ui, pytest.mark.timeout(300)]

PLUGINS = "sysinfo,psij,staging,queue_info,join,ui_sample_plugin:UiSamplePlugin"
SCREENSHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"
PHONE = {"width": 640, "height": 900}
"""Pixels of a window in which a tab is narrow, beside Lab's own bars."""

TELLS = """
import pathlib, sys, time
print("begun", flush=True)
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.05)
print("ended", flush=True)
"""

LAST = "chart => chart.times.at(-1) ?? 0"
SIDEWAYS = "view => view.scrollWidth - view.clientWidth"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """JupyterLab on a host without a batch system; its `local` reaches no host by ssh."""
    home = tmp_path_factory.mktemp("home")
    with tempfile.TemporaryDirectory(prefix="fake-", dir="/tmp") as folder, pytest.MonkeyPatch.context() as patch:
        hosts = FakeHosts(Path(folder))
        for name, value in {**hosts.environment, "RADICAL_ORBIT_BATCH": "none"}.items():
            patch.setenv(name, value)
        with local_lab(home, PLUGINS) as running:
            yield running
        hosts.close()


@pytest.fixture
def pbs(lab: Server, tmp_path: Path) -> Iterator[FakePBS]:
    """A PBS, and an endpoint `cluster` on its login host."""
    with pbs_cluster(tmp_path, lab, 60) as running:
        yield running


@pytest.fixture
def here(page: Page, lab: Server) -> LabPage:
    return LabPage(page, lab).open()


@pytest.fixture
def show(here: LabPage) -> Callable[..., Locator]:
    """Open a view in a tab: ``show("jobs", "local", "psij")``; return it."""

    def shown(view: str, endpoint: str = "", plugin: str = "") -> Locator:
        here.run("orbit:open", view=view, endpoint=endpoint, plugin=plugin)
        tab = here.page.locator("#jp-main-dock-panel orbit-lab-view:visible")
        expect(tab).to_have_js_property("view", {"view": view, **named(endpoint=endpoint, plugin=plugin)})
        return tab

    return shown


@pytest.fixture
def picture(here: LabPage) -> Callable[[str], None]:
    """Take a picture in each of Lab's themes, and one of a narrow window; nothing in it is cut off sideways."""

    def taken(name: str) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page, view = here.page, here.page.locator("#jp-main-dock-panel orbit-lab-view:visible")
        for theme in ("Dark", "Light"):
            here.theme(f"JupyterLab {theme}")
            page.screenshot(path=SCREENSHOTS / f"lab-{name}-{theme.lower()}.png")
        size = page.viewport_size
        assert size is not None
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
        expect(view).to_be_visible()
        wait_until(lambda: view.evaluate("view => view.clientWidth") < PHONE["width"], "the tab is narrow")
        page.screenshot(path=SCREENSHOTS / f"lab-{name}-narrow.png")
        assert view.evaluate(SIDEWAYS) <= 0
        page.set_viewport_size(size)
        page.evaluate("() => window.jupyterapp.shell.expandLeft()")

    return taken


def named(**names: str) -> dict[str, str]:
    return {name: value for name, value in names.items() if value}


def row(view: Locator, text: str) -> Locator:
    return view.locator("orbit-rows").get_by_role("row").filter(has_text=text)


def submit(view: Locator, executable: str, arguments: str) -> None:
    form = view.locator("orbit-form")
    form.get_by_label("Executable").fill(executable)
    form.get_by_label(re.compile("^Arguments")).fill(arguments)
    form.get_by_label("Executor").select_option("local")
    form.get_by_role("button", name="Submit Job").click()


def test_jobs_run_in_a_tab_their_output_arrives_and_another_is_cancelled(
    show: Callable[..., Locator], picture: Callable[[str], None], tmp_path: Path
) -> None:
    script, go = tmp_path / "tells.py", tmp_path / "go"
    script.write_text(TELLS)
    view = show("jobs", "local", "psij")
    submit(view, "/bin/sleep", "600")
    expect(row(view, "sleep")).to_contain_text("ACTIVE")
    submit(view, "python3", f"{script} {go}")
    expect(row(view, "tells.py")).to_contain_text("ACTIVE")
    expect(view.locator("orbit-output")).to_contain_text("begun")
    picture("view-jobs")
    go.touch()
    expect(view.locator("orbit-output")).to_contain_text("ended")
    expect(row(view, "tells.py")).to_contain_text("COMPLETED")

    row(view, "sleep").get_by_role("checkbox").check()
    view.get_by_role("button", name="Cancel 1 selected").click()
    view.get_by_role("button", name="Cancel 1 job", exact=True).click()
    expect(row(view, "sleep")).to_contain_text("CANCELED")


def test_a_child_endpoint_is_launched_in_a_tab_and_stands_in_the_panel(
    here: LabPage, show: Callable[..., Locator], picture: Callable[[str], None], lab: Server
) -> None:
    here.run("orbit:panel")
    show("endpoint", "local").get_by_role("button", name="Launch an endpoint…").click()
    view = here.page.locator("orbit-lab-view:visible orbit-launch")
    form = view.locator("orbit-launch-form")
    expect(form.get_by_label("Name of the endpoint")).to_have_value("local.1")
    form.get_by_label("Plugins").fill("sysinfo")
    picture("view-launch-form")
    form.get_by_role("button", name="Launch").click()
    expect(view).to_contain_text("✓ local.1 is connected", timeout=60_000)
    expect(here.panel.get_by_role("button", name="local.1", exact=False).last).to_be_visible()
    expect(here.status).to_contain_text("2 endpoints")
    picture("view-launch")
    view.get_by_role("button", name="Open local.1").click()
    expect(here.tab("local.1")).to_be_visible()
    expect(here.page.locator("orbit-lab-view:visible orbit-endpoint")).to_contain_text("present")

    here.tab("Launch an endpoint").click()
    view.get_by_role("button", name="End it …").click()
    view.get_by_role("button", name="Cancel the job").click()
    expect(view).to_contain_text("CANCELED")
    expect(here.panel).to_contain_text("lost")


def test_a_host_that_nobody_knows_is_not_joined_and_it_says_why(
    here: LabPage, picture: Callable[[str], None]
) -> None:
    here.run("orbit:panel")
    here.panel.get_by_role("button", name="Join a cluster…").click()
    view = here.page.locator("orbit-lab-view:visible orbit-join")
    expect(view).to_contain_text("No cluster is joined from this machine")
    form = view.locator("orbit-join-form")
    form.get_by_role("button", name="Start").click()
    expect(form).to_contain_text("This is needed")
    form.get_by_label("Host").fill("no-such-host.example")
    form.get_by_label("Name of the endpoint").fill("nowhere")
    form.get_by_role("button", name="Start").click()
    expect(view).to_contain_text("there is no host of that name; look at its spelling")
    picture("view-join")
    view.get_by_role("button", name="Try again …").click()
    expect(form.get_by_label("Host")).to_have_value("no-such-host.example")
    expect(here.status).to_contain_text("Orbit: 1 endpoint")
    expect(here.panel).not_to_contain_text("nowhere")


def test_a_plugins_page_of_its_description_alone_sends_its_form(
    here: LabPage, show: Callable[..., Locator], picture: Callable[[str], None], lab: Server
) -> None:
    with lab.client() as client:
        sample: Any = client["local"].get_plugin("ui_sample")
        sample.call("POST", "make", {"count": 12})
        here.run("orbit:panel")
        here.panel.get_by_role("button", name="Sample").click()
        view = here.page.locator("orbit-lab-view:visible")
        expect(
            view.locator("orbit-monitor .rows").get_by_role("row").filter(has_text="task.000011")
        ).to_be_visible()
        form = view.locator("orbit-form").first
        form.get_by_role("button", name="Send it").click()
        expect(form.get_by_label("A word")).to_have_accessible_description("✕ This is needed.")
        form.get_by_label("A word").fill("lattice")
        form.get_by_label("A colour").select_option(label="red")
        form.get_by_role("button", name="Send it").click()
        expect(form.get_by_role("status")).to_have_text("Done.")
        (sent,) = sample.call("GET", "sent")["sent"]
        assert (sent["word"], sent["colour"], sent["size"]) == ("lattice", "red", "middling")
        sample.call("POST", "change", {"uid": "task.000003", "state": "FAILED"})
        expect(view.locator("orbit-monitor").filter(has_text="Tasks").first).to_contain_text("FAILED")
    picture("view-plugin")


def test_queues_are_not_there_without_a_batch_system_and_come_with_one(
    here: LabPage, show: Callable[..., Locator], picture: Callable[[str], None], request: pytest.FixtureRequest
) -> None:
    expect(show("queues", "local", "queue_info")).to_contain_text("local has no batch system")
    view = show("queues")
    expect(view).to_contain_text("No endpoint has the plugin queue_info yet")
    running: FakePBS = request.getfixturevalue("pbs")
    expect(view.locator("tr.queue")).to_have_count(2)  # by itself
    running.wait_state(running.submit("#!/bin/sh\nsleep 600\n", "-q", "workq", "-N", "relax"), "R")
    view.get_by_role("button", name="Refresh").click()
    expect(row(view, "relax")).to_contain_text("ACTIVE")
    picture("view-queues")


@pytest.mark.usefixtures("pbs")
def test_a_queue_that_is_clicked_is_in_the_form_of_the_tab_that_is_open(
    here: LabPage, show: Callable[..., Locator]
) -> None:
    jobs = show("jobs", "cluster", "psij")
    expect(jobs.get_by_label("Queue / Partition")).to_have_value("")
    view = show("queues", "cluster", "queue_info")
    view.get_by_role("button", name="batch", exact=True).click()
    view.get_by_role("button", name="Submit to this queue").click()
    expect(here.tabs()).to_have_count(2)
    expect(jobs.get_by_label("Queue / Partition")).to_have_value("batch")


def test_the_other_views_show_what_is_there_and_go_on(
    here: LabPage, show: Callable[..., Locator], picture: Callable[[str], None], lab: Server
) -> None:
    expect(show("endpoint", "local").get_by_role("table")).to_contain_text("staging")
    picture("view-endpoint")
    expect(show("files", "local", "staging")).to_contain_text("server.log")
    picture("view-files")
    system = show("monitor", "local", "sysinfo")
    cpu = system.locator("section[aria-label='CPU'] orbit-chart")
    cpu.locator("canvas").wait_for()
    last = cpu.evaluate(LAST)
    wait_until(lambda: cpu.evaluate(LAST) > last, "a value arrives")
    picture("view-system")
    log = show("log")
    expect(log).to_contain_text("Pause")
    with lab.client() as client:
        client["local"].psij.submit_job({"executable": "/bin/echo", "name": "for the log"}).wait(30)
    expect(log).to_contain_text("COMPLETED")
    picture("view-log")
    chart = show("map")
    expect(chart.locator("article.endpoint").first).to_contain_text("local")
    picture("view-map")
    chart.locator("article.endpoint").get_by_role("button", name="local", exact=True).click()
    expect(here.tab(re.compile("^local$"))).to_have_class(re.compile("lm-mod-current"))
    expect(show("explorer").locator("orbit-explorer")).to_contain_text("Sample")
    picture("view-explorer")
    assert len(here.dialled) == 1
    expect(here.tabs()).to_have_count(6)
