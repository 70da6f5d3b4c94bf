"""A file that isn't whole yet is never under its name, and goes when it can't become whole."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orbit_jupyter.plugin import ConflictError, HTTPException, InvalidFieldError, OrbitError, TooLargeError
from orbit_jupyter.protocol import OverloadedError
from orbit_plugins.staging.digests import of_bytes
from orbit_plugins.staging.leftovers import Leftovers
from orbit_plugins.staging.partial import Partial, name_of, size_of
from orbit_plugins.staging.receiving import WORTH_KEEPING, Receiving, is_over
from orbit_plugins.staging.refusals import answered
from orbit_plugins.staging.roots import Roots
from orbit_plugins.staging.wants import Wants
from tests.plugins.staging.conftest import parts

LARGE = bytes(range(256)) * (2 * WORTH_KEEPING // 256)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path, os.O_RDONLY)
    yield fd
    os.close(fd)


def receiving(tmp_path: Path, wants: Wants, name: str = "file", **more: object) -> Receiving:
    roots = Roots([str(tmp_path)])
    leftovers = Leftovers(tmp_path / "notes", roots)
    options = {"overwrite": False, "limit": None, "leftovers": leftovers, **more}
    return Receiving(roots.find(f"{tmp_path}/{name}"), wants, **options)  # type: ignore[arg-type]


def broken_off(tmp_path: Path, size: int = WORTH_KEEPING + 5) -> Wants:
    """Begin an upload of `LARGE`, and leave it after some bytes."""
    wants = Wants(digest=of_bytes(LARGE), size=len(LARGE))
    begun = receiving(tmp_path, wants)
    begun.write(LARGE[:size])
    begun.stop(keep=True)
    return wants


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    coming = receiving(tmp_path, Wants(digest=of_bytes(b"hello"), size=5, mode=0o640, mtime=1_000_000_007))
    coming.write(b"hel")
    assert not (tmp_path / "file").exists()
    coming.write(b"lo")
    coming.finish()
    found = (tmp_path / "file").stat()
    assert (tmp_path / "file").read_bytes() == b"hello"
    assert found.st_mode & 0o7777 == 0o640
    assert found.st_mtime_ns == 1_000_000_007
    assert parts(tmp_path) == []


def test_a_file_that_is_overwritten_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "file").chmod(0o700)
    coming = receiving(tmp_path, Wants(), overwrite=True)
    coming.write(b"new")
    coming.finish()
    assert (tmp_path / "file").read_bytes() == b"new"
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o700


def test_a_file_that_comes_in_between_is_not_overwritten(tmp_path: Path) -> None:
    coming = receiving(tmp_path, Wants())
    coming.write(b"mine")
    (tmp_path / "file").write_bytes(b"theirs")
    with pytest.raises(OrbitError) as refused:
        coming.finish()
    coming.stop(keep=False)
    assert refused.value.status == 409
    assert (tmp_path / "file").read_bytes() == b"theirs"
    assert parts(tmp_path) == []


def test_a_digest_that_does_not_fit_leaves_nothing(tmp_path: Path) -> None:
    coming = receiving(tmp_path, Wants(digest=of_bytes(LARGE), size=len(LARGE)))
    coming.write(LARGE[:-1] + b"x")
    with pytest.raises(InvalidFieldError, match="what came isn't what was to come") as wrong:
        coming.finish()
    assert is_over(wrong.value)
    coming.stop(keep=not is_over(wrong.value))
    assert parts(tmp_path) == []
    assert not (tmp_path / "file").exists()
    assert list((tmp_path / "notes").iterdir()) == []


def test_an_upload_goes_on_where_it_was_broken_off(tmp_path: Path, folder: int) -> None:
    wants = broken_off(tmp_path)
    offset = size_of(folder, "file", wants.digest)
    assert offset == WORTH_KEEPING + 5
    prefix = of_bytes(LARGE[:offset])
    again = receiving(tmp_path, Wants(digest=wants.digest, size=len(LARGE), offset=offset, prefix=prefix))
    again.write(LARGE[offset:])
    again.finish()
    assert (tmp_path / "file").read_bytes() == LARGE
    assert parts(tmp_path) == []
    assert list((tmp_path / "notes").iterdir()) == []


def test_a_part_that_is_not_what_it_should_be_is_begun_anew(tmp_path: Path, folder: int) -> None:
    wants = broken_off(tmp_path)
    (part,) = parts(tmp_path)
    with part.open("r+b") as file:
        file.write(b"damaged")
    further = Wants(
        digest=wants.digest, size=len(LARGE), offset=WORTH_KEEPING, prefix=of_bytes(LARGE[:WORTH_KEEPING])
    )
    with pytest.raises(OrbitError, match="begin anew") as refused:
        receiving(tmp_path, further)
    assert (refused.value.status, refused.value.transient) == (412, True)
    assert size_of(folder, "file", wants.digest) == 0


def test_going_on_behind_the_end_of_a_part_is_refused(tmp_path: Path) -> None:
    wants = broken_off(tmp_path)
    with pytest.raises(OrbitError, match="begin anew"):
        receiving(tmp_path, Wants(digest=wants.digest, size=len(LARGE), offset=len(LARGE) - 1))


def test_two_uploads_of_the_same_content_do_not_write_the_same_part(tmp_path: Path) -> None:
    wants = Wants(digest=of_bytes(LARGE), size=len(LARGE))
    first = receiving(tmp_path, wants)
    with pytest.raises(OverloadedError, match="is writing the same file") as busy:
        receiving(tmp_path, wants)
    assert busy.value.transient
    first.write(LARGE)
    first.finish()
    assert (tmp_path / "file").read_bytes() == LARGE


def test_little_is_not_kept(tmp_path: Path) -> None:
    broken_off(tmp_path, size=WORTH_KEEPING - 1)
    assert parts(tmp_path) == []


def test_an_object_that_is_forgotten_leaves_nothing_that_nobody_could_find(tmp_path: Path) -> None:
    coming = receiving(tmp_path, Wants())
    coming.write(b"lost")
    assert parts(tmp_path)
    del coming
    assert parts(tmp_path) == []


def test_a_link_under_the_name_of_a_part_is_not_followed(tmp_path: Path, folder: int) -> None:
    name = name_of("file", "key")
    (tmp_path / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic link"):
        Partial.open(folder, "file", name, lasting=True)
    assert not (tmp_path / "elsewhere").exists()


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path, folder: int) -> None:
    """``/dev/full`` is a device of the kernel's that has no room, ever."""
    (tmp_path / "part").write_bytes(b"")
    part = Partial(folder, "file", "part", os.open("/dev/full", os.O_RDWR), lasting=True)
    with pytest.raises(HTTPException, match="507: /x/file: no space is left") as full, answered("/x/file"):
        part.write(b"more")
    assert is_over(full.value)
    part.discard()
    assert not (tmp_path / "part").exists()
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize(("code", "status"), [(errno.ENOSPC, 507), (errno.EDQUOT, 507), (errno.EFBIG, 413)])
def test_no_room_is_nothing_that_another_try_helps(code: int, status: int) -> None:
    with pytest.raises((HTTPException, TooLargeError)) as refused, answered("/x"):
        raise OSError(code, os.strerror(code))
    assert getattr(refused.value, "status_code", None) == status
    assert is_over(refused.value)


def test_old_leftovers_are_removed_and_nothing_else(tmp_path: Path) -> None:
    broken_off(tmp_path)
    (part,) = parts(tmp_path)
    leftovers = Leftovers(tmp_path / "notes", Roots([str(tmp_path)]))
    precious = tmp_path / "precious"
    precious.write_bytes(b"")
    leftovers.note(str(precious))  # a note that has been tampered with
    leftovers.note("/etc/passwd")
    assert leftovers.sweep(older_than=3600) == []
    assert part.exists()
    assert leftovers.sweep(older_than=-1) == [str(part)]
    assert not part.exists()
    assert precious.exists()
    assert list((tmp_path / "notes").iterdir()) == []


def test_of_two_uploads_that_end_at_once_one_is_refused(tmp_path: Path) -> None:
    def finish(coming: Receiving, together: threading.Barrier) -> bool:
        together.wait(10)
        try:
            coming.finish()
        except ConflictError:
            coming.stop(keep=False)
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        for turn in range(150):
            together = threading.Barrier(2)
            both = [receiving(tmp_path, Wants(), name=f"file{turn}") for _ in range(2)]
            ends = list(threads.map(finish, both, [together] * 2))
            assert sorted(ends) == [False, True]
    assert parts(tmp_path) == []
