"""The Explorer page in a real Chromium: endpoints, deep links, and what becomes of it when something dies."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.ui

Open = Callable[[str], Page]


def test_the_page_shows_the_endpoint_and_its_plugins(explorer: Open, shot: Callable[..., Any]) -> None:
    page = explorer("/endpoint/local")
    expect(page.locator("orbit-endpoint")).to_contain_text("present")
    expect(page.locator("orbit-endpoints")).to_contain_text("PsiJ Jobs")
    shot(page, "explorer-endpoint")


def test_a_click_changes_the_address_and_back_goes_back(explorer: Open) -> None:
    page = explorer("/endpoint/local")
    page.locator("orbit-endpoints").get_by_role("button", name="PsiJ Jobs").click()
    expect(page).to_have_url(re.compile("#/jobs/local/psij$"))
    page.go_back()
    expect(page.locator("orbit-endpoint")).to_be_visible()
