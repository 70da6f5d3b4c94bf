"""Bridge and endpoint as processes: plain HTTP, an endpoint that is killed, a process that has no room."""

from __future__ import annotations

import hashlib
import itertools
import os
import resource
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from stage import Server, endpoint, server, wait_until

from orbit_jupyter.client import BridgeClient
from orbit_jupyter.plugin import TooLargeError
from orbit_plugins.staging.partial import PREFIX

MIB = 1 << 20
PLUGINS = ("--plugins", "staging")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with server(tmp_path_factory.mktemp("home"), "--OrbitExtension.local_endpoint=off") as running:
        yield running


@pytest.fixture
def client(lab: Server) -> Iterator[BridgeClient]:
    with lab.client() as connected:
        yield connected


@pytest.fixture
def there(tmp_path: Path) -> Path:
    folder = tmp_path / "there"
    folder.mkdir()
    return folder


@pytest.fixture
def hpc1(lab: Server, client: BridgeClient, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    with endpoint(lab.url, "hpc1", lab.endpoint_token("hpc1"), tmp_path / "hpc1", *PLUGINS) as process:
        client.wait_for_endpoint("hpc1", 30)
        yield process


@pytest.fixture
def http(lab: Server) -> Iterator[httpx.Client]:
    headers = {"authorization": f"token {lab.info['token']}"}
    with httpx.Client(base_url=lab.url, headers=headers, timeout=60) as connected:
        yield connected


@pytest.mark.usefixtures("hpc1")
def test_files_come_and_go_over_plain_http(http: httpx.Client, there: Path) -> None:
    content = os.urandom(20 * MIB)
    digest = f"blake2b={hashlib.blake2b(content).hexdigest()}"
    url = f"/hpc1/staging/files{there}/file"
    put = http.put(url, content=content, headers={"x-orbit-digest": digest, "x-orbit-mode": "640"})
    assert (put.status_code, put.json()) == (
        200,
        {"path": f"{there}/file", "size": len(content), "digest": digest},
    )
    assert (there / "file").read_bytes() == content
    assert (there / "file").stat().st_mode & 0o777 == 0o640
    got = http.get(url)
    assert (got.status_code, got.content == content) == (200, True)
    assert got.headers["accept-ranges"] == "bytes"
    assert got.headers["etag"]
    part = http.get(url, headers={"range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, content[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(content)}"
    assert http.get(url, headers={"range": f"bytes={len(content)}-"}).status_code == 416
    head = http.head(url)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["x-orbit-digest"] == digest
    assert head.headers["content-length"] == str(len(content))
    again = http.put(url, content=b"other")
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    assert http.put(url, content=b"other", params={"overwrite": "true"}).status_code == 200
    assert (there / "file").read_bytes() == b"other"
    wrong = http.put(f"{url}2", content=b"other", headers={"x-orbit-digest": digest})
    assert (wrong.status_code, wrong.json()["field"]) == (422, "x-orbit-digest")
    assert [path.name for path in there.iterdir()] == ["file"]
    assert http.get("/hpc1/staging/files/etc/passwd").status_code == 400


def test_an_upload_outlives_an_endpoint_that_is_killed_in_the_middle(
    lab: Server, client: BridgeClient, tmp_path: Path, there: Path
) -> None:
    content = os.urandom(64 * MIB)
    (tmp_path / "file").write_bytes(content)
    token = lab.endpoint_token("hpc1")
    reached, told, failed = threading.Event(), [0], []

    def tell(moved: int, *_: object) -> None:
        told.append(moved)
        if moved >= 24 * MIB:
            reached.set()
            killed.wait(20)  # nothing more is sent before the endpoint is dead

    killed = threading.Event()

    def upload() -> None:
        try:
            client["hpc1"].staging.upload(tmp_path / "file", f"{there}/file", progress=tell)
        except Exception as error:
            failed.append(error)

    with endpoint(lab.url, "hpc1", token, tmp_path / "hpc1", *PLUGINS) as first:
        client.wait_for_endpoint("hpc1", 30)
        sending = threading.Thread(target=upload)
        sending.start()
        assert reached.wait(30)
        wait_until(lambda: any(there.glob(f"{PREFIX}*")), "a part is there")
        part = wait_until(lambda: _larger(there, 16 * MIB), "much of it has arrived")
        first.kill()
        first.wait()
        left = part.stat().st_size
        assert not (there / "file").exists()
    killed.set()
    with endpoint(lab.url, "hpc1", token, tmp_path / "hpc1", *PLUGINS):
        sending.join(60)
        assert not sending.is_alive()
    assert failed == []
    assert (there / "file").read_bytes() == content
    assert [path.name for path in there.iterdir()] == ["file"]
    # It went on behind what was there, and didn't begin anew.
    back = next(later for earlier, later in itertools.pairwise(told) if later < earlier)
    assert back == left


def _larger(folder: Path, size: int) -> Path | None:
    return next((path for path in folder.glob(f"{PREFIX}*") if path.stat().st_size >= size), None)


def test_a_process_that_may_not_write_so_much_says_so_and_leaves_nothing(
    hpc1: subprocess.Popen[bytes], client: BridgeClient, tmp_path: Path, there: Path
) -> None:
    psutil.Process(hpc1.pid).rlimit(resource.RLIMIT_FSIZE, (8 * MIB, 8 * MIB))
    (tmp_path / "file").write_bytes(bytes(20 * MIB))
    with pytest.raises(TooLargeError, match="larger than its file system or this process may have it"):
        client["hpc1"].staging.put(tmp_path / "file", f"{there}/file")
    assert list(there.iterdir()) == []
    (tmp_path / "small").write_bytes(bytes(5 * MIB))
    client["hpc1"].staging.put(tmp_path / "small", f"{there}/small")
    assert (there / "small").stat().st_size == 5 * MIB
