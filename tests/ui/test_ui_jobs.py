"""Jobs in a real Chromium: submitted with the form, followed live, canceled, and a table of 100,000 of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from stage import Server

pytestmark = pytest.mark.ui

Open = Callable[[str], Page]

HOSTILE = "<img src=x onerror=\"document.title='taken over'\">"

TELLS = """
import sys, time, pathlib
go = pathlib.Path(sys.argv[1])
print("begun", flush=True)
while not go.exists():
    time.sleep(0.05)
print("ended", flush=True)
"""

ROWS = """
() => {
  const table = document.createElement('orbit-rows');
  table.columns = [
    { id: 'name', title: 'Name', cell: row => row.name },
    { id: 'size', title: 'Size', cell: row => row.size, number: true, sort: (a, b) => a.size - b.size },
  ];
  table.key = row => row.name;
  table.rows = Array.from({ length: 100000 }, (_, i) => ({ name: `job ${i}`, size: (i * 7919) % 100000 }));
  table.setAttribute('label', 'Many');
  document.body.replaceChildren(table);
}
"""


@pytest.fixture
def psij(bridge: Server) -> Iterator[Any]:
    """Jobs of the endpoint, as a notebook has them; none runs on."""
    with bridge.client() as client:
        plugin: Any = client.get_endpoint_client("local").get_plugin("psij")
        yield plugin
        plugin.cancel_all()


def row(page: Page, text: str) -> Locator:
    """Return the row of the table in which a text is."""
    return page.locator("orbit-jobs").get_by_role("row").filter(has_text=text)


def fill(page: Page, executable: str, arguments: str) -> None:
    """Fill the form for a job on the endpoint's own machine."""
    form = page.locator("orbit-form")
    form.get_by_label("Executable").fill(executable)
    form.get_by_label(re.compile("^Arguments")).fill(arguments)
    form.get_by_label("Executor").select_option("local")


def test_a_job_is_submitted_and_its_states_and_output_arrive(
    explorer: Open, psij: Any, tmp_path: Any, shot: Callable[..., Any]
) -> None:
    script, go = tmp_path / "tells.py", tmp_path / "go"
    script.write_text(TELLS)
    page = explorer("/jobs/local/psij")
    fill(page, "python3", f"{script} {go}")
    page.locator("orbit-form").get_by_role("button", name="Submit").click()
    expect(row(page, "tells.py")).to_contain_text("ACTIVE")
    expect(page.locator("orbit-output")).to_contain_text("begun")
    expect(page.get_by_role("tab", name="stdout")).to_contain_text("following")
    shot(page, "jobs")
    go.touch()
    expect(page.locator("orbit-output")).to_contain_text("ended")
    expect(row(page, "tells.py")).to_contain_text("COMPLETED")
    expect(page.get_by_role("list", name="States of the job")).to_contain_text("COMPLETED")


def test_a_job_of_a_notebook_appears_and_is_canceled_here(explorer: Open, psij: Any) -> None:
    page = explorer("/jobs/local/psij")
    expect(page.locator("orbit-rows")).to_be_visible()
    job = psij.submit_job({"executable": "/bin/sleep", "arguments": ["1000"], "name": "long sleep"})
    expect(row(page, "long sleep")).to_contain_text("ACTIVE")
    row(page, "long sleep").get_by_role("checkbox").check()
    page.get_by_role("button", name="Cancel 1 selected").click()
    page.get_by_role("button", name="Cancel 1 job", exact=True).click()
    expect(row(page, "long sleep")).to_contain_text("CANCELED")
    assert job.wait(30) == "CANCELED"


def test_a_link_to_a_job_shows_it(explorer: Open, psij: Any, shot: Callable[..., Any]) -> None:
    script = "for i in 1 2 3; do echo step $i; done; echo oops >&2; exit 3"
    job = psij.submit_job({"executable": "/bin/sh", "arguments": ["-c", script], "name": "three steps"})
    job.wait(30)
    page = explorer(f"/job/local/psij/{job.id}")
    view = page.locator("orbit-job")
    expect(view).to_contain_text("FAILED · 3")
    expect(view.locator("orbit-output")).to_contain_text("step 3")
    view.get_by_role("tab", name="stderr").click()
    expect(view.locator("orbit-output")).to_contain_text("oops")
    with page.expect_download() as download:
        view.get_by_role("button", name="Download").click()
    assert download.value.path().read_text() == "oops\n"
    shot(page, "job")
    page.set_viewport_size({"width": 390, "height": 844})
    shot(page, "job-narrow")


