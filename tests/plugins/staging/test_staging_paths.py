"""Where files may be: no path, no link and no race leads out of the roots."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orbit_jupyter.plugin import BadRequestError, InvalidFieldError, ResourceNotFoundError
from orbit_plugins.staging.listing import listing_of
from orbit_plugins.staging.reading import Reading
from orbit_plugins.staging.refusals import answered
from orbit_plugins.staging.roots import LIMIT, ROOTS, Roots, limit_of
from orbit_plugins.staging.wants import Wants

SECRET = b"nobody may read this"


class Maze:
    """A root with links of all kinds in it, and a file outside."""

    def __init__(self, base: Path) -> None:
        self.root, self.outside = base / "root", base / "root2"
        (self.root / "a" / "b").mkdir(parents=True)
        self.outside.mkdir()
        (self.outside / "secret").write_bytes(SECRET)
        (self.root / "a" / "file").write_bytes(b"inside")
        (self.root / "a" / "up").symlink_to("../..")
        (self.root / "out").symlink_to(self.outside)
        (self.root / "in").symlink_to("a/b")
        (self.root / "loop").symlink_to("loop")
        (self.root / "direct").symlink_to(self.outside / "secret")
        (self.root / "dangling").symlink_to(self.outside / "new")
        self.roots = Roots([str(self.root)])


@pytest.fixture(scope="module")
def maze() -> Iterator[Maze]:
    base = Path(tempfile.mkdtemp())
    yield Maze(base)
    shutil.rmtree(base)


NAMES = st.sampled_from(
    ["a", "b", "..", ".", "up", "out", "in", "loop", "direct", "dangling", "secret", "file", "root", "root2", ""]
)
WORDS = st.one_of(NAMES, st.text(max_size=6))


@given(parts=st.lists(WORDS, max_size=9), begin=st.sampled_from(["", "/", "~", "~/", "../", "//"]))
def test_no_path_leads_out_of_the_root(maze: Maze, parts: list[str], begin: str) -> None:
    inside = "/".join(parts)
    for text in (f"{maze.root}/{inside}", begin + inside):
        with contextlib.suppress(BadRequestError, ResourceNotFoundError):
            place = maze.roots.find(text)
            assert place.path == str(maze.root) or place.path.startswith(f"{maze.root}/")
            with answered(text), place.folder() as folder:
                assert f"{os.readlink(f'/proc/self/fd/{folder}')}/".startswith(f"{maze.root}/")
            assert Reading(place).read(0, 6) == b"inside"


@given(text=st.text(max_size=60))
def test_any_text_is_a_path_within_or_a_bad_request(maze: Maze, text: str) -> None:
    try:
        found = maze.roots.find(text).path
    except BadRequestError:
        return
    assert found.startswith(str(maze.root))


@pytest.mark.parametrize("way", ["out/secret", "a/up/root2/secret", "../root2/secret", "direct", "dangling"])
def test_a_way_out_is_refused(maze: Maze, way: str) -> None:
    with pytest.raises(BadRequestError, match="is outside of the folders that this endpoint allows"):
        maze.roots.find(f"{maze.root}/{way}")


def test_a_link_that_stays_within_is_followed(maze: Maze) -> None:
    assert maze.roots.find(f"{maze.root}/in/new").path == str(maze.root / "a" / "b" / "new")


def test_a_folder_that_becomes_a_link_after_the_look_is_refused(tmp_path: Path) -> None:
    maze = Maze(tmp_path)
    (maze.root / "a" / "secret").write_bytes(b"inside")
    place = maze.roots.find(f"{maze.root}/a/secret")
    shutil.move(maze.root / "a", tmp_path / "moved")
    (maze.root / "a").symlink_to(maze.outside)
    with pytest.raises(BadRequestError, match="Not a directory"):
        Reading(place)
    with pytest.raises(BadRequestError, match="Not a directory"), answered("a"), place.folder(make=True):
        pass


def test_a_file_that_becomes_a_link_after_the_look_is_refused(tmp_path: Path) -> None:
    maze = Maze(tmp_path)
    place = maze.roots.find(f"{maze.root}/a/file")
    (maze.root / "a" / "file").unlink()
    (maze.root / "a" / "file").symlink_to(maze.outside / "secret")
    with pytest.raises(BadRequestError, match="symbolic link"):
        Reading(place)


def test_a_listing_keeps_what_is_outside_to_itself(maze: Maze) -> None:
    entries = {
        entry["name"]: entry for entry in listing_of(maze.roots.find(str(maze.root)), maze.roots)["entries"]
    }
    assert entries["direct"] == {"name": "direct", "type": "unknown", "size": None, "link": True}
    assert entries["out"]["type"] == "unknown"
    assert entries["in"] == {"name": "in", "type": "dir", "size": None, "link": True}
    assert "link" not in entries["a"]


def test_pipes_and_devices_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadRequestError, match="a device, a pipe or a socket"):
        Reading(Roots([str(tmp_path)]).find(f"{tmp_path}/pipe"))
    with pytest.raises(BadRequestError, match="a device, a pipe or a socket"):
        Reading(Roots(["/dev"]).find("/dev/zero"))


def test_a_folder_that_may_be_passed_and_not_read_is_passed(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed" / "file").write_bytes(b"inside")
    (tmp_path / "closed").chmod(0o111)
    assert Reading(Roots([str(tmp_path)]).find(f"{tmp_path}/closed/file")).read(0, 6) == b"inside"


def test_roots_are_home_temporary_and_scratch_unless_the_operator_says_others(home: Path, tmp_path: Path) -> None:
    scratch = {"SCRATCH": "/scratch/ada", "WORK": "not/absolute", "PSCRATCH": "/pscratch"}
    assert Roots.of(scratch).folders == [str(home), tempfile.gettempdir(), "/scratch/ada", "/pscratch"]
    assert Roots.of({ROOTS: f"~/data:{tmp_path}:", **scratch}).folders == [f"{home}/data", str(tmp_path)]
    with pytest.raises(ValueError, match="RADICAL_ORBIT_STAGING_ROOTS: 'data' is no absolute path"):
        Roots.of({ROOTS: "data"})


def test_a_root_that_is_not_there_yet_is_one_once_it_is(tmp_path: Path) -> None:
    roots = Roots([str(tmp_path / "later")])
    with pytest.raises(BadRequestError, match="outside"):
        roots.find(f"{tmp_path}/later/x")
    (tmp_path / "later").mkdir()
    assert roots.find(f"{tmp_path}/later/x").name == "x"


@pytest.mark.parametrize(
    ("said", "size"),
    [("", None), ("500", 500), ("2k", 2048), ("10G", 10 * 2**30), ("1TiB", 2**40), ("3MB", 3 << 20)],
)
def test_limit_is_a_number_of_bytes_with_or_without_a_unit(said: str, size: int | None) -> None:
    assert limit_of({LIMIT: said}) == size


@pytest.mark.parametrize("said", ["much", "-1", "1.5G", "G"])
def test_limit_that_is_none_is_refused(said: str) -> None:
    with pytest.raises(ValueError, match="is no size"):
        limit_of({LIMIT: said})


@given(
    headers=st.dictionaries(
        st.sampled_from([f"x-orbit-{name}" for name in ("digest", "offset", "prefix", "size", "mode", "mtime")]),
        st.one_of(st.text(max_size=12), st.integers().map(str), st.just("blake2b=" + "0" * 128)),
    )
)
def test_headers_of_an_upload_are_taken_or_refused(headers: dict[str, str]) -> None:
    with contextlib.suppress(InvalidFieldError):
        wants = Wants.of(headers)
        assert wants.offset >= 0
        assert wants.size is None or wants.size >= wants.offset
        assert wants.mode is None or 0 <= wants.mode <= 0o7777
        assert wants.digest or not wants.offset


def test_a_file_that_turns_into_a_link_again_and_again_is_never_read_through_it(tmp_path: Path) -> None:
    maze = Maze(tmp_path)
    target = maze.root / "a" / "file"
    over = threading.Event()

    def swap() -> None:
        turn = 0
        while not over.is_set():
            turn += 1
            other = maze.root / f"other{turn}"
            if turn % 2:
                other.symlink_to(maze.outside / "secret")
            else:
                other.write_bytes(b"inside")
            other.replace(target)

    swapping = threading.Thread(target=swap)
    swapping.start()
    try:
        for _ in range(4000):
            with contextlib.suppress(BadRequestError):
                assert Reading(maze.roots.find(str(target))).read(0, 6) == b"inside"
    finally:
        over.set()
        swapping.join()
