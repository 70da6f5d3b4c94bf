"""Pages that are drawn from a plugin's `ui_config` alone, and one that is the plugin's own JavaScript."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import stage
from playwright.sync_api import Dialog, Locator, Page, expect
from stage import SAMPLES, Server, server
from ui_sample_plugin import HOSTILE

pytestmark = pytest.mark.ui

Open = Callable[[str], Page]

SAMPLE = "/plugin/local/ui_sample"
PLUGINS = "psij,ui_sample_plugin:UiSamplePlugin,ui_sample_plugin:NotInstalled,scripted"

SCRIPTED = """
from orbit_jupyter.plugin import Plugin, route

class Scripted(Plugin):
    plugin_name = "scripted"
    ui_module = {script!r}

    @route.get("word")
    async def word(self):
        self._dispatch_notify("asked", {{"word": "told"}})
        return {{"word": "answered"}}
"""

SCRIPT = """
export const name = 'scripted';
export const template = () =>
  '<h2>Mine</h2><p class="endpoint-label"></p><button id="ask">Ask</button><p id="out"></p>';
export const css = () => '#out { color: rgb(1, 2, 3) }';
export function init(page, api) {
  page.querySelector('#ask').addEventListener('click', async () => {
    const { word } = await api.fetch('word');
    page.querySelector('#out').append(`${word} ${(await api.getSession()).slice(0, 8)} `);
  });
}
export function onNotification(event, page) {
  page.querySelector('#out').append(`${event.topic} ${event.data.word} `);
}
"""

# All elements of a kind, in shadow roots too.
DEEP = """([kind]) => {
  const count = root => [...root.querySelectorAll('*')].reduce(
    (sum, one) => sum + (one.matches(kind) ? 1 : 0) + (one.shadowRoot ? count(one.shadowRoot) : 0), 0);
  return count(document);
}"""

# How often an element is drawn in each frame: as often as the text that changes most.
WATCH = """drawn => {
  const frames = (globalThis.frames_of_test ??= new Map());
  new MutationObserver(records => {
    const frame = `${drawn.localName} ${document.timeline.currentTime}`;
    const changes = new Map();
    for (const { type, target } of records) {
      changes.set(target, (changes.get(target) ?? 0) + (type === 'characterData' ? 1 : 0));
    }
    frames.set(frame, (frames.get(frame) ?? 0) + Math.max(1, ...changes.values()));
  }).observe(drawn.shadowRoot, { subtree: true, childList: true, characterData: true, attributes: true });
}"""


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the sample plugins; `scripted` is installed beside it, as pip would."""
    site = tmp_path_factory.mktemp("site")
    (site / "page.js").write_text(SCRIPT)
    (site / "scripted_of_test.py").write_text(SCRIPTED.format(script=str(site / "page.js")))
    info = site / "scripted_of_test-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: scripted_of_test\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[orbit_jupyter.plugins]\nscripted = scripted_of_test:Scripted\n")
    paths = os.pathsep.join([str(site), str(SAMPLES)])
    arguments = ("--OrbitExtension.local_endpoint=on", f"--OrbitExtension.local_plugins={PLUGINS}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "environment", partial(stage.environment, PYTHONPATH=paths))
        with server(tmp_path_factory.mktemp("home"), *arguments) as running:
            with running.client() as client:
                client.wait_for_endpoint("local", 30)
            yield running


@pytest.fixture
def ask(bridge: Server) -> Iterator[Callable[..., Any]]:
    """Call the sample plugin: ``ask("POST", "make", {"count": 10})``."""
    with bridge.client() as client:
        plugin = client.get_endpoint_client("local").get_plugin("ui_sample")
        plugin.call("POST", "make", {"count": 0})
        yield plugin.call


def monitor(page: Page, title: str) -> Locator:
    """Return the monitor of that title."""
    return page.locator("orbit-monitor", has=page.get_by_role("heading", name=title, exact=True))


def lines(page: Page) -> Locator:
    """Return the rows of the task list that are in the DOM, without its head."""
    return monitor(page, "Tasks").locator(".rows").get_by_role("row")


def test_the_page_is_drawn_from_its_description(
    explorer: Open, ask: Callable[..., Any], shot: Callable[..., Any]
) -> None:
    ask("POST", "make", {"count": 12})
    page = explorer(SAMPLE)
    expect(page.get_by_role("heading", name="Sample")).to_be_visible()
    expect(lines(page)).to_have_count(12)
    expect(monitor(page, "Facts")).to_contain_text("calm")
    expect(monitor(page, "Facts").get_by_role("img", name="Percent: 40 %")).to_be_visible()
    expect(monitor(page, "Hosts").locator(".rows").get_by_role("row")).to_have_count(2)
    expect(monitor(page, "Waves").locator("canvas").first).to_be_visible()
    expect(monitor(page, "Raw")).to_contain_text('"weather": "calm"')
    ask("POST", "change", {"uid": "task.000003", "state": "FAILED"})
    expect(monitor(page, "Told")).to_contain_text("task_status")
    shot(page, "plugin-page")
    page.set_viewport_size({"width": 390, "height": 844})
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
    shot(page, "plugin-page-narrow")


def test_each_kind_of_field_sends_its_value(explorer: Open, ask: Callable[..., Any], tmp_path: Path) -> None:
    page = explorer(SAMPLE)
    form = page.locator("orbit-form").first
    expect(form.get_by_label("A size")).to_have_value("middling")
    expect(form.locator("option", has_text="huge")).to_have_attribute("title", "sold out")
    form.get_by_label("A word").fill("lattice")
    form.get_by_label("A number").fill("7")
    form.get_by_label("A note").fill("one\ntwo")
    form.get_by_label("A colour").select_option(label="red")
    form.get_by_label("Check it").uncheck()
    form.get_by_role("button", name="Add an attribute").click()
    form.get_by_label("Attribute", exact=True).fill("slurm.constraint")
    form.get_by_label("Value", exact=True).fill("gpu")
    file = tmp_path / "some.txt"
    file.write_bytes(b"\x00\xffhi")
    form.get_by_label("A file").set_input_files(file)
    form.get_by_role("button", name="Send it").dblclick()
    expect(form.get_by_role("status")).to_have_text("Done.")
    sent = ask("GET", "sent")["sent"]
    key = sent[-1].pop("key")
    assert key
    assert sent[-1] == {
        "word": "lattice",
        "number": 7,
        "note": "one\ntwo",
        "colour": "red",
        "size": "middling",
        "check": False,
        "secret": "kept",
        "more": {"slurm.constraint": "gpu"},
        "file": "AP9oaQ==",
    }
    assert [one.get("key") for one in sent].count(key) == 0  # a double click sends once


def test_a_wrong_field_is_said_beside_it(explorer: Open) -> None:
    page = explorer(SAMPLE)
    form = page.locator("orbit-form").first
    form.get_by_role("button", name="Send it").click()
    word = form.get_by_label("A word")
    expect(word).to_have_accessible_description("✕ This is needed.")
    expect(word).to_be_focused()
    word.fill("wrong")
    word.press("Control+Enter")
    expect(word).to_have_accessible_description("✕ that is wrong")
    expect(word).to_have_attribute("aria-invalid", "true")


def test_the_code_that_is_copied_is_python(explorer: Open) -> None:
    page = explorer(SAMPLE)
    form = page.locator("orbit-form").first
    form.get_by_label("A word").fill('it\'s "quoted"\\')
    form.get_by_role("button", name="Copy as code").click()
    expect(page.locator("orbit-toasts")).to_contain_text("copied")
    code = page.evaluate("navigator.clipboard.readText()")
    compile(code, "cell", "exec")
    assert 'hpc.get_plugin("ui_sample").call("POST", "echo/{sid}", {' in code


def test_events_change_rows_and_add_new_ones(explorer: Open, ask: Callable[..., Any]) -> None:
    ask("POST", "make", {"count": 3})
    page = explorer(SAMPLE)
    expect(lines(page)).to_have_count(3)
    ask("POST", "change", {"uid": "task.000002", "state": "FAILED"})
    expect(lines(page).first).to_contain_text("FAILED")
    expect(lines(page).first).to_contain_text("step 2")
    ask("POST", "change", {"uid": "task.9", "state": "RUNNING"})
    expect(lines(page)).to_have_count(4)
    expect(lines(page).first).to_contain_text("task.9")
    lines(page).nth(1).click()
    expect(page.get_by_label("Details")).to_contain_text('"label": "step 2"')


def test_many_rows_keep_the_page_small_and_a_burst_draws_once_a_frame(
    explorer: Open, ask: Callable[..., Any]
) -> None:
    ask("POST", "make", {"count": 100_000})
    page = explorer(SAMPLE)
    expect(monitor(page, "Tasks")).to_contain_text("100,000 rows")
    expect(lines(page).first).to_contain_text("task.099999")
    assert lines(page).count() < 60
    assert page.evaluate(DEEP, ["*"]) < 2000
    monitor(page, "Tasks").locator("orbit-rows").evaluate(WATCH)
    monitor(page, "Told").locator("orbit-log-lines").evaluate(WATCH)  # each event changes what it shows
    ask("POST", "burst", {"count": 20_000})
    expect(lines(page).first).to_contain_text("DONE")
    # The last that is told: by its event, or, where the page was too slow for all of them, by reading anew.
    last = lines(page).filter(has_text="task.080000")
    monitor(page, "Tasks").locator(".scroll").evaluate("scroll => { scroll.scrollTop = 32 * 19_990 }")
    expect(last).to_contain_text("DONE")
    monitor(page, "Tasks").get_by_role("grid").press("End")
    expect(lines(page).last).to_contain_text("task.000000")
    frames = page.evaluate("[...frames_of_test.values()]")
    assert len(frames) > 3
    assert max(frames) == 1
    assert lines(page).count() < 60


def test_markup_from_an_endpoint_stays_text(explorer: Open, ask: Callable[..., Any]) -> None:
    page = explorer(SAMPLE)
    dialogs: list[str] = []

    def seen(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", seen)
    expect(page.get_by_role("heading", name="Sample")).to_be_visible()
    ask("POST", "hostile")
    expect(lines(page).first).to_contain_text(HOSTILE)
    expect(monitor(page, "Told")).to_contain_text(HOSTILE)
    page.get_by_role("button", name="Refresh").click()
    expect(monitor(page, "Facts")).to_contain_text(HOSTILE)
    expect(monitor(page, "Hosts")).to_contain_text(HOSTILE)
    lines(page).first.click()
    expect(page.get_by_label("Details")).to_contain_text(HOSTILE)
    assert page.evaluate(DEEP, ["img"]) == 0
    assert dialogs == []


def test_a_job_runs_from_the_form_that_psij_describes(explorer: Open) -> None:
    page = explorer("/plugin/local/psij")
    form = page.locator("orbit-form")
    form.get_by_label("Executable").fill("/bin/echo")
    form.get_by_label("Arguments").fill("'a b' c")
    form.get_by_label("Executor").select_option("local")
    form.get_by_role("button", name="Submit Job").click()
    expect(form.get_by_role("status")).to_contain_text("is submitted")
    expect(page.locator("orbit-monitor .rows").get_by_role("row").first).to_contain_text("COMPLETED")


def test_a_page_of_javascript_comes_from_beside_the_bridge(explorer: Open) -> None:
    page = explorer("/plugin/local/scripted")
    expect(page.get_by_role("heading", name="Mine")).to_be_visible()
    expect(page.locator("orbit-own-page .endpoint-label")).to_have_text("local")
    page.get_by_role("button", name="Ask").click()
    out = page.locator("orbit-own-page #out")
    expect(out).to_contain_text("answered session.")
    expect(out).to_contain_text("asked told")
    expect(out).to_have_css("color", "rgb(1, 2, 3)")


def test_a_page_of_javascript_that_isnt_installed_is_noted(explorer: Open) -> None:
    page = explorer("/plugin/local/not_installed")
    expect(page.locator("orbit-plugin-page")).to_contain_text("installed beside the bridge")