def test_a_job_is_canceled_and_submitted_again_on_its_page(explorer: Open, psij: Any) -> None:
    spec = {
        "executable": "/bin/sleep",
        "arguments": ["999"],
        "name": "again",
        "launcher": "multiple",
        "attributes": {"duration": 3600},
        "resources": {"process_count": 2},
    }
    job = psij.submit_job({**spec, "environment": {"API_KEY": "secret"}})
    page = explorer(f"/job/local/psij/{job.id}")
    view = page.locator("orbit-job")
    expect(view).to_contain_text("Processes 2")
    expect(view).to_contain_text("API_KEY")
    expect(view).not_to_contain_text("secret")
    view.get_by_role("button", name="Cancel …").click()
    view.get_by_role("button", name="Cancel the job").click()
    expect(view.locator("header")).to_contain_text("CANCELED")
    view.get_by_role("button", name="Submit again …").click()
    expect(view).to_contain_text("it goes without API_KEY")
    view.get_by_role("button", name="Submit again", exact=True).click()
    expect(view.locator("header")).to_contain_text("ACTIVE")
    expect(page).not_to_have_url(re.compile(job.id))
    (second,) = psij.list_jobs(state="ACTIVE")["jobs"]
    assert psij.get_job_spec(second["job_id"])["job_spec"] == spec


def test_an_unknown_job_says_so(explorer: Open) -> None:
    page = explorer("/job/local/psij/nobody-knows-it")
    expect(page.locator("orbit-job")).to_contain_text("local knows no job nobody-knows-it")


def test_script_in_a_job_is_shown_as_text(explorer: Open, psij: Any) -> None:
    job = psij.submit_job({"executable": "/bin/echo", "arguments": [HOSTILE], "name": HOSTILE})
    job.wait(30)
    page = explorer("/jobs/local/psij")
    row(page, "onerror").click()
    expect(page.locator("orbit-output")).to_contain_text(HOSTILE)
    expect(page.locator("orbit-job header")).to_contain_text(HOSTILE)
    assert page.locator("img").count() == 0
    assert page.title() != "taken over"


def test_of_100000_rows_only_those_in_sight_are_in_the_page(explorer: Open) -> None:
    page = explorer("/jobs/local/psij")
    page.evaluate(ROWS)
    grid = page.get_by_role("grid", name="Many")
    expect(grid).to_have_attribute("aria-rowcount", "100001")
    expect(grid.get_by_role("row").filter(has_text="job 0")).to_be_visible()
    assert grid.get_by_role("row").count() < 60
    grid.focus()
    page.keyboard.press("End")
    expect(grid.get_by_role("row").filter(has_text="job 99999")).to_be_in_viewport()
    assert grid.get_by_role("row").count() < 60
    grid.get_by_role("button", name="Size").click()
    expect(grid.get_by_role("row").nth(1)).to_contain_text("job 0")
    grid.get_by_role("button", name="Size").click()
    expect(grid.get_by_role("row").nth(1)).to_contain_text("99999")


def test_on_a_narrow_screen_the_jobs_fit(explorer: Open, page: Page, psij: Any, shot: Callable[..., Any]) -> None:
    psij.submit_job({"executable": "/bin/true", "name": "a name that is much longer than a phone is wide"}).wait(
        30
    )
    page.set_viewport_size({"width": 390, "height": 844})
    explorer("/jobs/local/psij")
    expect(row(page, "much longer")).to_contain_text("COMPLETED")
    grid = page.get_by_role("grid", name="Jobs")
    assert grid.evaluate("it => it.scrollWidth <= it.clientWidth")
    shot(page, "jobs-narrow")
