"""The client: single files as radical.orbit 0.2.0 has them, and folders, patterns and progress."""

from __future__ import annotations

import asyncio
import fcntl
import os
import stat
import struct
import termios
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from orbit_jupyter.plugin import ConflictError, ForbiddenError, OrbitError
from orbit_jupyter.plugin.testing import StarClient
from orbit_jupyter.protocol import ProtocolError
from orbit_plugins.staging import StagingClient
from orbit_plugins.staging.again import as_file_errors
from orbit_plugins.staging.plan import entries_of
from orbit_plugins.staging.progress import Progress
from tests.plugins.staging.conftest import parts

MIB = 1 << 20


def tree(folder: Path) -> dict[str, bytes | None]:
    """Return what is below a folder; of a folder None."""
    return {
        str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes() for path in folder.rglob("*")
    }


@pytest.fixture
def run(here: Path) -> Path:
    """Return a folder with files, folders, an empty one and links in it."""
    folder = here / "run"
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "empty").mkdir()
    for number in range(6):
        (folder / "a" / f"{number}.dat").write_bytes(os.urandom(1000 * number))
    (folder / "a" / "b" / ".hidden").write_bytes(b"hidden")
    (folder / "large").write_bytes(os.urandom(3 * MIB + 1))
    return folder


@pytest.mark.parametrize("size", [0, 5, 20 * MIB])
def test_put_and_get_carry_any_size(files: StagingClient, here: Path, there: Path, size: int) -> None:
    content = os.urandom(size)
    (here / "file").write_bytes(content)
    assert files.put(here / "file", f"{there}/file") == {"path": f"{there}/file", "size": size}
    assert (there / "file").read_bytes() == content
    assert files.get(f"{there}/file", here / "back") == {"path": f"{here}/back", "size": size}
    assert (here / "back").read_bytes() == content


