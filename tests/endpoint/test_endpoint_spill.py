"""The outbox with a folder: what the memory has no room for, and what becomes of it."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from orbit_jupyter.endpoint import outbox as module
from orbit_jupyter.endpoint.outbox import Outbox
from orbit_jupyter.protocol import Event


def event(n: int, size: int = 3) -> Event:
    return Event("p", str(n), b"x" * size, session="s", owner="o", time=float(n), truncated=bool(n % 2))


@pytest.fixture(autouse=True)
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEGMENT_EVENTS", 10)


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    (tmp_path / "spool").mkdir()
    return tmp_path / "spool"


def files(folder: Path) -> int:
    return len(list(folder.glob("*/*.events")))


def all_of(outbox: Outbox) -> list[int]:
    numbers: list[int] = []
    while (batch := outbox.next()) is not None:
        assert batch.events == [event(batch.first + n, len(one.data)) for n, one in enumerate(batch.events)]
        numbers += range(batch.first, batch.first + len(batch.events))
    return numbers


def filled(folder: Path, count: int, **bounds: int) -> Outbox:
    outbox = Outbox("epoch", folder, memory_events=20, **bounds)
    for n in range(1, count + 1):
        outbox.append(event(n))
    return outbox


def test_what_the_memory_has_no_room_for_is_on_disk_and_comes_back(spool: Path) -> None:
    outbox = filled(spool, 95)
    assert files(spool) == 7  # 20 and the last 5 are in memory
    assert all_of(outbox) == list(range(1, 96))
    outbox.rewind(33)
    assert all_of(outbox) == list(range(34, 96))


def test_what_is_on_disk_takes_no_room_in_memory_and_what_is_acknowledged_frees_it(spool: Path) -> None:
    outbox = Outbox("epoch", spool, memory_bytes=60)
    for n in range(1, 96):
        outbox.append(event(n))
    assert files(spool) == 7
    outbox.acknowledged("epoch", 95)
    for n in range(96, 116):
        outbox.append(event(n))
    assert (files(spool), all_of(outbox)) == (0, list(range(96, 116)))
    outbox.close()


def test_a_small_backlog_never_touches_the_disk(spool: Path) -> None:
    outbox = filled(spool, 20)
    assert all_of(outbox) == list(range(1, 21))
    assert list(spool.iterdir()) == []
    outbox.close()


def test_segments_go_as_they_are_acknowledged_and_at_the_end(spool: Path) -> None:
    outbox = filled(spool, 95)
    outbox.acknowledged("epoch", 45)
    assert files(spool) == 5
    outbox.close()
    assert list(spool.iterdir()) == []


def test_beyond_the_bound_of_all_the_oldest_go(spool: Path) -> None:
    outbox = filled(spool, 95, max_events=42)
    assert all_of(outbox) == list(range(54, 96))


def limited(count: int, size: int) -> None:
    """Run in a process of its own: no file may be larger than `size`."""
    with TemporaryDirectory() as folder, mock.patch.object(module, "SEGMENT_EVENTS", 10):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        outbox = filled(Path(folder), count)
        print(all_of(outbox))
        outbox.close()


def test_a_full_disk_costs_the_oldest_events_and_says_so(spool: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", "import test_endpoint_spill as t; t.limited(95, 100)"],
        cwd=Path(__file__).parent,
        env={"PYTHONPATH": ":".join(sys.path), "TMPDIR": str(spool)},
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    assert eval(run.stdout) == list(range(71, 96))
    assert run.stderr.count("can't be put on disk") == 1


@pytest.mark.parametrize("damage", [b"", b"not events", b"\x90", None])
def test_a_segment_that_cant_be_read_is_a_hole(spool: Path, damage: bytes | None) -> None:
    outbox = filled(spool, 95)
    (path,) = spool.glob("*/31.events")
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage)
    assert all_of(outbox) == [*range(1, 31), *range(41, 96)]
    outbox.acknowledged("epoch", 95)
    assert files(spool) == 0
    assert outbox.next() is None


def test_what_dead_processes_left_is_removed_and_what_living_ones_have_is_not(spool: Path) -> None:
    leave = "import test_endpoint_spill as t, os, pathlib; t.filled(pathlib.Path('{}'), 5000); os._exit(9)"
    subprocess.run(
        [sys.executable, "-c", leave.format(spool)],
        cwd=Path(__file__).parent,
        env={"PYTHONPATH": ":".join(sys.path)},
        check=False,
        timeout=60,
    )
    assert files(spool) > 0
    living = filled(spool, 95)
    assert files(spool) == 7
    Outbox("another", spool)
    assert all_of(living) == list(range(1, 96))


class OutboxMachine(RuleBasedStateMachine):
    """Any order of what can happen: each event comes once between two rewinds, or the numbers have a hole."""

    @initialize(spill=st.booleans(), max_events=st.integers(1, 120), memory_events=st.integers(1, 40))
    def begin(self, spill: bool, max_events: int, memory_events: int) -> None:
        self.folder = TemporaryDirectory()
        folder = Path(self.folder.name) if spill else None
        self.outbox = Outbox("epoch", folder, max_events=max_events, memory_events=memory_events)
        self.outbox.BATCH_EVENTS = 7
        self.max_events = max_events
        self.sizes: dict[int, int] = {}
        self.held = self.sent = 0

    @rule(count=st.integers(1, 60), size=st.integers(1, 50))
    def append(self, count: int, size: int) -> None:
        for _ in range(count):
            number = len(self.sizes) + 1
            self.sizes[number] = size
            self.outbox.append(event(number, size))

    @rule()
    def take(self) -> None:
        batch = self.outbox.next()
        oldest = max(self.held, len(self.sizes) - self.max_events)
        start = max(self.sent, oldest) + 1
        if batch is None:
            assert start > len(self.sizes)
        else:
            assert batch.first == start
            assert batch.events == [event(start + n, self.sizes[start + n]) for n in range(len(batch.events))]
            self.sent = start + len(batch.events) - 1

    @rule(back=st.integers(0, 80))
    def acknowledge(self, back: int) -> None:
        self.held = max(self.held, self.sent - back)
        self.outbox.acknowledged("epoch", max(0, self.sent - back))

    @rule(back=st.integers(0, 80))
    def reconnect(self, back: int) -> None:
        seen = max(self.held, self.sent - back)
        self.held = seen
        self.outbox.rewind(seen)
        self.sent = seen

    @invariant()
    def no_more_files_than_events(self) -> None:
        if hasattr(self, "outbox"):
            waiting = min(len(self.sizes) - self.held, self.max_events)
            assert files(Path(self.folder.name)) <= waiting // 10 + 2

    def teardown(self) -> None:
        if hasattr(self, "outbox"):
            self.outbox.close()
            assert list(Path(self.folder.name).iterdir()) == []
            self.folder.cleanup()


def test_each_event_comes_once_or_is_a_hole_whatever_happens() -> None:
    bounds = settings(max_examples=60, stateful_step_count=40, deadline=None, database=None)
    run_state_machine_as_test(OutboxMachine, settings=bounds)
