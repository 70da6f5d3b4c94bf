"""A host's live charts in a real Chromium: values arrive, pause stops them, and an endpoint comes back."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from stage import Server, endpoint, wait_until

pytestmark = pytest.mark.ui

Open = Callable[[str], Page]

PICTURE = "chart => chart.renderRoot.querySelector('canvas')?.toDataURL() ?? ''"
LAST = "chart => chart.times.at(-1) ?? 0"


def chart(page: Page, label: str = "CPU") -> Locator:
    """Return the chart of a card; it is there when its first picture is."""
    found = page.locator(f"section[aria-label='{label}'] orbit-chart")
    found.locator("canvas").wait_for()
    return found


def test_values_arrive_and_the_chart_moves(explorer: Open, shot: Callable[..., Any]) -> None:
    cpu = chart(page := explorer("/monitor/local/sysinfo"))
    expect(page.locator("orbit-system")).to_contain_text("live")
    picture, last = cpu.evaluate(PICTURE), cpu.evaluate(LAST)
    wait_until(lambda: cpu.evaluate(LAST) > last, "a value arrives")
    wait_until(lambda: cpu.evaluate(PICTURE) != picture, "the chart moves")
    expect(page.locator("section[aria-label='Memory']")).to_contain_text("available")
    assert page.locator("orbit-system style").count() == 0
    shot(page, "system")
    page.set_viewport_size({"width": 390, "height": 1200})
    wait_until(
        lambda: cpu.locator("canvas").evaluate("one => one.clientWidth") < 390,
        "the chart is as narrow as the page",
    )
    page.screenshot(path=Path(__file__).parents[2] / "build" / "screenshots" / "system-narrow.png")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_pause_stops_it_and_going_on_fills_the_gap(explorer: Open, page: Page) -> None:
    cpu = chart(explorer("/monitor/local/sysinfo"))
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("orbit-system")).to_contain_text("paused")
    picture, last = cpu.evaluate(PICTURE), cpu.evaluate(LAST)
    # What another page sees meanwhile tells that time goes on.
    other = page.context.new_page()
    other.goto(page.url)
    there = chart(other)
    wait_until(lambda: there.evaluate(LAST) > last + 4, "the host goes on")
    assert (cpu.evaluate(PICTURE), cpu.evaluate(LAST)) == (picture, last)
    page.get_by_role("button", name="Go on").click()
    wait_until(lambda: cpu.evaluate(LAST) > last, "it goes on")
    times = cpu.evaluate("chart => chart.times")
    assert all(later - earlier < 8 for earlier, later in itertools.pairwise(times)), times


def test_another_theme_is_another_picture(explorer: Open) -> None:
    page = explorer("/monitor/local/sysinfo")
    page.get_by_role("button", name="Pause").click()
    cpu = chart(page)
    picture = cpu.evaluate(PICTURE)
    page.emulate_media(color_scheme="dark")
    wait_until(lambda: cpu.evaluate(PICTURE) not in ("", picture), "it is drawn in dark colours")
    page.emulate_media(color_scheme="light")
    wait_until(lambda: cpu.evaluate(PICTURE) == picture, "it is drawn in light colours again")


def test_an_endpoint_that_was_away_goes_on(explorer: Open, bridge: Server, tmp_path: Path) -> None:
    token = bridge.endpoint_token("hpc1")
    start = functools.partial(endpoint, bridge.url, "hpc1", token, tmp_path, "--plugins", "sysinfo")
    with start():
        page = explorer("/monitor/hpc1/sysinfo")
        cpu = chart(page)
        picker = page.get_by_label("Endpoint", exact=True)
        assert picker.locator("option").all_text_contents() == ["hpc1", "local"]
    expect(page.locator("orbit-system")).to_contain_text("hpc1 has been away")
    last = cpu.evaluate(LAST)
    with start():
        wait_until(lambda: cpu.evaluate(LAST) > last, "values of the new session arrive")
        expect(page.locator("orbit-system")).not_to_contain_text("has been away")
        picker.select_option(label="local")
        expect(page).to_have_url(re.compile("#/monitor/local/sysinfo$"))
        expect(page.locator("orbit-system .title")).to_contain_text("local")
