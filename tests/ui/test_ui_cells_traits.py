"""Traits of widgets in a real JupyterLab: what is done on the page, and what Python sets, is on both sides."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from lab_notebook import LabNotebook, local_lab
from playwright.sync_api import Locator, Page, expect
from stage import Server

pytestmark = [pytest.mark.ui, pytest.mark.timeout(240)]

PLUGINS = "sysinfo,psij,staging,ui_sample_plugin:UiSamplePlugin"

FIRST = """import orbit_jupyter as orbit, orbit_jupyter_widgets as ow
local = orbit.connect()['local']
seen = []
def see(widget, *traits):
    widget.observe(lambda change: seen.append(change['new']), traits)
    return widget"""

Made = Callable[..., LabNotebook]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with local_lab(tmp_path_factory.mktemp("lab"), PLUGINS) as running:
        yield running


@pytest.fixture
def notebook(page: Page, lab: Server, request: pytest.FixtureRequest) -> Made:
    """Make a notebook with these cells, open it, and run the first."""
    name = re.sub(r"\W+", "-", request.node.name)[:60]

    def made(*cells: str) -> LabNotebook:
        opened = LabNotebook(page, lab, f"{name}.ipynb").write(FIRST, *cells).open()
        opened.run(0)
        return opened

    return made


def told(opened: LabNotebook, number: int, text: str) -> None:
    """Run a cell until it prints that: what the page has said is on its way to the kernel."""
    for _ in range(20):
        said = opened.run(number).locator(".jp-OutputArea-output").last.inner_text().strip()
        if said == text:
            return
    raise AssertionError(f"cell {number} says {said!r}, not {text!r}")


def row(view: Locator, text: str) -> Locator:
    return view.locator("orbit-rows").get_by_role("row").filter(has_text=text)


def test_the_path_of_a_file_browser_is_where_the_user_goes_and_where_python_sends_it(
    notebook: Made, lab: Server
) -> None:
    base = lab.home / "there"
    (base / "deeper").mkdir(parents=True)
    (base / "one.txt").write_text("1")
    (base / "deeper" / "two.txt").write_text("2")
    opened = notebook(
        f"files = see(ow.files('local', path={str(base)!r}), 'path')\nfiles",
        f"print(files.path.removeprefix({str(base)!r}), files.selected)",
        f"files.path = {str(base)!r}",
        "files.selected = ['one.txt']",
        f"files.path = {str(base / 'nowhere')!r}",
        f"print([path.removeprefix({str(base)!r}) for path in seen])",
    )
    view = opened.run(1).locator("orbit-files")
    row(view, "one.txt").wait_for()
    told(opened, 2, "[]")
    view.get_by_text("deeper/", exact=True).dblclick()
    row(view, "two.txt").get_by_role("checkbox").check()
    told(opened, 2, "/deeper ['two.txt']")

    opened.run(3)
    expect(row(view, "one.txt")).to_be_visible()
    expect(view.get_by_role("navigation", name="Path")).not_to_contain_text("deeper")
    told(opened, 2, "[]")  # what was selected in another folder isn't in this one
    opened.run(4)
    expect(row(view, "one.txt").get_by_role("checkbox")).to_be_checked()
    expect(view).to_contain_text("1 of 2 names selected")

    opened.run(5)
    expect(view).to_contain_text("Not found")
    view.get_by_role("button", name="Go up").click()
    expect(row(view, "one.txt")).to_be_visible()
    told(opened, 2, "[]")
    told(opened, 6, "['/deeper', '', '/nowhere', '']")


def test_the_values_of_a_form_are_what_is_typed_and_what_python_sets(notebook: Made) -> None:
    opened = notebook(
        "panel = see(ow.panel('local', 'ui_sample', values={'word': 'begun', 'number': 5}), 'submitted')\npanel",
        "print(*(panel.values.get(name) for name in ('word', 'number', 'colour', 'check', 'more')))",
        "panel.values = {'word': 'set', 'number': 9, 'colour': 'red', 'check': False, 'more': {'a.b': 'c'}}",
        "print(*((one['form'], one['answer']['word'], one['answer']['more']) for one in seen))",
    )
    form = opened.run(1).locator("orbit-form").first
    expect(form.get_by_label("A word")).to_have_value("begun")
    expect(form.get_by_label("A number")).to_have_value("5")
    form.get_by_label("A word").fill("typed")
    form.get_by_label("A number").fill("7")
    told(opened, 2, "typed 7 blue True {}")

    opened.run(3)
    expect(form.get_by_label("A word")).to_have_value("set")
    expect(form.get_by_label("A number")).to_have_value("9")
    expect(form.get_by_label("A colour")).to_have_value("red")
    expect(form.get_by_label("Check it")).not_to_be_checked()
    expect(form.get_by_label("Attribute", exact=True)).to_have_value("a.b")
    form.get_by_label("A word").fill("sent")
    form.get_by_role("button", name="Send it").click()
    expect(form.get_by_role("status")).to_have_text("Done.")
    told(opened, 4, "('kinds', 'sent', {'a.b': 'c'})")
    told(opened, 2, "sent 9 red False {'a.b': 'c'}")


def test_jobs_are_selected_and_looked_for_from_either_side_and_in_two_cells(notebook: Made) -> None:
    opened = notebook(
        "submit = local.psij.submit_job\n"
        "one, two = (submit({'executable': '/bin/true', 'name': name}) for name in ('alpha', 'beta'))\n"
        "names = {one.id: 'alpha', two.id: 'beta'}\njobs = see(ow.jobs('local'), 'filter')\njobs",
        "jobs",
        "print([names[id] for id in jobs.selected], repr(jobs.filter))",
        "jobs.selected = [one.id, two.id]",
        "jobs.filter = 'alpha'",
        "print(seen)",
    )
    first = opened.run(1).locator("orbit-jobs")
    second = opened.run(2).locator("orbit-jobs")
    row(first, "beta").get_by_role("checkbox").check()
    told(opened, 3, "['beta'] ''")
    expect(row(second, "beta").get_by_role("checkbox")).to_be_checked()
    expect(row(second, "alpha").get_by_role("checkbox")).not_to_be_checked()

    opened.run(4)
    for view in (first, second):
        expect(row(view, "alpha").get_by_role("checkbox")).to_be_checked()
    row(second, "beta").get_by_role("checkbox").uncheck()
    told(opened, 3, "['alpha'] ''")
    expect(row(first, "beta").get_by_role("checkbox")).not_to_be_checked()

    opened.run(5)
    for view in (first, second):
        expect(view.get_by_label("Filter the jobs")).to_have_value("alpha")
        expect(row(view, "beta")).to_have_count(0)
    first.get_by_label("Filter the jobs").fill("bet")
    expect(row(second, "beta")).to_be_visible()
    told(opened, 3, "['alpha'] 'bet'")
    told(opened, 6, "['alpha', 'bet']")  # and no echo of either view


def test_a_job_that_is_submitted_in_a_cell_is_python_s_at_once(notebook: Made) -> None:
    opened = notebook(
        "jobs = see(ow.jobs('local', values={'exec': '/bin/echo', 'args': 'from python'}), 'submitted')\njobs",
        "print(len(seen), jobs.values['args'], jobs.values['executor'])",
        "print(jobs.submitted['answer']['job_id'] == local.psij.list_jobs()['jobs'][-1]['job_id'])",
    )
    view = opened.run(1).locator("orbit-jobs")
    expect(view.get_by_label("Executable")).to_have_value("/bin/echo")
    view.get_by_label("Executor").select_option("local")
    view.get_by_label(re.compile("^Arguments")).fill("from the page")
    view.get_by_role("button", name="Submit Job").click()
    expect(view.locator("orbit-output")).to_contain_text("from the page")
    told(opened, 2, "1 from the page local")
    told(opened, 3, "True")


def test_what_other_views_show_is_set_and_seen(notebook: Made, page: Page) -> None:
    opened = notebook(
        "import ipywidgets\n"
        "log, monitor, all_of_it = ow.log(filter='counted'), ow.monitor('local'), ow.explorer()\n"
        "ipywidgets.VBox([log, monitor, all_of_it])",
        "print(repr(log.filter), log.paused, monitor.paused, all_of_it.shown)",
        "log.filter, log.paused, monitor.paused = 'job_status', False, False\n"
        "all_of_it.shown = {'view': 'endpoint', 'endpoint': 'local'}",
    )
    output = opened.run(1)
    log, monitor = output.locator("orbit-log"), output.locator("orbit-system")
    looked = log.get_by_label("Find in all")
    explorer = output.locator("orbit-explorer")
    expect(looked).to_have_value("counted")
    looked.fill("job")
    log.get_by_role("button", name="Pause").click()
    monitor.get_by_role("button", name="Pause").click()
    explorer.get_by_role("button", name="Log", exact=True).click()
    told(opened, 2, "'job' True True {'view': 'log'}")
    opened.run(3)
    expect(looked).to_have_value("job_status")
    for view in (log, monitor):
        expect(view.get_by_role("button", name="Pause")).to_be_visible()
    expect(explorer.locator("orbit-endpoint")).to_contain_text("present")
