"""A real Chromium for tests that look at a page, in ``tests/ui`` and on a real cluster."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

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


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium: the one on the PATH, else Playwright's own; its loop runs in this thread meanwhile."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("google-chrome"), args=ARGUMENTS
        )
        yield started
        started.close()


@contextlib.contextmanager
def browsing(browser: Browser) -> Iterator[BrowserContext]:
    """Return a browser without cookies and without anything in its cache."""
    made = browser.new_context(
        viewport={"width": 1280, "height": 800}, permissions=["clipboard-read", "clipboard-write"]
    )
    made.set_default_timeout(PATIENCE)
    yield made
    made.close()


def picture(page: Page, name: str, **more: Any) -> None:
    """Take pictures of a page, light and dark."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=SCREENSHOTS / f"{name}-{scheme}.png", **more)
    page.emulate_media(color_scheme="light")
