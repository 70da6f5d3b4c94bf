"""The Explorer page in a real Chromium: endpoints, deep links, and what becomes of it when something dies."""

from __future__ import annotations

import gzip
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from stage import Server, endpoint, server, wait_until

import orbit_jupyter_widgets

pytestmark = pytest.mark.ui

Open = Callable[[str], Page]

STATIC = Path(orbit_jupyter_widgets.__file__).parent / "static"

VIEWS = {
    "/map": ("orbit-map", "local"),
    "/endpoint/local": ("orbit-endpoint", "present"),
    "/jobs/local/psij": ("orbit-jobs", "PsiJ Jobs"),
    "/files/local/staging": ("orbit-files", "server.log"),
    "/monitor/local/sysinfo": ("orbit-system", "cores"),
    "/plugin/local/sample": ("orbit-plugin-page", "sample"),
    "/log": ("orbit-log", "Pause"),
}
"""Places that the server of these tests has something to show at; of each its element, and what it says."""

MORE_PLACES = ["/launch/local", "/queues/local/queue_info", "/job/local/psij/unknown", "/join"]
"""Places that say only why they show nothing there, or wait for their user."""


def test_the_page_shows_the_endpoint_and_its_plugins(explorer: Open, shot: Callable[..., Any]) -> None:
    page = explorer("/endpoint/local")
    expect(page.locator("orbit-endpoint")).to_contain_text("present")
    expect(page.locator("orbit-endpoints")).to_contain_text("PsiJ Jobs")
    shot(page, "explorer-endpoint")


@pytest.mark.parametrize("place", VIEWS)
def test_each_place_can_be_linked_to(explorer: Open, shot: Callable[..., Any], place: str) -> None:
    page = explorer(place)
    expect(page.locator("orbit-endpoints")).to_contain_text("local")
    element, said = VIEWS[place]
    expect(page.locator(f"orbit-explorer main {element}")).to_contain_text(said)
    expect(page.locator("orbit-explorer .notice:is([role=alert], [role=status])")).to_have_count(0)
    name = place.strip("/").replace("/", "-")
    shot(page, f"page-{name}")
    page.set_viewport_size({"width": 390, "height": 780})
    shot(page, f"page-{name}-narrow")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_an_address_that_names_nothing_shows_the_start_page(explorer: Open) -> None:
    page = explorer("/%E0%A4%A/no/such/place")
    expect(page.locator("orbit-map")).to_be_visible()


def test_the_token_of_the_first_address_is_not_passed_on_with_it(explorer: Open, bridge: Server) -> None:
    page = explorer("/endpoint/local")
    expect(page).to_have_url(f"{bridge.url}/#/endpoint/local")
    expect(page.locator("orbit-endpoint")).to_contain_text("present")


def test_a_click_changes_the_address_and_back_goes_back(explorer: Open) -> None:
    page = explorer("/endpoint/local")
    page.locator("orbit-endpoints").get_by_role("button", name="PsiJ Jobs").click()
    expect(page).to_have_url(re.compile("#/jobs/local/psij$"))
    expect(page).to_have_title(re.compile("Jobs"))
    page.go_back()
    expect(page.locator("orbit-endpoint")).to_be_visible()


def test_a_page_has_one_socket_however_many_views_it_shows(page: Page, explorer: Open) -> None:
    sockets: list[str] = []
    page.on("websocket", lambda opened: sockets.append(opened.url))
    explorer("/map")
    for place in VIEWS:
        page.evaluate("place => { location.hash = place }", place)
        expect(page.locator("orbit-explorer main > *").last).to_be_visible()
    assert len([url for url in sockets if "/orbit/client" in url]) == 1
    assert len(sockets) == 1


