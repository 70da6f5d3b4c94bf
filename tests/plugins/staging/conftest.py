"""An endpoint in memory with the plugin, and a folder on it that is in none of the developer's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orbit_jupyter.plugin.testing import StarClient, star
from orbit_plugins.staging import StagingClient, StagingPlugin
from orbit_plugins.staging.partial import PREFIX


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the one folder that the endpoint allows, beside the home."""
    folder = tmp_path / "there"
    folder.mkdir()
    monkeypatch.setenv("RADICAL_ORBIT_STAGING_ROOTS", f"{folder}:~")
    return folder


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Return a folder of the client's, outside of what the endpoint allows."""
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


@pytest.fixture
def hpc(there: Path) -> Iterator[StarClient]:
    with star(StagingPlugin, folder=there.parent / "state") as endpoint:
        yield endpoint


@pytest.fixture
def files(hpc: StarClient) -> StagingClient:
    client = hpc.staging
    assert isinstance(client, StagingClient)
    return client


def parts(folder: Path) -> list[Path]:
    """Return the parts of files in a folder, hidden as they are."""
    return sorted(folder.glob(f"**/{PREFIX}*"))
