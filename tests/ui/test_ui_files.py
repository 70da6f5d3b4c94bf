"""The file browser in a real Chromium: files go up and come down byte by byte."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from stage import Server

pytestmark = pytest.mark.ui

Open = Callable[[str], Page]
PLACE = "/files/local/staging"
LARGE = 20_000_000
HOSTILE = "<img src=x onerror=alert(1)>.txt"


@pytest.fixture
def home(bridge: Server) -> Iterator[Path]:
    """The endpoint's home, without what a test has put there."""
    before = set(bridge.home.iterdir())
    yield bridge.home
    for made in set(bridge.home.iterdir()) - before:
        if made.is_file():
            made.unlink()


def put(page: Page, *files: Path) -> None:
    """Choose files in the dialog that Upload opens."""
    with page.expect_file_chooser() as choosing:
        page.locator("orbit-files").get_by_role("button", name="Upload", exact=True).click()
    choosing.value.set_files(list(files))


def upload(page: Page, name: str) -> Any:
    """Return what stands of this page's own upload."""
    return page.locator("orbit-transfers li").filter(has_text=f"↑ {name}")


def row(page: Page, name: str) -> Any:
    return page.locator("orbit-files orbit-rows").get_by_role("row").filter(has_text=name)


def test_a_file_goes_up_and_comes_down_as_it_was(
    explorer: Open, home: Path, tmp_path: Path, shot: Callable[..., None]
) -> None:
    source = tmp_path / "mesh #1 ü%.dat"
    source.write_bytes(os.urandom(300_000))
    page = explorer(PLACE)
    put(page, source)
    expect(upload(page, source.name)).to_contain_text("DONE")
    expect(row(page, source.name)).to_contain_text("293 KiB")
    assert (home / source.name).read_bytes() == source.read_bytes()
    with page.expect_download() as downloading:
        row(page, source.name).get_by_role("button", name="Download").click()
    assert Path(downloading.value.path()).read_bytes() == source.read_bytes()
    assert downloading.value.suggested_filename == source.name
    shot(page, "files")


def test_a_large_file_shows_its_progress_and_arrives_whole(
    explorer: Open, page: Page, home: Path, tmp_path: Path
) -> None:
    source = tmp_path / "large.bin"
    source.write_bytes(os.urandom(LARGE))
    # Every value that the page shows is noted: the transfer may be over before anybody looks.
    page.add_init_script(
        """window.seen = [];
        const note = () => {
          const files = document.querySelector('orbit-explorer')?.shadowRoot?.querySelector('orbit-files');
          const bar = files?.shadowRoot?.querySelector('orbit-transfers')?.shadowRoot?.querySelector('progress');
          if (bar) window.seen.push([bar.getAttribute('aria-label'), bar.value, bar.max]);
          requestAnimationFrame(note);
        };
        requestAnimationFrame(note);"""
    )
    explorer(PLACE)
    put(page, source)
    expect(upload(page, source.name)).to_contain_text("DONE", timeout=90_000)
    arrived = hashlib.sha256((home / "large.bin").read_bytes()).hexdigest()
    assert arrived == hashlib.sha256(source.read_bytes()).hexdigest()
    seen = page.evaluate("window.seen")
    sent = [value for label, value, _ in seen if label.startswith("Upload of")]
    assert sent == sorted(sent)
    assert {most for _, _, most in seen} == {LARGE}
    assert any(label.startswith("Checking") for label, _, _ in seen), "a digest is made, so that it can be resumed"
    row(page, "large.bin").wait_for()
    with page.expect_download() as downloading:
        row(page, "large.bin").get_by_role("button", name="Download").click()
    assert hashlib.sha256(Path(downloading.value.path()).read_bytes()).hexdigest() == arrived