def test_a_view_that_is_opened_and_closed_a_hundred_times_leaves_nothing(page: Page, explorer: Open) -> None:
    explorer("/map")
    probe = page.context.new_cdp_session(page)

    def round_trip(times: int) -> None:
        for _ in range(times):
            for place in [*VIEWS, *MORE_PLACES]:
                page.evaluate(
                    "place => { location.hash = place; return new Promise(done => setTimeout(done, 10)); }", place
                )

    def counted() -> tuple[int, int]:
        page.evaluate("location.hash = '/log'")
        expect(page.locator("orbit-log")).to_be_visible()
        probe.send("HeapProfiler.collectGarbage")
        counts = probe.send("Memory.getDOMCounters")
        return counts["jsEventListeners"], counts["nodes"]

    round_trip(5)
    listeners, nodes = counted()
    round_trip(100)

    # A leak would be a hundred of each, at least.
    def clean() -> bool:
        listeners_after, nodes_after = counted()
        return listeners_after - listeners < 50 and nodes_after - nodes < 500

    wait_until(clean, "what was under way has ended, and is let go")


def test_an_endpoint_is_disconnected_after_a_question(explorer: Open, bridge: Server, tmp_path: Path) -> None:
    page = explorer("/endpoint/leaves")
    view = page.locator("orbit-endpoint")
    expect(view).to_contain_text("orbit-endpoint --name leaves")
    with endpoint(bridge.url, "leaves", bridge.endpoint_token("leaves"), tmp_path, "-p", "sysinfo") as process:
        expect(view).to_contain_text("present")
        button = view.get_by_role("button", name="Disconnect …")
        button.click()
        view.get_by_role("button", name="Keep it").click()
        expect(button).to_be_focused()
        button.click()
        view.get_by_role("button", name="Disconnect", exact=True).click()
        expect(view).to_contain_text("lost")
        wait_until(lambda: process.poll() is not None, "the endpoint has ended")


def test_an_endpoint_that_is_killed_is_shown_lost_and_comes_back(
    page: Page, explorer: Open, bridge: Server
) -> None:
    explorer("/endpoint/local")
    view = page.locator("orbit-endpoint")
    expect(view).to_contain_text("present")
    since = page.evaluate("performance.now()")
    # What is seen in between is over quickly: the bridge starts it again.
    page.evaluate(
        """() => { const tree = document.querySelector('orbit-explorer').shadowRoot;
           window.seen = []; const look = () => {
             const view = tree.querySelector('orbit-endpoint');
             const mark = view?.shadowRoot.querySelector('.state')?.textContent ?? '';
             if (window.seen.at(-1) !== mark) window.seen.push(mark); requestAnimationFrame(look); }; look(); }"""
    )
    (child,) = bridge.children()
    child.kill()
    page.wait_for_function("() => window.seen.some(mark => mark.includes('lost'))")
    page.wait_for_function("() => window.seen.at(-1).includes('present') && window.seen.length > 1")
    assert page.evaluate("performance.now()") > since  # the page itself was never loaded again


def test_the_page_weighs_little() -> None:
    files = [file for file in STATIC.iterdir() if file.suffix in (".js", ".css")]
    assert {"explorer.js", "explorer-style.css", "orbit-ui.js"} <= {file.name for file in files}
    assert sum(len(gzip.compress(file.read_bytes())) for file in files) < 150_000


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_bridge_that_is_stopped_and_started_is_found_again(page: Page, watched: Any, tmp_path: Path) -> None:
    watched.expect("WebSocket connection to|ERR_CONNECTION_REFUSED|Failed to load resource")
    home, port = tmp_path / "bridge", free_port()
    arguments = ("--OrbitExtension.local_endpoint=on", "--OrbitExtension.local_plugins=sysinfo,psij")
    with server(home, *arguments, port=port) as running:
        page.goto(f"{running.url}/?token={running.info['token']}#/jobs/local/psij")
        expect(page.locator("orbit-endpoints")).to_contain_text("PsiJ Jobs")
    expect(page.locator("orbit-explorer main")).to_contain_text("dialled again by itself")
    with server(home, *arguments, port=port):
        expect(page.locator("orbit-explorer main")).not_to_contain_text("dialled again by itself", timeout=60_000)
        expect(page.locator("orbit-endpoints")).to_contain_text("PsiJ Jobs")
        expect(page.locator("orbit-endpoints")).not_to_contain_text("lost")
