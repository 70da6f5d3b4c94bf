"""Who may write in a folder of state: one, whatever the others do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orbit_jupyter.state import HeldError, Holder, Lease, claim, claim_first_free
from orbit_jupyter.state.lease import STALE

CLAIM = """
import sys
from pathlib import Path
from orbit_jupyter.state import claim
claim(Path(sys.argv[1]), "theirs")
print("held", flush=True)
sys.stdin.read()
"""


def rewrite(lease: Lease, **holder: Any) -> Path:
    """Make a lease somebody else's."""
    (path,) = lease.folder.glob(".lease-*")
    found = json.loads(path.read_text())
    found["holder"].update(holder)
    path.write_text(json.dumps(found))
    return path


def renewed(path: Path, seconds_ago: float) -> None:
    at = time.time() - seconds_ago
    os.utime(path, (at, at))


def other_process(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", CLAIM, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate(timeout=20)


def test_a_second_claim_is_refused_with_who_holds_it(tmp_path: Path) -> None:
    lease = claim(tmp_path / "state", "boot")
    assert lease.holds()
    assert lease.renew()
    with pytest.raises(
        HeldError, match=f"is in use by process {os.getpid()} on {Holder.here().host} since 2"
    ) as error:
        claim(tmp_path / "state", "boot")
    assert error.value.pid == os.getpid()
    assert time.time() - 60 < error.value.since <= time.time()
    assert lease.holds()


def test_a_released_folder_is_free_at_once_and_its_generation_goes_on(tmp_path: Path) -> None:
    first = claim(tmp_path, "one")
    first.release()
    second = claim(tmp_path, "two")
    assert (first.generation, second.generation) == (1, 2)
    assert [path.name for path in tmp_path.glob(".lease-*")] == [".lease-2"]
    assert not first.holds()
    assert second.holds()
    first.release()  # late: it isn't its own any more
    assert second.holds()


def test_a_living_process_keeps_its_folder_and_a_killed_one_loses_it_at_once(tmp_path: Path) -> None:
    process = other_process(tmp_path)
    try:
        with pytest.raises(HeldError) as error:
            claim(tmp_path, "ours")
        assert error.value.pid == process.pid
        process.kill()
        os.waitid(
            os.P_PID, process.pid, os.WEXITED | os.WNOWAIT
        )  # it is dead, and nobody has asked for its status
        assert claim(tmp_path, "ours").generation == 2
    finally:
        end(process)


def test_a_pid_that_is_anothers_by_now_counts_as_dead(tmp_path: Path) -> None:
    rewrite(claim(tmp_path, "before"), started=1.0)
    assert claim(tmp_path, "ours").generation == 2


def test_the_same_machine_after_a_reboot_takes_over_at_once(tmp_path: Path) -> None:
    if not Holder.here().machine:
        return  # nothing tells this machine from another: the test below holds
    rewrite(claim(tmp_path, "before"), kernel="an earlier boot")
    assert claim(tmp_path, "ours").generation == 2


@pytest.mark.parametrize("elsewhere", [{"host": "other"}, {"machine": "other"}, {"namespace": "pid:[1]"}])
def test_what_cant_be_seen_is_taken_over_only_after_minutes_without_a_sign(
    tmp_path: Path, elsewhere: dict[str, str]
) -> None:
    lease = claim(tmp_path, "theirs")
    path = rewrite(lease, **elsewhere)
    for seconds_ago in (0, STALE - 30, 30 - STALE):
        renewed(path, seconds_ago)
        with pytest.raises(HeldError):
            claim(tmp_path, "ours")
    renewed(path, STALE + 1)
    ours = claim(tmp_path, "ours")
    assert ours.holds()
    # The other wakes up: it sees that it is late, and doing as if it weren't changes nothing.
    assert not lease.holds()
    assert not lease.renew()
    lease.release()
    assert not lease.holds()
    assert ours.holds()


@pytest.mark.parametrize("jump", [10 * STALE, -10 * STALE])
def test_a_clock_that_jumps_takes_no_folder_from_a_process_that_lives_here(tmp_path: Path, jump: float) -> None:
    lease = claim(tmp_path, "ours")
    renewed(tmp_path / ".lease-1", jump)
    with pytest.raises(HeldError):
        claim(tmp_path, "theirs")
    assert lease.renew()
    assert abs((tmp_path / ".lease-1").stat().st_mtime - time.time()) < 60


@pytest.mark.parametrize("content", [b"", b"{", b"[]"])
def test_a_lease_that_cant_be_read_counts_by_its_age(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / ".lease-7"
    path.write_bytes(content)
    with pytest.raises(HeldError, match="a process that can't be told"):
        claim(tmp_path, "ours")
    renewed(path, STALE + 1)
    assert claim(tmp_path, "ours").generation == 8


def test_a_claim_that_died_half_way_stands_in_nobodys_way_and_is_cleared(tmp_path: Path) -> None:
    old, new = tmp_path / ".claim-old", tmp_path / ".claim-new"
    old.touch()
    new.touch()
    renewed(old, STALE + 1)
    claim(tmp_path, "ours")
    assert (old.exists(), new.exists()) == (False, True)  # the new one may be on its way


def test_of_many_at_once_one_gets_it(tmp_path: Path) -> None:
    for round in range(20):
        folder = tmp_path / str(round)
        if round % 2:  # one to take over
            rewrite(claim(folder, "dead"), started=1.0)
        got: list[Lease] = []
        refused: list[HeldError] = []
        together = threading.Barrier(6)

        def try_it(
            folder: Path = folder, got: Any = got, refused: Any = refused, together: Any = together
        ) -> None:
            together.wait(20)
            try:
                got.append(claim(folder, "one of them"))
            except HeldError as error:
                refused.append(error)

        threads = [threading.Thread(target=try_it) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert (len(got), len(refused)) == (1, 5)
        assert got[0].holds()


def test_those_who_share_a_home_get_a_folder_each(tmp_path: Path) -> None:
    leases = [claim_first_free(tmp_path / "bridge", "boot") for _ in range(3)]
    assert [lease.folder.name for lease in leases] == ["bridge", "bridge~2", "bridge~3"]
    leases[1].release()
    assert claim_first_free(tmp_path / "bridge", "boot").folder.name == "bridge~2"


def test_a_folder_that_cant_be_made_is_told_as_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    attempts: list[Callable[[Path, str], Lease]] = [claim, claim_first_free]
    for attempt in attempts:
        with pytest.raises(OSError, match="file"):
            attempt(tmp_path / "file" / "state", "boot")
