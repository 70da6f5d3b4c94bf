"""An endpoint is launched from the page as a job of another, seen to come, and ended; and one that can't come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from stage import Server, wait_until

pytestmark = pytest.mark.ui

Open = Callable[[str], Page]


def tokens(bridge: Server) -> list[str]:
    with bridge.client() as client:
        return [one["name"] for one in client.call("GET", "/tokens")["tokens"]]


def test_a_child_endpoint_is_launched_comes_and_is_ended(
    explorer: Open, bridge: Server, shot: Callable[..., Any]
) -> None:
    page = explorer("/endpoint/local")
    page.locator("orbit-endpoint").get_by_role("button", name="Launch an endpoint…").click()
    view = page.locator("orbit-launch")
    form = view.locator("orbit-launch-form")
    expect(form.get_by_label("Name of the endpoint")).to_have_value("local.1")
    expect(form.get_by_label("Executor")).to_have_value("local")
    form.get_by_label("Plugins").fill("sysinfo")
    shot(page, "launch-form")
    form.get_by_role("button", name="Launch").click()
    expect(view).to_contain_text("A token for local.1 was made")
    expect(view).to_contain_text("✓ local.1 is connected", timeout=60_000)
    expect(view.locator("orbit-output")).to_contain_text("connected to")
    expect(page.locator("orbit-endpoints")).to_contain_text("local.1")
    shot(page, "launch-done")
    assert tokens(bridge) == ["local.1"]
    view.get_by_role("button", name="Launch another …").click()
    expect(form.get_by_label("Name of the endpoint")).to_have_value("local.2")

    view.get_by_role("button", name="local.1", exact=True).click()
    view.get_by_role("button", name="End it …").click()
    view.get_by_role("button", name="Cancel the job").click()
    expect(view).to_contain_text("CANCELED")
    expect(page.locator("orbit-endpoints")).to_contain_text("lost")
    wait_until(lambda: tokens(bridge) == [], "its token is gone")


def test_one_that_cannot_come_shows_why_also_after_a_reload(
    explorer: Open, bridge: Server, shot: Callable[..., Any]
) -> None:
    page = explorer("/launch/local")
    form = page.locator("orbit-launch-form")
    form.get_by_label("Name of the endpoint").fill("local.7")
    form.get_by_label("Plugins").fill("no_such_plugin")
    form.get_by_role("button", name="Launch").click()
    view = page.locator("orbit-launch")
    expect(view).to_contain_text("✕ local.7", timeout=60_000)
    expect(view.locator("orbit-output")).to_contain_text("no_such_plugin")
    shot(page, "launch-failed")
    page.reload()
    view.get_by_role("button", name="local.7").click()
    expect(view.locator("orbit-output")).to_contain_text("no_such_plugin")
    wait_until(lambda: "local.7" not in tokens(bridge), "its token is gone")


def test_a_launch_under_way_is_there_again_after_a_reload_and_can_be_cancelled(
    explorer: Open, bridge: Server
) -> None:
    page = explorer("/launch/local")
    form = page.locator("orbit-launch-form")
    form.get_by_label("Name of the endpoint").fill("local.8")
    # It loads what takes its time, so that it is under way for a while.
    form.get_by_label("Plugins").fill("slow_plugin:SlowPlugin")
    form.get_by_role("button", name="Launch").click()
    view = page.locator("orbit-launch")
    expect(view).to_contain_text("local.8 connects to the bridge")
    page.reload()
    expect(view).to_contain_text("Launching local.8")
    view.get_by_role("button", name="Cancel …").click()
    view.get_by_role("button", name="Cancel the job").click()
    expect(view).to_contain_text("Its job was cancelled", timeout=60_000)
    wait_until(lambda: "local.8" not in tokens(bridge), "its token is gone")


def test_a_refusal_stands_beside_its_field_and_leaves_no_token(explorer: Open, bridge: Server) -> None:
    page = explorer("/launch/local")
    form = page.locator("orbit-launch-form")
    form.get_by_label("Name of the endpoint").fill("local")
    form.get_by_role("button", name="Launch").click()
    expect(form.locator("#said-name")).to_contain_text("connected already")
    form.get_by_label("Name of the endpoint").fill("no name")
    form.get_by_role("button", name="Launch").click()
    expect(form.locator("#said-name")).to_contain_text("can't be the")
    form.get_by_label("Name of the endpoint").fill("local.9")
    form.get_by_label("Time").fill("soon")
    form.get_by_role("button", name="Launch").click()
    expect(form.locator("#said-duration")).to_contain_text("neither seconds nor")
    assert "local.9" not in tokens(bridge)