def test_mode_and_time_of_a_file_go_with_it(files: StagingClient, here: Path, there: Path) -> None:
    (here / "script").write_text("#!/bin/sh\n")
    (here / "script").chmod(0o750)
    os.utime(here / "script", ns=(0, 1_600_000_000_987_654_321))
    files.put(here / "script", f"{there}/script")
    files.get(f"{there}/script", here / "back")
    for path in (there / "script", here / "back"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o750
        assert path.stat().st_mtime_ns == 1_600_000_000_987_654_321


def test_errors_of_files_are_pythons_own(files: StagingClient, here: Path, there: Path) -> None:
    (here / "file").write_bytes(b"new")
    (there / "file").write_bytes(b"old")
    with pytest.raises(FileNotFoundError, match="there is no "):
        files.put(here / "none", f"{there}/x")
    with pytest.raises(ValueError, match="is no file"):
        files.put(here, f"{there}/x")
    with pytest.raises(FileExistsError, match="exists; say that"):
        files.put(here / "file", f"{there}/file")
    with pytest.raises(NotADirectoryError):
        files.put(here / "file", f"{there}/file/x")
    with pytest.raises(ValueError, match="is a relative path on the endpoint"):
        files.put(here / "file", "x")
    with pytest.raises(ValueError, match="is outside"):
        files.put(here / "file", "/etc/x")
    with pytest.raises(FileNotFoundError, match="there is no file or folder"):
        files.get(f"{there}/none", here / "x")
    with pytest.raises(FileExistsError, match="exists here"):
        files.get(f"{there}/file", here / "file")
    with pytest.raises(NotADirectoryError):
        files.list(f"{there}/file")
    with pytest.raises(FileNotFoundError):
        files.list(f"{there}/none")
    assert (there / "file").read_bytes() == b"old"
    assert (here / "file").read_bytes() == b"new"
    files.put(here / "file", f"{there}/file", overwrite=True)
    assert (there / "file").read_bytes() == b"new"


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(ForbiddenError), as_file_errors():
        raise ForbiddenError("not yours")
    with pytest.raises(FileExistsError, match="taken") as raised, as_file_errors():
        raise ConflictError("taken")
    assert isinstance(raised.value.__cause__, ConflictError)


def test_a_folder_goes_there_and_back(files: StagingClient, run: Path, here: Path, there: Path) -> None:
    (run / "link").symlink_to("a")
    (run / "a" / "outside").symlink_to("/etc")
    done = files.upload(run, f"{there}/copy", progress=False)
    expected = {path: content for path, content in tree(run).items() if path not in ("link", "a/outside")}
    assert tree(there / "copy") == expected
    assert done["files"] == len(done["paths"]) == 8
    assert done["bytes"] == 15_000 + 6 + 3 * MIB + 1
    assert files.download(f"{there}/copy", here / "back", progress=False)["files"] == 8
    assert tree(here / "back") == expected


def test_a_link_to_a_folder_is_not_followed_on_the_way_back(files: StagingClient, here: Path, there: Path) -> None:
    (there / "copy").mkdir()
    (there / "copy" / "again").symlink_to(".")
    (there / "copy" / "file").write_bytes(b"x")
    files.download(f"{there}/copy", here / "back", progress=False)
    assert tree(here / "back") == {"file": b"x"}


def test_what_is_there_already_is_not_sent_again(files: StagingClient, run: Path, here: Path, there: Path) -> None:
    files.upload(run, f"{there}/copy", progress=False)
    (there / "copy" / "large").unlink()
    again = files.upload(run, f"{there}/copy", progress=False)
    assert (again["files"], again["skipped"]) == (8, 7)
    files.download(f"{there}/copy", here / "back", progress=False)
    assert files.download(f"{there}/copy", here / "back", progress=False)["skipped"] == 8
    (there / "copy" / "large").write_bytes(b"another")
    with pytest.raises(FileExistsError):
        files.upload(run, f"{there}/copy", progress=False)
    with pytest.raises(FileExistsError):
        files.download(f"{there}/copy", here / "back", progress=False)
    files.download(f"{there}/copy", here / "back", overwrite=True, progress=False)
    assert (here / "back" / "large").read_bytes() == b"another"


def test_patterns_take_what_fits(files: StagingClient, run: Path, here: Path, there: Path) -> None:
    files.upload(run / "a" / "[1-3].dat", f"{there}/some", progress=False)
    assert sorted(tree(there / "some")) == ["1.dat", "2.dat", "3.dat"]
    files.upload(run, f"{there}/", progress=False)
    files.download(f"{there}/run/*/[!1].dat", here / "flat", progress=False)
    assert sorted(tree(here / "flat")) == ["0.dat", "2.dat", "3.dat", "4.dat", "5.dat"]
    files.download(f"{there}/**/1.d?t", here / "deep", overwrite=True, progress=False)
    assert sorted(tree(here / "deep")) == ["1.dat"]
    for nothing in (f"{there}/run/a/b/*", f"{there}/none/*"):
        with pytest.raises(FileNotFoundError, match="nothing on the endpoint fits"):
            files.download(nothing, here / "x", progress=False)
    with pytest.raises(FileNotFoundError):
        files.upload(run / "*.none", f"{there}/x", progress=False)


def test_a_single_file_goes_into_a_folder_that_is_there(
    files: StagingClient, run: Path, here: Path, there: Path
) -> None:
    (there / "folder").mkdir()
    files.upload(run / "large", f"{there}/folder", progress=False)
    files.upload(run / "a" / "1.dat", f"{there}/new/", progress=False)
    files.upload(run / "a" / "1.dat", f"{there}/name", progress=False)
    assert sorted(tree(there)) == ["folder", "folder/large", "name", "new", "new/1.dat"]
    files.download(f"{there}/name", here, progress=False)
    assert (here / "name").read_bytes() == (run / "a" / "1.dat").read_bytes()


def test_progress_is_told_of_all_bytes(files: StagingClient, run: Path, here: Path, there: Path) -> None:
    up: list[tuple[int, int, str]] = []
    down: list[tuple[int, int, str]] = []
    files.upload(run, f"{there}/copy", progress=lambda *news: up.append(news))
    files.download(f"{there}/copy", here / "back", progress=lambda *news: down.append(news))
    for told in (up, down):
        moved = [news[0] for news in told]
        assert moved == sorted(moved)
        assert moved[-1] == told[-1][1] == 15_000 + 6 + 3 * MIB + 1
        assert len({news[2] for news in told}) == 7  # the empty file moves nothing


def test_a_progress_that_fails_ends_the_transfer(files: StagingClient, run: Path, there: Path) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("a bug of the caller's")

    with pytest.raises((ZeroDivisionError, OrbitError), match="a bug of the caller's"):
        files.upload(run / "large", f"{there}/large", progress=fail)
    assert not (there / "large").exists()


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 10_000)
    except BlockingIOError:
        return b""


