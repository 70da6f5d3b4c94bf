"""What people launch, wait for and end on the page, in a real Chromium, beside a real Slurm."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator

import pytest
from chromium import PATIENCE, SCREENSHOTS, Watched, browsing, chromium, picture
from playwright.sync_api import Browser, Locator, Page, expect
from slurm_cluster import SlurmCluster
from stage import Server, wait_until
from user_endpoint import UserEndpoints

from orbit_jupyter.client import BridgeClient

NAME = "page1"
CHILD = f"{NAME}.1"

# The scheduler is asked often, and nobody waits long for what it says.
POLL = {"RADICAL_ORBIT_PSIJ_POLL": "1"}

IN_SIGHT = "ago => ago.getBoundingClientRect().right < ago.closest('p').getBoundingClientRect().right - 30"
"""Whether all of it is seen, with the word behind it, where the line is cut at its end."""

Open = Callable[[str], Page]

expect.set_options(timeout=PATIENCE)


@pytest.fixture(autouse=True)
def jp_asyncio_loop() -> None:
    """Leave the loop alone, in place of pytest-jupyter's fixture: Playwright's runs in this thread."""


@pytest.fixture(autouse=True)
def jp_server_cleanup() -> None:
    """End no server of pytest-jupyter's on that loop: there is none."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Chromium for the tests of this file: where its loop runs, other tests' can't."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def endpoint(lab: Server, user_endpoints: UserEndpoints) -> Iterator[str]:
    """Run an endpoint of the ordinary user on the login node; return its name."""
    with user_endpoints.run(lab, NAME, home=user_endpoints.account.home / NAME, **POLL):
        yield NAME


@pytest.fixture
def explorer(browser: Browser, lab: Server, endpoint: str, slurm: SlurmCluster) -> Iterator[Open]:
    """Open the page at what stands behind ``#``; it has no errors, and asks no other host."""
    watched = Watched()
    with browsing(browser) as context:
        page = context.new_page()
        watched.watch(page)

        def opened(place: str) -> Page:
            page.goto(f"{lab.url}/?token={lab.info['token']}#{place}")
            page.locator("orbit-explorer").wait_for()
            return page

        yield opened
    assert watched.unexpected() == []
    assert watched.foreign == []


@contextlib.contextmanager
def drained(slurm: SlurmCluster, *nodes: str) -> Iterator[None]:
    """Let nothing begin on some nodes, while the block runs."""
    named = f"NodeName={','.join(nodes)}"
    slurm.run("scontrol", "update", named, "State=DRAIN", "Reason=repaired")
    try:
        yield
    finally:
        slurm.run("scontrol", "update", named, "State=RESUME")


def tokens(bridge: BridgeClient) -> list[str]:
    """Return the names that tokens of children are for."""
    return [one["name"] for one in bridge.call("GET", "/tokens")["tokens"] if one["parent"] == NAME]


def offered(form: Locator, label: str) -> list[str]:
    """Return what a field suggests, as people read it."""
    expect(form.get_by_label(label)).to_have_attribute("list", re.compile("list-"))
    list_id = form.get_by_label(label).get_attribute("list")
    return form.locator(f"#{list_id} option").all_inner_texts()


def steps(page: Page) -> Locator:
    return page.get_by_role("log", name=re.compile("^Steps of the launch of"))


def narrow(page: Page, name: str) -> None:
    """Take a picture of a page as a phone has it, where nothing may be wider than that."""
    wide = page.viewport_size
    assert wide is not None
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.screenshot(path=SCREENSHOTS / f"{name}-narrow.png", full_page=True)
    page.set_viewport_size(wide)


def launched(page: Page) -> Locator:
    """Return the view of launches, with one begun as the form stands."""
    page.locator("orbit-launch-form").get_by_role("button", name="Launch").click()
    return page.locator("orbit-launch")


def nothing_left(slurm: SlurmCluster, bridge: BridgeClient) -> None:
    """Wait until Slurm has no job, and the bridge no token of a child."""
    wait_until(lambda: not slurm.jobs() and not tokens(bridge), "no job and no token is left", 60)


