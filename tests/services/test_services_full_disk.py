"""A disk that is full, for real: a small file system of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from stage import Server, endpoint

from orbit_jupyter.protocol import OrbitError

pytestmark = pytest.mark.services

MIB = 1 << 20


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system with room for 4 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], check=True, timeout=30)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=30)


def test_an_upload_that_finds_the_disk_full_says_so_and_leaves_nothing(
    lab: Server, small: Path, tmp_path: Path
) -> None:
    (tmp_path / "large").write_bytes(bytes(20 * MIB))
    (tmp_path / "little").write_bytes(b"x" * MIB)
    token = lab.endpoint_token("disk")
    with (
        lab.client() as client,
        endpoint(lab.url, "disk", token, tmp_path / "home", "--plugins", "staging"),
    ):
        client.wait_for_endpoint("disk", 30)
        staging = client["disk"].staging
        (small / "kept").write_bytes(b"before")
        for move in (staging.upload, staging.put):
            with pytest.raises(OrbitError, match="no space is left on the device") as refused:
                move(tmp_path / "large", f"{small}/large")
            assert refused.value.status == 507
            assert [path.name for path in small.iterdir()] == ["kept"]
        staging.upload(tmp_path / "little", f"{small}/little")
        assert (small / "little").read_bytes() == b"x" * MIB
        assert (small / "kept").read_bytes() == b"before"