def test_an_upload_goes_on_behind_what_a_lost_connection_has_left(
    explorer: Open, page: Page, home: Path, tmp_path: Path, watched: Any
) -> None:
    watched.expect("Failed to load resource|net::ERR")
    source = tmp_path / "resumed.bin"
    source.write_bytes(os.urandom(LARGE))
    content = source.read_bytes()
    # What an upload that was broken off has left there.
    digest = hashlib.blake2b(content).hexdigest()
    key = hashlib.blake2b(f"resumed.bin\0blake2b={digest}".encode(), digest_size=16).hexdigest()
    (home / f".orbit-part-{key}").write_bytes(content[: LARGE // 2])
    offsets: list[str | None] = []
    page.on(
        "request",
        lambda request: offsets.append(request.headers.get("x-orbit-offset")) if request.method == "PUT" else None,
    )
    explorer(PLACE)
    put(page, source)
    expect(upload(page, source.name)).to_contain_text("DONE", timeout=90_000)
    assert offsets == [str(LARGE // 2)]
    assert (home / "resumed.bin").read_bytes() == content


def test_what_is_there_is_overwritten_only_when_asked(explorer: Open, home: Path, tmp_path: Path) -> None:
    (home / "notes.txt").write_text("old")
    source = tmp_path / "notes.txt"
    source.write_text("new")
    page = explorer(PLACE)
    put(page, source)
    transfers = upload(page, "notes.txt")
    expect(transfers).to_contain_text("exists already")
    assert (home / "notes.txt").read_text() == "old"
    transfers.get_by_role("button", name="Overwrite").click()
    expect(transfers).to_contain_text("DONE")
    assert (home / "notes.txt").read_text() == "new"


def test_folders_are_made_entered_and_left_by_keyboard(explorer: Open, home: Path) -> None:
    page = explorer(PLACE)
    files = page.locator("orbit-files")
    files.get_by_role("button", name="New folder").click()
    files.get_by_role("textbox", name="Name of the new folder").fill("run 7")
    page.keyboard.press("Enter")
    row(page, "run 7/").wait_for()
    assert (home / "run 7").is_dir()
    files.get_by_role("grid").focus()
    name = page.locator("orbit-files orbit-rows").get_by_role("row").nth(1).inner_text().split("/")[0].split()[-1]
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(files.locator("[aria-current=location]")).to_have_text(re.compile(re.escape(name)))
    page.keyboard.press("Backspace")
    expect(files.locator("[aria-current=location]")).to_have_text("~")
    row(page, "run 7/").click()
    expect(files).to_contain_text("This folder is empty")
    (home / "run 7").rmdir()


def test_a_folder_outside_says_what_is_allowed(explorer: Open) -> None:
    page = explorer(PLACE)
    files = page.locator("orbit-files")
    files.get_by_role("button", name="Type a path").click()
    files.get_by_role("textbox", name="Path").fill("/proc")
    page.keyboard.press("Enter")
    expect(files.get_by_role("alert")).to_contain_text("outside of the folders that this endpoint allows")
    files.get_by_role("button", name="Go home").click()
    expect(files.locator("[aria-current=location]")).to_have_text("~")


def test_names_and_contents_that_are_markup_are_text(explorer: Open, home: Path) -> None:
    (home / HOSTILE).write_text("<script>alert(2)</script>")
    page = explorer(PLACE)
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    row(page, HOSTILE).click()
    preview = page.locator("orbit-preview")
    expect(preview.locator("pre")).to_have_text("<script>alert(2)</script>")
    expect(preview.get_by_role("heading")).to_have_text(HOSTILE)
    assert page.locator("orbit-files img").count() == 0
    assert dialogs == []


def test_a_file_dropped_from_the_desktop_is_sent(explorer: Open, home: Path) -> None:
    page = explorer(PLACE)
    row(page, "server.log").wait_for()
    data = page.evaluate_handle(
        """() => {
          const data = new DataTransfer();
          data.items.add(new File(['dropped'], 'dropped.txt'));
          return data;
        }"""
    )
    section = page.locator("orbit-files section").first
    section.dispatch_event("dragover", {"dataTransfer": data})
    expect(page.locator("orbit-files")).to_contain_text("Drop files to send them to ~")
    section.dispatch_event("drop", {"dataTransfer": data})
    row(page, "dropped.txt").wait_for()
    assert (home / "dropped.txt").read_text() == "dropped"