def test_a_launch_waits_begins_connects_and_is_disconnected(
    explorer: Open, slurm: SlurmCluster, bridge: BridgeClient
) -> None:
    page = explorer(f"/launch/{NAME}")
    form = page.locator("orbit-launch-form")
    expect(form.get_by_label("Name of the endpoint")).to_have_value(CHILD)
    expect(form.get_by_label("Executor")).to_have_value("slurm")
    assert offered(form, "Queue") == ["batch · 1 d · 4 nodes", "debug · 30 min · 1 node", "gpu · 1 d · 1 node"]
    assert offered(form, "Account") == ["proj_a", "proj_b"]
    expect(form.locator("#said-duration")).to_contain_text("debug allows 30 min at most")
    form.get_by_label("Queue").fill("gpu")
    form.get_by_label("Account").fill("proj_b")
    form.get_by_label("Time").fill("20m")
    form.get_by_label("Way to the bridge").select_option("none")
    expect(form.locator("#said-duration")).to_contain_text("gpu allows 1 d at most")
    picture(page, "slurm-launch-form")
    narrow(page, "slurm-launch-form")
    with drained(slurm, "n4"):
        view = launched(page)
        expect(view).to_contain_text("QUEUED")
        # In Slurm's own words, as soon as it says them.
        expect(steps(page)).to_contain_text("The job waits in the queue: Nodes required for job are DOWN, DRAINED")
        (job,) = slurm.jobs()
        expect(steps(page)).to_contain_text(f"Job {job} was submitted to gpu")
        known = slurm.job(job)
        assert (known["Partition"], known["Account"], known["TimeLimit"]) == ("gpu", "proj_b", "00:20:00")
        assert tokens(bridge) == [CHILD]
        picture(page, "slurm-launch-waits")
        narrow(page, "slurm-launch-waits")
    expect(view).to_contain_text("ACTIVE", timeout=60_000)
    expect(view).to_contain_text(f"✓ {CHILD} is connected", timeout=60_000)
    expect(view.locator("orbit-output")).to_contain_text("connected to")
    # In the tree it is a branch of the one that has launched it, with what is left of its time in sight.
    facts = page.locator("orbit-endpoints li li .facts")
    expect(facts).to_contain_text(re.compile(r"1[89]:\d\d left"))
    assert facts.locator("orbit-ago").evaluate(IN_SIGHT)
    picture(page, "slurm-launch-done")

    view.get_by_role("button", name=f"Open {CHILD}").click()
    child = page.locator("orbit-endpoint")
    expect(child).to_contain_text(re.compile(rf"job {job} · 1 node · 1[89]:\d\d left"))
    picture(page, "slurm-launch-child")
    child.get_by_role("button", name="Disconnect …").click()
    child.get_by_role("button", name="Disconnect", exact=True).click()
    expect(page.locator("orbit-endpoints")).to_contain_text("lost")
    nothing_left(slurm, bridge)
    assert slurm.state(job) == "COMPLETED"


def test_what_runs_is_ended_from_its_launch(explorer: Open, slurm: SlurmCluster, bridge: BridgeClient) -> None:
    page = explorer(f"/launch/{NAME}")
    form = page.locator("orbit-launch-form")
    form.get_by_label("Plugins").fill("sysinfo")
    form.get_by_label("Way to the bridge").select_option("none")
    view = launched(page)
    expect(view).to_contain_text(f"✓ {CHILD} is connected", timeout=60_000)
    (job,) = slurm.jobs()
    view.get_by_role("button", name="End it …").click()
    view.get_by_role("button", name="Cancel the job").click()
    expect(view).to_contain_text("CANCELED")
    nothing_left(slurm, bridge)
    assert slurm.state(job) == "CANCELLED"


def test_a_launch_is_cancelled_while_it_waits(explorer: Open, slurm: SlurmCluster, bridge: BridgeClient) -> None:
    page = explorer(f"/launch/{NAME}")
    form = page.locator("orbit-launch-form")
    form.get_by_label("Queue").fill("gpu")
    with drained(slurm, "n4"):
        view = launched(page)
        expect(steps(page)).to_contain_text("The job waits in the queue")
        (job,) = slurm.jobs()
        view.get_by_role("button", name="Cancel …").click()
        expect(view).to_contain_text(re.compile("It hasn.t begun"))
        view.get_by_role("button", name="Cancel the job").click()
        expect(view).to_contain_text("Its job was cancelled")
        expect(steps(page)).to_contain_text("The job has ended before it began")
        nothing_left(slurm, bridge)
    assert slurm.state(job) == "CANCELLED"


