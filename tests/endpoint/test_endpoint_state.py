"""One process at a time has an endpoint's state."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from orbit_jupyter.endpoint import kept
from orbit_jupyter.endpoint.kept import EndpointState
from orbit_jupyter.protocol import ConflictError
from orbit_jupyter.state import holder


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.asyncio
async def test_two_of_a_name_have_folders_of_their_own_and_the_next_goes_on_with_the_first() -> None:
    states = [EndpointState("hpc1") for _ in range(3)]
    await states[0].claim()
    await states[1].claim()
    assert [state.folder.name for state in states[:2]] == ["hpc1", "hpc1~2"]
    await states[0].release()
    await states[2].claim()
    assert states[2].folder.name == "hpc1"
    await asyncio.gather(states[1].release(), states[2].release())


@pytest.mark.asyncio
async def test_what_may_still_be_anothers_on_another_host_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    first = EndpointState("hpc1")
    await first.claim()
    monkeypatch.setattr(holder.Holder, "fate", lambda _self: "unknown")
    second = EndpointState("hpc1")
    with pytest.raises(ConflictError, match=rf"may run already.*process {os.getpid()}"):
        await second.claim()
    await first.release()


@pytest.mark.asyncio
async def test_who_was_taken_over_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "RENEW", 0.02)
    state = EndpointState("hpc1")
    await state.claim()
    mine = next(state.folder.glob(".lease-*"))
    (state.folder / f".lease-{int(mine.name.rpartition('-')[2]) + 1}").write_bytes(b"{}")
    with pytest.raises(ConflictError, match="has taken"):
        await asyncio.wait_for(asyncio.shield(state.lost), 10)
    await state.release()


@pytest.mark.asyncio
async def test_without_a_folder_that_can_be_written_it_goes_on_with_a_warning(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (home / ".radical").write_text("a file where a folder should be")
    state = EndpointState("hpc1")
    await state.claim()
    assert "isn't safe" in caplog.text
    await state.release()


def test_what_was_killed_holds_its_successor_up_in_nothing(home: Path) -> None:
    environment = {**os.environ, "HOME": str(home), "RADICAL_ORBIT_ENDPOINT_TOKEN": "orbit_0_x"}
    command = [sys.executable, "-m", "orbit_jupyter.endpoint", "--name=hpc1", "--url=http://127.0.0.1:9/orbit"]
    for _ in range(2):
        process = subprocess.Popen([*command, "--plugins=sysinfo"], env=environment, stderr=subprocess.DEVNULL)
        try:
            _until(lambda pid=process.pid: _holder(home) == pid)  # type: ignore[misc]
        finally:
            process.kill()
            process.wait()
    assert not (home / ".radical/orbit/state/hpc1~2").exists()


def _holder(home: Path) -> int:
    leases = sorted((home / ".radical/orbit/state/hpc1").glob(".lease-*"))
    text = leases[-1].read_text() if leases else ""
    return int(text.partition('"pid":')[2].partition(",")[0] or 0)


def _until(fits: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not fits():
        assert time.monotonic() < until
        time.sleep(0.02)