def test_a_bar_is_drawn_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, inner = os.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    with os.fdopen(inner, "w") as terminal, os.fdopen(screen, "rb", buffering=0) as drawn:
        monkeypatch.setattr("sys.stderr", terminal)
        shown = Progress(True, "to hpc1")
        shown.expect(2048)
        shown.at("file", 2048)
        shown.close("interrupted")
        terminal.flush()
        text = ""
        while not text.endswith("interrupted\r\n"):  # a terminal hands out what it has, not what is to come
            text += drawn.read(100_000).decode()
    assert "to hpc1: 100%" in text
    assert "2.00k/2.00k" in text


Move = Callable[[Any], Coroutine[Any, Any, Any]]
"""Makes a transfer, with a callback for its progress."""


def interrupted(hpc: StarClient, move: Move, at: int) -> None:
    """Cancel a transfer once so many bytes have moved, as Ctrl-C cancels it."""

    async def run() -> None:
        def stop(moved: int, *_: object) -> None:
            if moved >= at:
                task.cancel()

        task = asyncio.ensure_future(move(stop))
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()

    hpc.run(run())


def begins_at(hpc: StarClient, move: Move) -> int:
    """Make a transfer, and return the bytes that were there already."""
    told: list[int] = []
    hpc.run(move(lambda moved, *_: told.append(moved)))
    return told[0]


def test_an_interrupted_upload_leaves_a_part_and_the_same_call_goes_on(
    hpc: StarClient, files: StagingClient, here: Path, there: Path
) -> None:
    content = os.urandom(12 * MIB)
    (here / "file").write_bytes(content)

    def move(progress: Any) -> Coroutine[Any, Any, Any]:
        return files.aio.upload(here / "file", f"{there}/file", progress=progress)

    interrupted(hpc, move, 6 * MIB)
    while (told := hpc.event("transfer"))["state"] == "ACTIVE":
        pass
    assert told["state"] == "CANCELED"
    assert not (there / "file").exists()
    (part,) = parts(there)
    kept = part.stat().st_size
    assert kept >= 4 * MIB
    assert begins_at(hpc, move) == kept
    assert (there / "file").read_bytes() == content
    assert parts(there) == []


@pytest.mark.parametrize("damage", ["none", "at the begin", "all but the rename"])
def test_an_interrupted_download_goes_on_and_is_checked(
    hpc: StarClient, files: StagingClient, here: Path, there: Path, damage: str
) -> None:
    content = os.urandom(12 * MIB)
    (there / "file").write_bytes(content)

    def move(progress: Any) -> Coroutine[Any, Any, Any]:
        return files.aio.download(f"{there}/file", here / "file", progress=progress)

    interrupted(hpc, move, 6 * MIB)
    assert not (here / "file").exists()
    (part,) = parts(here)
    kept = part.stat().st_size
    assert kept >= 5 * MIB
    if damage == "at the begin":
        with part.open("r+b") as file:
            file.write(b"damaged")
    elif damage == "all but the rename":
        part.write_bytes(content)
        kept = len(content) - 1
    assert begins_at(hpc, move) == kept
    assert (here / "file").read_bytes() == content
    assert parts(here) == []


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["../evil", "a/b", "..", "", "x\0"])
async def test_a_name_that_would_lead_out_is_an_error_of_the_endpoint(name: str) -> None:
    async def listed(_: str) -> dict[str, Any]:
        return {"entries": [{"name": name, "type": "file", "size": 1}]}

    with pytest.raises(ProtocolError, match="a name in /x that is none"):
        await entries_of(listed, "/x")