def test_what_can_never_run_is_refused_beside_its_field(
    explorer: Open, slurm: SlurmCluster, bridge: BridgeClient
) -> None:
    page = explorer(f"/launch/{NAME}")
    form = page.locator("orbit-launch-form")

    def refused(field: str, words: str, **filled: str) -> None:
        for label, value in filled.items():
            form.get_by_label(label).fill(value)
        launched(page)
        # Without the names that Python has for it all.
        expect(form.locator(f"#said-{field}")).to_have_text(re.compile(rf"^\s*✕ {words}\s*$"))
        expect(form.get_by_role("alert")).to_have_count(1)
        assert (slurm.jobs(), tokens(bridge)) == (set(), [])

    refused("duration", "7200 s is more than queue debug allows: 1800 s", Queue="debug", Time="2h")
    form.get_by_label("Time").fill("20m")
    expect(form.locator("#said-duration")).to_have_text(re.compile("debug allows 30 min at most"))
    refused("node_count", "5 is more than queue batch has: 4", Queue="batch", Nodes="5")
    picture(page, "slurm-launch-refused")
    refused("queue", "slurm has no queue 'nope'; it has batch, debug, gpu", Queue="nope", Nodes="1")
    # This one Slurm itself refuses.
    slurm.run("scontrol", "update", "PartitionName=gpu", "State=DRAIN")
    try:
        refused("queue", "slurm refused the job: .*Required partition not available.*", Queue="gpu", Time="10m")
    finally:
        slurm.run("scontrol", "update", "PartitionName=gpu", "State=UP")


def test_a_queue_is_looked_at_clicked_and_submitted_to(explorer: Open, slurm: SlurmCluster) -> None:
    waits = slurm.submit("true", "-p", "gpu", "--begin=now+1hour", "-J", "tomorrow", user=slurm.user)
    runs = slurm.submit("sleep 300", "-p", "batch", "-N", "2", "-J", "relax", user=slurm.user)
    slurm.wait_state(runs, "RUNNING")
    page = explorer(f"/queues/{NAME}/queue_info")
    # What was asked for a moment ago needn't be asked again by itself.
    page.get_by_role("button", name="Refresh").click()
    rows = page.locator("tr.queue")
    for row, name, said in zip(range(3), ("debug", "batch", "gpu"), ("30 min", "1 d", "1 d"), strict=True):
        expect(rows.nth(row)).to_contain_text(name)
        expect(rows.nth(row)).to_contain_text(said)
        expect(rows.nth(row)).to_contain_text("UP")
    expect(rows.nth(1)).to_contain_text("2 of 4 nodes free")
    expect(rows.nth(2)).to_contain_text("2 GPUs")
    expect(page.locator("orbit-queues")).to_contain_text("outside of an allocation")
    expect(page.locator("orbit-queues")).to_contain_text("proj_b")
    jobs = page.locator("orbit-batch-jobs .rows [role=row]")
    expect(jobs.filter(has_text="relax")).to_contain_text("ACTIVE")
    expect(jobs.filter(has_text="tomorrow")).to_contain_text("BeginTime")
    picture(page, "slurm-queues")
    page.get_by_role("button", name="gpu", exact=True).click()
    # Its own jobs alone are left.
    expect(jobs.filter(has_text="relax")).to_have_count(0)
    expect(jobs.filter(has_text="tomorrow")).to_have_count(1)
    page.get_by_role("button", name="batch", exact=True).click()
    picture(page, "slurm-queues-open", full_page=True)
    narrow(page, "slurm-queues-open")
    page.get_by_role("button", name="Submit to this queue").click()

    form = page.locator("orbit-form")
    expect(form.get_by_label("Queue / Partition")).to_have_value("batch")
    expect(form.get_by_label("Executor")).to_have_value("slurm")
    form.get_by_label("Executable").fill("sh")
    form.get_by_label(re.compile("^Arguments")).fill("-c 'echo $SLURM_JOB_PARTITION on $SLURMD_NODENAME; sleep 3'")
    form.get_by_role("button", name="Submit").click()
    output = page.locator("orbit-output")
    expect(output).to_contain_text(re.compile("batch on n[1-4]"), timeout=60_000)
    expect(page.get_by_role("list", name="States of the job")).to_contain_text("COMPLETED", timeout=60_000)
    (mine,) = slurm.run("sacct", "-nPX", "-u", slurm.user, "-r", "batch", "--format=JobID").split()[-1:]
    assert mine not in (waits, runs)
    picture(page, "slurm-queue-submitted")
