"""The log, the map and what is told wherever one is, in a real Chromium with several real endpoints."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from stage import Server, end, endpoint

pytestmark = pytest.mark.ui

Open = Callable[[str], Page]
NAMES = ("hpc1", "hpc1.1", "hpc2-with-a-name-that-is-much-longer-than-any-card")
SLOW = 60_000
"""Milliseconds until the bridge has noticed that an endpoint is dead, and until one has dialled in again."""


@pytest.fixture(scope="module")
def tokens(bridge: Server) -> dict[str, str]:
    return {name: bridge.endpoint_token(name) for name in NAMES}


@pytest.fixture
def start(bridge: Server, tokens: dict[str, str], tmp_path: Path) -> Iterator[Callable[[str], Any]]:
    """Start an endpoint: ``start("hpc1")`` returns its process."""
    with ExitStack() as stack:

        def started(name: str) -> subprocess.Popen[bytes]:
            arguments = ("--plugins", "sysinfo")
            return stack.enter_context(endpoint(bridge.url, name, tokens[name], tmp_path / name, *arguments))

        yield started


def card(page: Page, name: str) -> Locator:
    return page.locator("orbit-map .endpoint").filter(has=page.get_by_role("button", name=name, exact=True))


def submit(bridge: Server, executable: str, *arguments: str) -> str:
    with bridge.client() as client:
        job = client["local"].psij.submit_job({"executable": executable, "arguments": list(arguments)})
        name: str = job.id
        return name


def test_the_end_of_a_job_is_told_while_another_view_is_open_and_opens_it(
    explorer: Open, bridge: Server, shot: Callable[..., None]
) -> None:
    page = explorer("/files/local/staging")
    page.locator("orbit-files orbit-rows").wait_for()
    done = submit(bridge, "/bin/true")
    toasts = page.locator("orbit-toasts")
    expect(toasts).to_contain_text("on local has completed")
    submit(bridge, "/bin/sh", "-c", "exit 3")
    expect(toasts.locator(".error")).to_contain_text("has failed with exit code 3")
    shot(page, "toast")
    toasts.locator(".success").get_by_role("button", name="Open").click()
    expect(page).to_have_url(re.compile(f"#/job/local/psij/{re.escape(done)}$"))


def test_the_log_has_what_came_before_it_was_opened_and_goes_on(
    explorer: Open, bridge: Server, shot: Callable[..., None]
) -> None:
    page = explorer("/map")
    expect(card(page, "local")).to_be_visible()
    first = submit(bridge, "/bin/true")
    expect(page.locator("orbit-toasts")).to_contain_text("has completed")
    page.get_by_role("button", name="Log", exact=True).click()
    lines = page.locator("orbit-log").get_by_role("listitem")
    expect(lines.filter(has_text=first).filter(has_text="COMPLETED")).to_be_visible()
    second = submit(bridge, "/bin/sh", "-c", "exit 4")
    failed = lines.filter(has_text=second).filter(has_text="FAILED · ")
    expect(failed).to_contain_text("exit_code 4")
    failed.get_by_role("button").click()
    expect(failed.locator("pre")).to_contain_text('"exit_code": 4')
    shot(page, "log")
    page.get_by_role("searchbox", name="Find in all").fill(first)
    expect(failed).to_have_count(0)
    expect(lines.filter(has_text=first).first).to_be_visible()


def test_the_log_follows_a_burst_and_keeps_what_can_be_seen(explorer: Open, bridge: Server) -> None:
    page = explorer("/log")
    page.locator("orbit-log").wait_for()
    page.evaluate(
        """() => {
          const { channel } = document.querySelector('orbit-explorer');
          const text = new TextEncoder();
          for (let number = 0; number < 20000; number += 1) {
            const data = text.encode(JSON.stringify({ number }));
            channel.happened(['events', 'e', number, [['sample', 'burst', data]], 'local']);
          }
        }"""
    )
    lines = page.locator("orbit-log .line")
    expect(lines.filter(has_text="number 19999")).to_be_visible()
    assert lines.count() < 60
    expect(page.locator("orbit-log")).to_contain_text("2,000 events, the latest")


def test_a_lost_endpoint_is_shown_and_told_and_comes_back(
    explorer: Open, start: Callable[[str], Any], shot: Callable[..., None]
) -> None:
    processes = {name: start(name) for name in NAMES}
    page = explorer("/map")
    for name in ("local", *NAMES):
        expect(card(page, name)).to_be_visible(timeout=SLOW)
    expect(page.locator("orbit-map")).to_contain_text("4 endpoints")
    expect(page.locator("orbit-map .branch .branch .name")).to_have_text("hpc1.1")
    inside = "all => all.every(one => one.scrollWidth <= one.clientWidth)"
    assert page.locator("orbit-map article").evaluate_all(inside)
    boxes = [card(page, name).bounding_box() for name in ("local", *NAMES)]
    assert all(box is not None for box in boxes)
    assert not any(_overlap(one, other) for one in boxes for other in boxes if one is not other)
    end(processes["hpc1"])
    expect(card(page, "hpc1")).to_contain_text("lost", timeout=SLOW)
    expect(page.locator("orbit-toasts")).to_contain_text("hpc1 is lost", timeout=SLOW)
    expect(page.locator("orbit-map")).to_contain_text("1 lost")
    shot(page, "map")
    start("hpc1")
    expect(card(page, "hpc1")).not_to_contain_text("lost", timeout=SLOW)
    expect(page.locator("orbit-toasts")).to_contain_text("hpc1 is back", timeout=SLOW)
    card(page, "hpc1").click()
    expect(page).to_have_url(re.compile("#/endpoint/hpc1$"))


def test_what_runs_now_is_on_the_start_page(explorer: Open, bridge: Server) -> None:
    page = explorer("/map")
    job = submit(bridge, "/bin/sleep", "120")
    now = page.locator("orbit-map tbody tr").filter(has_text="/bin/sleep 120")
    expect(now).to_contain_text("ACTIVE")
    expect(card(page, "local")).to_contain_text("1 running")
    with bridge.client() as client:
        client["local"].psij.cancel_job(job)
    expect(now).to_have_count(0)
    expect(page.locator("orbit-toasts")).to_contain_text("was cancelled")


def _overlap(one: Any, other: Any) -> bool:
    apart = (
        one["x"] + one["width"] <= other["x"]
        or other["x"] + other["width"] <= one["x"]
        or one["y"] + one["height"] <= other["y"]
        or other["y"] + other["height"] <= one["y"]
    )
    return not apart
