"""A cluster joins from the page: its steps, its questions, its failures; and it leaves."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_ssh import FakeHosts
from playwright.sync_api import Page, expect
from stage import Server, server

pytestmark = pytest.mark.ui

Open = Callable[[str], Page]

PASSWORD = "Geheim-4711"
KEY = (
    "The authenticity of host 'hpc (10.0.0.7)' can't be established.\n"
    "ED25519 key fingerprint is SHA256:q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k.\n"
    "This key is not known by any other names.\n"
    "Are you sure you want to continue connecting (yes/no/[fingerprint])? "
)


@pytest.fixture(scope="module")
def hosts() -> Iterator[FakeHosts]:
    """Hosts that the server's endpoint reaches by a program that is called as ssh is."""
    with tempfile.TemporaryDirectory(prefix="fake-", dir="/tmp") as folder:
        made = FakeHosts(Path(folder))
        made.add("hpc", (KEY, "yes"), ("me@hpc's password: ", PASSWORD), says=["<b>Welcome</b> to hpc"])
        made.add("other", ("Verification code: ", "123456"))
        yield made
        made.close()


@pytest.fixture(scope="module")
def bridge(hosts: FakeHosts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose `local` may join clusters."""
    arguments = ("--OrbitExtension.local_endpoint=on", "--OrbitExtension.local_plugins=join,sysinfo")
    home = tmp_path_factory.mktemp("home")
    (home / ".ssh").mkdir()
    (home / ".ssh" / "config").write_text("Host hpc gate\n")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in hosts.environment.items():
            patch.setenv(name, value)
        with server(home, *arguments) as running:
            with running.client() as client:
                client.wait_for_endpoint("local", 30)
            yield running


def start(page: Page, host: str, name: str) -> None:
    form = page.locator("orbit-join-form")
    form.get_by_label("Host").fill(host)
    expect(form.get_by_label("Name of the endpoint")).to_have_value(host)
    form.get_by_label("Name of the endpoint").fill(name)
    expect(form.get_by_label("Plugins")).to_be_hidden()  # with the rest that few need
    form.get_by_role("button", name="Start").click()


def test_a_cluster_joins_with_its_questions_and_leaves(
    explorer: Open, hosts: FakeHosts, bridge: Server, shot: Callable[..., Any]
) -> None:
    page = explorer("/endpoint/local")
    page.get_by_role("button", name="Join a cluster…").click()
    view = page.locator("orbit-join")
    expect(view).to_contain_text("No cluster is joined from this machine")
    expect(view.locator("datalist option").first).to_have_attribute("value", "hpc")
    shot(page, "join-form")
    start(page, "hpc", "hpc1")

    question = view.locator("orbit-ssh-question")
    expect(question).to_contain_text("SHA256:q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k")
    shot(page, "join-host-key")
    question.get_by_role("button", name="Yes, it is the right one").click()
    field = question.get_by_label("me@hpc's password:")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("type", "password")
    field.fill("wrong")
    field.press("Enter")
    expect(view).to_contain_text("Permission denied, please try again.")

    page.reload()  # the same session goes on, and is asked the same
    expect(view).to_contain_text("<b>Welcome</b> to hpc")
    expect(field).to_have_value("")
    field.fill(PASSWORD)
    field.press("Enter")
    expect(view).to_contain_text("Installing the endpoint")
    expect(view).to_contain_text("✓ hpc1 is connected", timeout=90_000)
    shot(page, "join-done")
    expect(page.locator("orbit-explorer")).not_to_contain_text(PASSWORD)
    assert PASSWORD not in page.locator("input").evaluate_all("all => all.map(one => one.value)")
    view.get_by_role("button", name="Open hpc1").click()
    expect(page.locator("orbit-endpoint")).to_contain_text("present")
    expect(page.locator("orbit-endpoints")).to_contain_text("hpc1")

    page.get_by_role("button", name="Join a cluster…").click()
    row = view.locator("tr", has_text="hpc1")
    expect(row).to_contain_text("present")
    row.get_by_role("button", name="Leave …").click()
    view.get_by_label("Remove its installation").check()
    shot(page, "join-leave")
    view.get_by_role("button", name="Leave", exact=True).click()
    expect(view).to_contain_text("hpc1 has left", timeout=60_000)
    expect(view).to_contain_text("No cluster is joined from this machine")
    with bridge.client() as client:
        assert [one["name"] for one in client.call("GET", "/tokens")["tokens"]] == []
    assert list((hosts.folder / "hpc").rglob("*")) == []


def test_a_failure_says_what_to_do_and_the_form_is_there_again(explorer: Open, bridge: Server) -> None:
    page = explorer("/join")
    start(page, "nowhere", "nowhere")
    view = page.locator("orbit-join")
    expect(view).to_contain_text("there is no host of that name; look at its spelling")
    expect(view).to_contain_text("Taking back the ssh connection")
    view.get_by_role("button", name="Try again …").click()
    expect(view.locator("orbit-join-form").get_by_label("Host")).to_have_value("nowhere")
    expect(view).not_to_contain_text("there is no host of that name")
    with bridge.client() as client:
        assert client.call("GET", "/tokens")["tokens"] == []


def test_another_window_sees_a_join_and_may_cancel_it_but_not_answer(
    explorer: Open, page: Page, bridge: Server, shot: Callable[..., Any]
) -> None:
    explorer("/join")
    start(page, "other", "other")
    expect(page.locator("orbit-ssh-question")).to_contain_text("Verification code:")
    second = page.context.new_page()
    second.goto(f"{bridge.url}/?token={bridge.info['token']}#/join")
    other = second.locator("orbit-join")
    expect(other).to_contain_text("Another window has begun this")
    assert other.locator("orbit-ssh-question").count() == 0
    other.get_by_role("button", name="Cancel").click()
    expect(page.locator("orbit-join")).to_contain_text("cancelled: other wasn't joined")
    expect(page.locator("orbit-ssh-question")).to_have_count(0)
    second.close()


def test_a_wrong_field_is_told_beside_it(explorer: Open) -> None:
    page = explorer("/join")
    form = page.locator("orbit-join-form")
    form.get_by_role("button", name="Start").click()
    expect(form).to_contain_text("This is needed")
    start(page, "hpc", "no name")
    expect(form.locator("#said-name")).to_contain_text("can't be the")


def test_on_a_phone_it_fits(explorer: Open, page: Page, shot: Callable[..., Any]) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    explorer("/join")
    expect(page.locator("orbit-join-form")).to_be_visible()
    shot(page, "join-narrow")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
