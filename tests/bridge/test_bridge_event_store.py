"""The event log on disk: what a restart, a full disk, a hang and another owner do to it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from orbit_jupyter.bridge import event_log, event_store
from orbit_jupyter.bridge.event_log import Batch, EventLog, Interest, Logged, Reader
from orbit_jupyter.bridge.event_store import EventStore, open_event_log
from orbit_jupyter.bridge.event_table import EventTable
from orbit_jupyter.bridge.received import Position
from orbit_jupyter.protocol import Event, Events
from orbit_jupyter.state import claim, open_database

DAY = 86_400.0


def event(number: int, topic: str = "t", size: int = 0) -> Event:
    return Event("p", topic, str(number).encode().rjust(size), session="s", time=float(number), truncated=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "bridge"


def table(folder: Path, epoch: str, max_bytes: int = 2**28, now: float | None = None) -> EventTable:
    folder.mkdir(parents=True, exist_ok=True)
    return EventTable(open_database(folder / "events.db"), epoch, DAY, max_bytes, now or time.time())


class Bench:
    """A log with little memory, whose parts a test can reach."""

    def __init__(self, folder: Path, epoch: str = "e", memory: int = 100_000, retry: float = 0.05) -> None:
        self.lease = claim(folder, epoch)
        self.table = table(folder, epoch)
        self.store = EventStore(self.lease, self.table, retry)
        self.log = EventLog(epoch, max_events=memory, store=self.store)

    def disk(self, pages: int) -> None:
        """Say how large the file may become."""
        with self.store._using:
            self.table._database.execute(f"PRAGMA max_page_count={pages}")


async def appended(
    log: EventLog, numbers: range, endpoint: str = "hpc1", owner: str = "ann", size: int = 0
) -> None:
    """Append events as they come from an endpoint, and wait until they are held."""
    held = asyncio.Event()
    _, new = log.received.new(endpoint, Events("boot", numbers[0] + 1, [event(n, size=size) for n in numbers]))
    log.append(endpoint, owner, new, held.set)
    await asyncio.wait_for(held.wait(), 20)


async def read_all(reader: Reader) -> tuple[int, list[int]]:
    missed, numbers = 0, []
    while reader.behind:
        gap, batch = await reader.next()
        missed += gap
        numbers += [int(logged.event.data) for logged in batch]
        assert [logged.event for logged in batch] == [
            event(int(logged.event.data), logged.event.topic, len(logged.event.data)) for logged in batch
        ]
    return missed, numbers


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("not within 20 s")


async def test_nobody_hears_of_an_event_before_it_is_on_disk(folder: Path) -> None:
    bench = Bench(folder)
    log, reader = bench.log, Reader(bench.log, Interest())
    told: list[int] = []
    held: list[int] = []
    log.told = lambda: told.append(log.committed)
    with bench.store._using:  # the disk takes its time
        log.received.new("hpc1", Events("boot", 1, [event(0)]))
        log.append("hpc1", "ann", [event(0)], lambda: held.append(log.committed))
        await asyncio.sleep(0.1)
        assert (log.last, log.committed, reader.behind, reader.read()) == (1, 0, False, (0, []))
        assert (held, told, log.received.last("hpc1", "boot")) == ([], [], 0)
    await until(lambda: bool(held))
    assert (held, told, log.received.last("hpc1", "boot")) == ([1], [1], 1)
    assert await read_all(reader) == (0, [0])
    await log.close()


async def test_a_restarted_bridge_goes_on_where_it_was(folder: Path) -> None:
    first = open_event_log(folder, DAY, 2**28)
    await appended(first, range(10))
    await first.close()
    second = open_event_log(folder, DAY, 2**28)
    assert (second.last, second.committed) == (10, 10)
    assert second.epoch != first.epoch
    assert second.received.last("hpc1", "boot") == 10
    assert second.received.new("hpc1", Events("boot", 9, [event(8), event(9), event(10)])) == (0, [event(10)])
    await appended(second, range(11, 14))
    after, lost = second.place(first.epoch, 4)
    assert (after, lost) == (4, False)
    assert await read_all(Reader(second, Interest(), after)) == (0, [4, 5, 6, 7, 8, 9, 11, 12, 13])
    # A number that was never on disk, and a log that was never here.
    assert second.place(first.epoch, 11) == (10, True)
    assert second.place("another", 3) == (13, True)
    await second.close()


async def test_a_reader_behind_the_memory_is_served_from_the_disk(folder: Path) -> None:
    log = Bench(folder, memory=50).log
    for start in range(0, 3000, 30):
        await appended(log, range(start, start + 30), f"hpc{start % 4}", "bob" if start % 40 else "ann")
    assert len(log.entries) == 50
    assert await read_all(Reader(log, Interest(), 0)) == (0, list(range(3000)))
    assert await read_all(Reader(log, Interest(), 1234)) == (0, list(range(1234, 3000)))
    bobs = [n for n in range(3000) if n // 30 * 30 % 40]
    assert await read_all(Reader(log, Interest(user="bob"), 0)) == (0, bobs)
    assert await read_all(Reader(log, Interest(endpoint="hpc2"), 0)) == (
        0,
        [n for n in range(3000) if n // 30 * 30 % 4 == 2],
    )
    assert await read_all(Reader(log, Interest(topic="none"), 0)) == (0, [])
    await log.close()


def test_the_oldest_go_by_bytes_and_by_age_and_the_numbers_go_on(folder: Path) -> None:
    now = time.time()
    kept = table(folder, "one", max_bytes=100_000, now=now)
    for number in range(1, 201):
        kept.write([Batch(number, [Logged(number, "hpc1", "ann", event(number, size=1000))], {})], now + number)
    page = kept.page(0, 200, Interest(), 256)
    assert 75 < len(page.batch) < 100
    assert page.missed == 200 - len(page.batch)
    assert (folder / "events.db").stat().st_size < 300_000
    kept.prune(now + 190 + DAY)
    assert [one.sequence for one in kept.page(0, 200, Interest(), 256).batch] == list(range(190, 201))
    kept.prune(now + 999 * DAY)
    kept.close()
    again = table(folder, "two")
    assert again.past.last == 200
    again.close()


async def test_a_full_disk_is_told_once_and_what_is_still_known_is_written_later(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(folder, memory=100, retry=0.2)
    log = bench.log
    await appended(log, range(10))
    bench.disk(pages=20)
    for number in range(10, 400):  # far more than the disk takes: all is held and delivered
        await appended(log, range(number, number + 1), size=1000)
    assert log.committed == 400
    assert await read_all(Reader(log, Interest(), 300)) == (0, list(range(300, 400)))
    await asyncio.sleep(0.5)  # tries that fail
    assert [record.levelname for record in caplog.records if "goes on in memory" in record.message] == ["ERROR"]
    bench.disk(pages=100_000)
    await until(lambda: "on disk again" in caplog.text)
    await appended(log, range(400, 450))
    written = await read_all(Reader(log, Interest(), 0))
    await log.close()
    again = Bench(folder, "second", memory=1)
    assert await read_all(Reader(again.log, Interest(), 0)) == written
    missed, numbers = written
    assert len(numbers) + missed == 450
    assert numbers[-150:] == list(range(300, 450))  # 300 to 399 were in memory when the disk came back
    assert numbers[:-150] == list(range(450 - missed - 150))
    await again.log.close()


async def test_what_was_not_on_disk_is_a_gap_after_a_restart(folder: Path) -> None:
    bench = Bench(folder, retry=30)
    await appended(bench.log, range(10))
    bench.disk(pages=1)
    await appended(bench.log, range(10, 60), size=30_000)
    seen = bench.log.last
    await bench.log.close()
    again = Bench(folder, "second").log
    assert again.place("e", seen) == (10, True)
    assert again.received.last("hpc1", "boot") == 10
    gap, new = again.received.new("hpc1", Events("boot", 61, [event(60)]))  # the endpoint has forgotten the rest
    assert (gap, new) == (50, [event(60)])
    await again.close()


async def test_a_disk_that_hangs_holds_up_nobody(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(event_log, "SLOW", 0.2)
    bench = Bench(folder, retry=0.2)
    await appended(bench.log, range(5))
    with bench.store._using:
        await appended(bench.log, range(5, 10))
        assert "the disk has taken more than 0.2 s" in caplog.text
        await asyncio.wait_for(appended(bench.log, range(10, 15)), 0.1)
    await until(lambda: "on disk again" in caplog.text)
    await bench.log.close()
    again = Bench(folder, "second").log
    assert await read_all(Reader(again, Interest(), 0)) == (0, list(range(15)))
    await again.close()


async def test_more_than_may_wait_for_the_disk_waits_no_longer(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(event_store, "MOST_WAITING", 10_000)
    bench = Bench(folder, retry=0.1)
    with bench.store._using:
        for number in range(0, 50, 10):
            _, new = bench.log.received.new(
                "hpc1", Events("boot", number + 1, [event(n, size=1000) for n in range(number, number + 10)])
            )
            bench.log.append("hpc1", "ann", new)
        await until(lambda: bench.log.committed == 50)
        assert "more events come than the disk takes" in caplog.text
    await until(lambda: "on disk again" in caplog.text)
    assert await read_all(Reader(bench.log, Interest(), 0)) == (0, list(range(50)))
    await bench.log.close()


async def test_a_bridge_that_lost_its_lease_writes_no_more(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(event_store, "LOOK", 0.0)
    bench = Bench(folder)
    await appended(bench.log, range(5))
    (folder / ".lease-2").write_bytes((folder / ".lease-1").read_bytes())
    await appended(bench.log, range(5, 10))  # still held, and delivered
    assert "was taken over by another process" in caplog.text
    assert await read_all(Reader(bench.log, Interest(), 0)) == (0, list(range(10)))
    bench.store._thread.join(20)
    database = open_database(folder / "events.db")
    assert database.execute("SELECT sum(count) FROM events").fetchone() == (5,)
    database.close()
    await bench.log.close()


async def test_a_damaged_log_is_set_aside_and_its_readers_hear_of_a_gap(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = open_event_log(folder, DAY, 2**28)
    await appended(first, range(10))
    await first.close()
    (folder / "events.db").write_bytes(b"not a database, but long enough to be looked at" * 100)
    second = open_event_log(folder, DAY, 2**28)
    assert "is damaged" in caplog.text
    assert second.last == 0
    assert second.place(first.epoch, 5) == (0, True)
    await appended(second, range(3))
    await second.close()
    assert len(list(folder.glob("events.db.damaged-*"))) == 1


async def test_a_log_of_a_newer_release_is_left_alone(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = table(folder, "one")
    made._database.execute("PRAGMA user_version=99")
    made.close()
    log = open_event_log(folder, DAY, 2**28)
    assert "is of a newer release" in caplog.text
    await appended(log, range(3))
    await log.close()
    assert [path.name for path in folder.glob("events*")] == ["events.db"]


async def test_without_a_home_the_log_is_in_memory_with_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    log = open_event_log(tmp_path / "file" / "bridge", DAY, 2**28)
    await appended(log, range(3))
    assert await read_all(Reader(log, Interest(), 0)) == (0, [0, 1, 2])
    await log.close()
    warnings = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert "in memory alone" in warnings[0]


async def test_two_servers_of_one_home_have_a_log_each(folder: Path) -> None:
    logs = [open_event_log(folder, DAY, 2**28) for _ in range(2)]
    for number, log in enumerate(logs):
        await appended(log, range(number, number + 1))
    for log in logs:
        await log.close()
    for number, path in enumerate([folder, folder.with_name("bridge~2")]):
        found = table(path, "look")
        assert [one.event for one in found.page(0, 10, Interest(), 10).batch] == [event(number)]
        found.close()


def test_how_far_an_endpoint_came_is_kept_with_its_goodbye(folder: Path) -> None:
    first = table(folder, "one")
    first.write(
        [Batch(1, [], {"a": Position("boot", 7, clean=True), "b": Position("boot", 9, clean=False)})], 1e12
    )
    first.close()
    second = table(folder, "two")
    assert second.past.received == {"a": Position("boot", 7, True), "b": Position("boot", 9, False)}
    second.close()
