"""The routes: those of radical.orbit 0.2.0, and those without a bound on the size."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest

from orbit_jupyter.plugin import OrbitError, TooLargeError
from orbit_jupyter.plugin.testing import StarClient, star
from orbit_plugins.staging import PluginStaging, StagingClient, StagingPlugin
from orbit_plugins.staging.digests import of_bytes
from orbit_plugins.staging.sending import SMALL
from tests.plugins.staging.conftest import parts


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def refused(files: StagingClient, route: str, body: Any) -> tuple[int, str]:
    with pytest.raises(OrbitError) as error:
        files.call("POST", f"{route}/{{sid}}", body)
    return error.value.status, error.value.message


def ask(
    hpc: StarClient, method: str, path: object, body: Any = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Call ``files/…`` with headers, ``_`` for ``-``."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with hpc.exchange(method, f"/staging/files{path}", body=body, headers=named) as exchange:
        return exchange.status, exchange.headers, exchange.read()


def test_the_name_of_old_is_there() -> None:
    assert PluginStaging is StagingPlugin


@pytest.mark.parametrize("content", [b"", b"\0", b"hello", os.urandom(100_000)], ids=len)
def test_put_and_get_carry_any_content_the_empty_one_too(
    files: StagingClient, there: Path, content: bytes
) -> None:
    name = f"{there}/new/folder/file"
    put = files.call("POST", "put/{sid}", {"filename": name, "content": b64(content), "overwrite": False})
    assert put == {"path": name, "size": len(content)}
    assert Path(name).read_bytes() == content
    got = files.call("POST", "get/{sid}", {"filename": name})
    assert got == {"path": name, "size": len(content), "content": b64(content)}


def test_get_has_no_size_cliff(files: StagingClient, there: Path) -> None:
    content = os.urandom(20_000_001)
    (there / "file").write_bytes(content)
    assert files.call("POST", "get/{sid}", {"filename": f"{there}/file"})["content"] == b64(content)


def test_put_beyond_what_a_gathered_body_may_have_is_refused_and_the_endpoint_goes_on(
    files: StagingClient, there: Path
) -> None:
    body = {"filename": f"{there}/file", "content": "A" * (70 << 20)}
    with pytest.raises(TooLargeError):
        files.call("POST", "put/{sid}", body)
    assert files.call("GET", "version") == {"version": StagingPlugin.version}


def test_list_has_names_types_and_sizes(files: StagingClient, there: Path) -> None:
    (there / "b").write_bytes(b"12345")
    (there / "a").mkdir()
    os.mkfifo(there / "pipe")
    (there / "link").symlink_to("b")
    assert files.call("POST", "list/{sid}", {"path": str(there)}) == {
        "path": str(there),
        "entries": [
            {"name": "a", "type": "dir", "size": None},
            {"name": "b", "type": "file", "size": 5},
            {"name": "link", "type": "file", "size": 5, "link": True},
            {"name": "pipe", "type": "unknown", "size": None},
        ],
    }


def test_list_shows_a_name_that_is_not_utf_8(files: StagingClient, there: Path) -> None:
    Path(os.fsdecode(os.fsencode(there) + b"/caf\xe9")).touch()
    (entry,) = files.list(str(there))["entries"]
    assert entry["name"] == "caf\\xe9"


def test_home_is_a_tilde(files: StagingClient, home: Path, hpc: StarClient) -> None:
    (home / "file").write_bytes(b"at home")
    assert files.call("POST", "get/{sid}", {"filename": "~/file"})["path"] == f"{home}/file"
    assert ask(hpc, "GET", "/~/file")[2] == b"at home"
    assert "file" in [entry["name"] for entry in files.list("~")["entries"]]


@pytest.mark.parametrize(
    ("route", "body", "status", "says"),
    [
        ("get", {"filename": "{there}/none"}, 404, "there is no file or folder"),
        ("get", {"filename": "{there}"}, 400, "Is a directory"),
        ("get", {"filename": "{there}/file/x"}, 400, "Not a directory"),
        ("get", {"filename": "file"}, 400, "is a relative path"),
        ("get", {"filename": "/etc/passwd"}, 400, "is outside of the folders that this endpoint allows"),
        ("get", {"filename": "{there}/\0"}, 400, "NUL"),
        ("get", {"filename": "{there}/" + "x" * 300}, 400, "the name is too long"),
        ("get", {}, 422, "filename: is missing"),
        ("list", {"path": "{there}/none"}, 404, "there is no file or folder"),
        ("list", {"path": "{there}/file"}, 400, "Not a directory"),
        ("list", {"path": "."}, 400, "is a relative path"),
        ("list", {"path": "/"}, 400, "is outside"),
        ("put", {"filename": "{there}/file", "content": ""}, 409, "exists"),
        ("put", {"filename": "{there}", "content": ""}, 400, "Is a directory"),
        ("put", {"filename": "{there}/file/x", "content": ""}, 400, "Not a directory"),
        ("put", {"filename": "{there}/new", "content": "not base64!"}, 422, "content"),
        ("put", {"filename": "{there}/new", "content": "QQ"}, 422, "content"),
        ("put", {"filename": "{there}/../x", "content": ""}, 400, "is outside"),
        ("put", {"filename": "x", "content": ""}, 400, "is a relative path"),
    ],
)
def test_what_is_wrong_is_said_with_its_status(
    files: StagingClient, there: Path, route: str, body: dict[str, Any], status: int, says: str
) -> None:
    (there / "file").write_bytes(b"kept")
    filled = {key: value.replace("{there}", str(there)) for key, value in body.items()}
    got, message = refused(files, route, filled)
    assert got == status
    assert says in message
    assert (there / "file").read_bytes() == b"kept"
    assert parts(there) == []


def test_put_overwrites_where_that_is_said(files: StagingClient, there: Path) -> None:
    (there / "file").write_bytes(b"old")
    files.call("POST", "put/{sid}", {"filename": f"{there}/file", "content": b64(b"new"), "overwrite": True})
    assert (there / "file").read_bytes() == b"new"


@pytest.mark.parametrize(
    ("asked", "status", "content_range", "content"),
    [
        ("bytes=2-4", 206, "bytes 2-4/10", b"234"),
        ("bytes=7-", 206, "bytes 7-9/10", b"789"),
        ("bytes=-3", 206, "bytes 7-9/10", b"789"),
        ("bytes=5-99", 206, "bytes 5-9/10", b"56789"),
        ("bytes=0-1,4-5", 200, None, b"0123456789"),
        ("bytes=10-", 416, "bytes */10", b""),
    ],
)
def test_a_range_is_answered(
    hpc: StarClient, there: Path, asked: str, status: int, content_range: str | None, content: bytes
) -> None:
    (there / "file").write_bytes(b"0123456789")
    got, headers, body = ask(hpc, "GET", there / "file", range=asked)
    assert (got, headers.get("content-range"), body) == (status, content_range, content)
    assert headers["accept-ranges"] == "bytes"
    assert headers["content-length"] == str(len(content))


def test_a_range_is_of_the_content_that_if_range_names_or_all_is_sent(hpc: StarClient, there: Path) -> None:
    (there / "file").write_bytes(b"0123456789")
    etag = ask(hpc, "HEAD", there / "file")[1]["etag"]
    assert ask(hpc, "GET", there / "file", range="bytes=5-", if_range=etag)[2] == b"56789"
    (there / "file").write_bytes(b"abcdefghijk")
    status, headers, body = ask(hpc, "GET", there / "file", range="bytes=5-", if_range=etag)
    assert (status, body) == (200, b"abcdefghijk")
    assert headers["etag"] != etag


def test_head_tells_what_is_known_of_a_file(hpc: StarClient, there: Path) -> None:
    (there / "file").write_bytes(b"hello")
    os.utime(there / "file", ns=(0, 1_700_000_000_123_456_789))
    (there / "file").chmod(0o640)
    status, headers, body = ask(hpc, "HEAD", there / "file")
    assert (status, body) == (200, b"")
    assert headers["x-orbit-digest"] == of_bytes(b"hello")
    assert headers["x-orbit-mode"] == "640"
    assert headers["x-orbit-mtime"] == "1700000000123456789"
    assert headers["x-orbit-size"] == headers["content-length"] == "5"
    assert headers["last-modified"] == "Tue, 14 Nov 2023 22:13:20 GMT"


def test_the_digest_of_a_large_file_is_known_once_it_was_sent_and_not_after_a_change(
    hpc: StarClient, there: Path
) -> None:
    content = os.urandom(SMALL + 1)
    (there / "file").write_bytes(content)
    assert "x-orbit-digest" not in ask(hpc, "HEAD", there / "file")[1]
    assert ask(hpc, "GET", there / "file")[2] == content
    assert ask(hpc, "HEAD", there / "file")[1]["x-orbit-digest"] == of_bytes(content)
    (there / "file").write_bytes(content + b"!")
    assert "x-orbit-digest" not in ask(hpc, "HEAD", there / "file")[1]
    answer = hpc.call("GET", f"/staging/digest{there}/file")
    assert answer["digest"] == of_bytes(content + b"!")


def test_an_upload_without_headers_is_a_file(hpc: StarClient, there: Path) -> None:
    content = os.urandom(3_000_000)
    status, _, _ = ask(hpc, "PUT", there / "a b" / "ü", content)
    assert status == 200
    assert (there / "a b" / "ü").read_bytes() == content


def test_an_upload_is_refused_before_its_body_is_read(hpc: StarClient, there: Path) -> None:
    (there / "file").write_bytes(b"kept")
    taken = 0

    def endless() -> Any:
        nonlocal taken
        while True:
            taken += 1
            yield bytes(1 << 18)

    with pytest.raises(OrbitError, match="exists; say that it is to be overwritten") as conflict:
        ask(hpc, "PUT", there / "file", endless())
    assert conflict.value.status == 409
    assert taken < 20
    assert (there / "file").read_bytes() == b"kept"


@pytest.mark.parametrize("size", [100, 3_000_000])
def test_an_upload_whose_digest_does_not_fit_leaves_nothing(hpc: StarClient, there: Path, size: int) -> None:
    digest = of_bytes(b"something else")
    with pytest.raises(OrbitError, match="what came isn't what was to come") as wrong:
        ask(hpc, "PUT", there / "file", bytes(size), x_orbit_digest=digest)
    assert wrong.value.status == 422
    assert list(there.iterdir()) == []


def test_an_upload_that_is_shorter_than_was_said_leaves_nothing(hpc: StarClient, there: Path) -> None:
    with pytest.raises(OrbitError, match="5 bytes were to come, and 3 came"):
        ask(hpc, "PUT", there / "file", b"123", x_orbit_size="5")
    assert list(there.iterdir()) == []


@pytest.mark.parametrize("headers", [{}, {"x_orbit_size": "3000000"}])
def test_the_operators_limit_holds(there: Path, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]) -> None:
    monkeypatch.setenv("RADICAL_ORBIT_STAGING_LIMIT", "2M")
    with star(StagingPlugin) as hpc:
        with pytest.raises(TooLargeError, match="takes files of at most 2097152 bytes"):
            ask(hpc, "PUT", there / "file", bytes(3_000_000), **headers)
        assert list(there.iterdir()) == []
        assert ask(hpc, "PUT", there / "file", bytes(2 << 20))[0] == 200


def test_a_folder_is_made_with_those_that_it_is_in(hpc: StarClient, there: Path) -> None:
    assert hpc.call("PUT", f"/staging/folders{there}/a/b")["path"] == f"{there}/a/b"
    assert (there / "a" / "b").is_dir()
    hpc.call("PUT", f"/staging/folders{there}/a/b")
    (there / "file").touch()
    with pytest.raises(OrbitError, match="Not a directory"):
        hpc.call("PUT", f"/staging/folders{there}/file")


def test_transfers_are_told_and_listed(hpc: StarClient, files: StagingClient, there: Path) -> None:
    ask(hpc, "PUT", there / "file", bytes(10), x_orbit_size="10")
    told = hpc.event("transfer")
    assert {key: told[key] for key in ("direction", "path", "bytes", "size", "state")} == {
        "direction": "put",
        "path": f"{there}/file",
        "bytes": 10,
        "size": 10,
        "state": "DONE",
    }
    with pytest.raises(OrbitError):
        ask(hpc, "PUT", there / "other", bytes(9), x_orbit_size="10")
    failed = hpc.event("transfer")
    assert (failed["state"], failed["message"]) == ("FAILED", f"{there}/other: 10 bytes were to come, and 9 came")
    assert [one["id"] for one in files.call("GET", "transfers/{sid}")["transfers"]] == [told["id"], failed["id"]]
