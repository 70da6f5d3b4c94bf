"""A real Chromium, and a real server with a real endpoint for it to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from chromium import PATIENCE, Watched, browsing, chromium, picture
from playwright.sync_api import Browser, BrowserContext, Page, expect
from stage import Server, server

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
    """Start Chromium."""
    with chromium() as started:
        yield started


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
    with browsing(browser) as made:
        yield made


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
def shot() -> Callable[..., None]:
    """Take pictures of a page, light and dark: ``shot(page, "jobs")``."""
    return picture
