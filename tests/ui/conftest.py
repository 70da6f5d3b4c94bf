"""A real Chromium, and a real server with a real endpoint for it to look at."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright
from stage import Server, server

SCREENSHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"
"""Where pictures are kept: people look at them."""

ARGUMENTS = [
    "--no-sandbox",  # as root there is none
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]

PATIENCE = 30_000
"""Milliseconds that a page may take for what it is waited for: CI's machines are slow."""

expect.set_options(timeout=PATIENCE)

PLUGINS = "sysinfo,psij,staging,sample_plugin:SamplePlugin"


@pytest.fixture(autouse=True)
def jp_asyncio_loop() -> None:
    """Leave the loop alone, in place of pytest-jupyter's fixture: Playwright's runs in this thread."""


@pytest.fixture(autouse=True)
def jp_server_cleanup() -> None:
    """End no server of pytest-jupyter's on that loop: there is none."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start Chromium: the one on the PATH, else Playwright's own."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("google-chrome"), args=ARGUMENTS
        )
        yield started
        started.close()


class Watched:
    """What a page has complained of, and whom it has asked."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.foreign: list[str] = []
        self.expected: list[str] = []

    def expect(self, pattern: str) -> None:
        """Allow console errors that this pattern is found in, as those of a bridge that the test stops."""
        self.expected.append(pattern)

    def watch(self, page: Page) -> None:
        """Look at all that a page does from now on."""
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", self._asked)

    def unexpected(self) -> list[str]:
        """Return the errors that no test has expected."""
        return [error for error in self.errors if not any(re.search(one, error) for one in self.expected)]

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location.get('url', '')})")

    def _asked(self, request: Request) -> None:
        host = urlsplit(request.url).hostname
        if host not in (None, "127.0.0.1", "localhost"):
            self.foreign.append(request.url)


@pytest.fixture
def watched() -> Iterator[Watched]:
    """Fail the test where a page has an error on its console, or asks another host."""
    seen = Watched()
    yield seen
    assert seen.unexpected() == []
    assert seen.foreign == []


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser without cookies and without anything in its cache."""
    made = browser.new_context(
        viewport={"width": 1280, "height": 800}, permissions=["clipboard-read", "clipboard-write"]
    )
    made.set_default_timeout(PATIENCE)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext, watched: Watched) -> Page:
    """A page that is watched."""
    made = context.new_page()
    watched.watch(made)
    return made


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the endpoint `local`, for the tests of one file."""
    arguments = ("--OrbitExtension.local_endpoint=on", f"--OrbitExtension.local_plugins={PLUGINS}")
    with server(tmp_path_factory.mktemp("home"), *arguments) as running:
        with running.client() as client:
            client.wait_for_endpoint("local", 30)
        yield running


@pytest.fixture
def explorer(page: Page, bridge: Server) -> Callable[[str], Page]:
    """Open the Explorer page at what stands behind ``#``, as ``/jobs/local/psij``."""

    def opened(place: str = "/map") -> Page:
        page.goto(f"{bridge.url}/?token={bridge.info['token']}#{place}")
        page.locator("orbit-explorer").wait_for()
        return page

    return opened


@pytest.fixture
def shot(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Take pictures of a page, light and dark: ``shot(page, "jobs")``."""

    def taken(page: Page, name: str, **more: Any) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=SCREENSHOTS / f"{name}-{scheme}.png", **more)
        page.emulate_media(color_scheme="light")

    return taken
