"""The queues of a batch system in a real Chromium; it is made of programs that behave as PBS's do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pbs.stage import FakePBS, pbs_cluster
from playwright.sync_api import Locator, Page, expect
from stage import Server

from orbit_plugins.queue_info import QueueInfoClient

pytestmark = pytest.mark.ui

Open = Callable[[str], Page]

LONG = "#!/bin/sh\nsleep 600\n"


@pytest.fixture
def pbs(tmp_path: Path, bridge: Server) -> Iterator[FakePBS]:
    """A PBS, and an endpoint `cluster` on its login host."""
    with pbs_cluster(tmp_path, bridge, 30) as running:
        yield running


@pytest.fixture
def queues(pbs: FakePBS, explorer: Open) -> Page:
    """The page of its queues."""
    page = explorer("/queues/cluster/queue_info")
    expect(page.locator("tr.queue")).to_have_count(2)
    return page


def job(page: Page, job_id: str) -> Locator:
    number = page.get_by_text(job_id.partition(".")[0], exact=True)
    return page.locator("orbit-batch-jobs .rows [role=row]").filter(has=number)


def test_queues_jobs_and_what_is_left(pbs: FakePBS, queues: Page, shot: Callable[..., Any]) -> None:
    running = pbs.submit(LONG, "-q", "workq", "-N", "relax")
    pbs.wait_state(running, "R")
    queues.get_by_role("button", name="Refresh").click()
    expect(queues.locator("tr.queue").first).to_contain_text("workq")
    expect(queues.locator("tr.queue").first).to_contain_text("30 min")
    expect(queues.locator("orbit-queues")).to_contain_text("outside of an allocation")
    expect(job(queues, running)).to_contain_text("ACTIVE")
    queues.get_by_role("button", name="workq", exact=True).click()
    expect(queues.get_by_role("button", name="Submit to this queue")).to_be_visible()
    job(queues, running).click()
    expect(queues.locator("orbit-batch-jobs dl")).to_contain_text("relax")
    shot(queues, "queues")
    queues.set_viewport_size({"width": 390, "height": 1200})
    assert queues.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_queue_is_clicked_and_submitted_to(queues: Page) -> None:
    queues.get_by_role("button", name="batch", exact=True).click()
    queues.get_by_role("button", name="Submit to this queue").click()
    expect(queues.locator("orbit-jobs")).to_be_visible()
    expect(queues.get_by_label("Queue / Partition")).to_have_value("batch")


def test_a_job_is_held_released_and_cancelled(pbs: FakePBS, queues: Page) -> None:
    mine = pbs.submit(LONG, "-q", "batch", "-h")
    queues.get_by_role("button", name="Refresh").click()
    expect(job(queues, mine)).to_contain_text("HELD")
    job(queues, mine).get_by_role("checkbox").check()
    queues.get_by_role("button", name="Release …").click()
    queues.get_by_role("button", name="Release it").click()
    pbs.wait_state(mine, "R")
    expect(job(queues, mine)).to_contain_text("ACTIVE")
    job(queues, mine).get_by_role("checkbox").check()
    expect(queues.get_by_role("button", name="Hold …")).to_be_disabled()
    queues.get_by_role("button", name="Cancel …").click()
    queues.get_by_role("button", name="Cancel it").click()
    expect(job(queues, mine)).to_have_count(0)
    pbs.wait_state(mine, "F")


def test_a_batch_system_that_is_away_says_so_and_comes_back(pbs: FakePBS, queues: Page) -> None:
    pbs.down()
    queues.get_by_role("button", name="Refresh").click()
    away = queues.get_by_text(re.compile("The batch system doesn.t answer"))
    expect(away.first).to_be_visible()
    expect(queues.locator("tr.queue")).to_have_count(2)
    queues.screenshot(path=Path(__file__).parents[2] / "build" / "screenshots" / "queues-away.png")
    pbs.well()
    queues.get_by_role("button", name="Refresh").click()
    expect(away).to_have_count(0)


def test_a_queue_that_changes_changes_its_row(pbs: FakePBS, queues: Page, bridge: Server) -> None:
    expect(queues.locator("tr.queue").first).to_contain_text("of 1 node free")
    # Somebody else looks, and finds that queues were stopped.
    listing = pbs.run("qstat", "-Qf", "-F", "json").stdout
    pbs.say("qstat", re.sub(r'("started"\s*:\s*)"True"', r'\1"False"', listing))
    with bridge.client() as client:
        looking = client.get_endpoint_client("cluster").get_plugin("queue_info")
        assert isinstance(looking, QueueInfoClient)
        looking.get_info(force=True)
    expect(queues.locator("tr.queue").first).not_to_contain_text("UP")
