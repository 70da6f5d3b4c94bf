from __future__ import annotations

import dataclasses
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from orbit_jupyter.plugin import ConflictError, PluginError, ResourceNotFoundError
from orbit_plugins.psij import database as database_module
from orbit_plugins.psij.claims import Claim
from orbit_plugins.psij.jobs import LONGEST_MESSAGE, JobRecord, StateChange
from orbit_plugins.psij.spec import parse_spec
from orbit_plugins.psij.table import JobTable


def record(job_id: str = "j", **more: Any) -> JobRecord:
    spec = parse_spec({"executable": "x"})
    return JobRecord(job_id, "local", "s", spec, Path("o"), Path("e"), [StateChange("NEW", 0.0)], **more)


def states(job: JobRecord, *reported: str) -> list[str]:
    return [state for state in reported if job.advance(state, 1.0, 0, None)]


@pytest.mark.parametrize(
    ("reported", "taken"),
    [
        (["NEW", "QUEUED", "ACTIVE", "COMPLETED"], ["QUEUED", "ACTIVE", "COMPLETED"]),
        (["QUEUED", "QUEUED", "ACTIVE", "QUEUED", "ACTIVE", "FAILED"], ["QUEUED", "ACTIVE", "FAILED"]),
        (["ACTIVE", "QUEUED", "COMPLETED"], ["ACTIVE", "COMPLETED"]),
        (["COMPLETED", "QUEUED", "ACTIVE"], ["COMPLETED"]),
        (["QUEUED", "CANCELED", "FAILED", "CANCELED"], ["QUEUED", "CANCELED"]),
    ],
)
def test_each_state_is_taken_once_and_only_upward(reported: list[str], taken: list[str]) -> None:
    job = record()
    assert states(job, *reported) == taken
    assert [change.state for change in job.history] == ["NEW", *taken]


def test_end_after_a_cancel_request_is_canceled() -> None:
    job = record()
    job.cancel_requested = True
    assert job.advance("FAILED", 5.0, 143, None)
    assert (job.state, job.exit_code, job.time) == ("CANCELED", 143, 5.0)


def test_long_message_is_cut_to_its_end() -> None:
    job = record()
    job.advance("FAILED", 1.0, 1, "x" * 100_000 + "why")
    assert job.message is not None
    assert len(job.message) == LONGEST_MESSAGE
    assert job.message.endswith("why")


@pytest.fixture
def open_table(tmp_path: Path) -> Iterator[Callable[..., JobTable]]:
    """Open the table as the endpoint's next life does, once the one before it is gone."""
    made: list[JobTable] = []

    def open_it(**more: Any) -> JobTable:
        for table in made:
            table.close()
        made.append(JobTable(tmp_path / "psij" / "jobs.db", **more))
        return made[-1]

    yield open_it
    for table in made:
        table.close()


def test_unknown_job_is_named(open_table: Callable[..., JobTable]) -> None:
    with pytest.raises(ResourceNotFoundError, match="'nope'"):
        open_table().get("nope")


def test_table_forgets_the_oldest_that_have_ended_and_none_that_run(open_table: Callable[..., JobTable]) -> None:
    table = open_table(ended_kept=2)
    jobs = [record(str(number)) for number in range(5)]
    forgotten = []
    for number, job in enumerate(jobs):
        forgotten += [gone.job_id for gone in table.add([job])]
        if number in (1, 2):
            job.advance("COMPLETED", 1.0, 0, None)
            table.save(job)
    assert [one["job_id"] for one in table.page(10).summaries] == ["0", "3", "4"]
    assert forgotten == ["1", "2"]
    assert [table.knows(number) for number in "0123"] == [True, False, False, True]


def test_endpoint_is_one_job_at_a_time(open_table: Callable[..., JobTable]) -> None:
    table = open_table()
    first, second = record("1", endpoint_name="hpc1"), record("2", endpoint_name="hpc1")
    table.add([first])
    table.add([record("3", endpoint_name="hpc2")])
    table.add([record("4")])
    with pytest.raises(ConflictError, match="job 1 is endpoint hpc1 already"):
        table.add([second])
    assert not table.knows("2")
    first.advance("FAILED", 1.0, 1, None)
    table.save(first)
    table.add([second])


def test_job_is_in_the_next_life_what_it_was(open_table: Callable[..., JobTable], tmp_path: Path) -> None:
    spec = parse_spec(
        {
            "executable": "/bin/echo",
            "arguments": ["a", "ü\n"],
            "name": "sim",
            "environment": {"TOKEN": "s3cret"},
            "attributes": {"duration": "1:00:00", "node_count": 2, "custom_attributes": {"slurm.qos": "x"}},
            "resources": {"memory": 1 << 30},
        }
    )
    job = record("1", native_id="4711_3", array_id="a", endpoint_name="hpc1", keyed=True, again=True)
    job.spec, job.claim = spec, Claim(tmp_path / "claims" / "1")
    first = open_table()
    first.add([job])
    job.advance("ACTIVE", 2.5, None, "why not")
    job.cancel_requested = job.submitted = True
    job.resources_used = {"cpu_seconds": 1.5}
    first.save(job)
    again = open_table().get("1")
    # What a variable may hold has no business on the disk, and nobody needs it any more.
    assert dict(again.spec.environment) == {}
    job.spec, job.variables = msgspec.structs.replace(spec, environment={}), ["TOKEN"]
    assert again.claim is not None
    assert again.claim.folder == job.claim.folder
    assert dataclasses.replace(again, claim=job.claim) == job
    assert b"s3cret" not in b"".join(path.read_bytes() for path in (tmp_path / "psij").iterdir())


@pytest.mark.parametrize("ended", [True, False])
def test_live_jobs_are_those_that_have_not_ended(open_table: Callable[..., JobTable], ended: bool) -> None:
    table, job = open_table(), record()
    table.add([job])
    if ended:
        job.advance("COMPLETED", 1.0, 0, None)
        table.save(job)
    assert bool(table.live()) != ended
    assert bool(open_table().live()) != ended
    assert open_table().get("j").ended == ended


def fill(table: JobTable, count: int) -> None:
    jobs = [record(str(number)) for number in range(count)]
    table.add(jobs)
    for number, job in enumerate(jobs):
        if number % 2:
            job.advance("COMPLETED" if number % 4 == 1 else "FAILED", float(number), 0, None)
            table.save(job)


def ids(table: JobTable, limit: int = 100, **more: Any) -> list[str]:
    return [str(one["job_id"]) for one in table.page(limit, **more).summaries]


def test_page_has_the_newest_for_which_all_is_so(open_table: Callable[..., JobTable]) -> None:
    table = open_table()
    fill(table, 10)
    assert ids(table) == list("0123456789")
    assert ids(table, 3) == list("789")
    assert ids(table, 3, before="7") == list("456")
    assert ids(table, states=["FAILED", "NEW"], before="7") == list("02346")
    assert ids(table, since=5.0) == list("579")
    assert ids(table, before="nobody") == []
    page = table.page(4)
    assert page.before == "6"
    assert [table.page(6, before="6").before, table.page(10).before] == [None, None]


def test_page_is_bounded_by_its_bytes_too(
    open_table: Callable[..., JobTable], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = open_table()
    fill(table, 6)
    one = len(msgspec.json.encode(table.page(1).summaries[0]))
    monkeypatch.setattr(database_module, "PAGE_BYTES", 3 * one + 20)
    pages, before = [], None
    while True:
        page = table.page(100, before)
        pages.append([job["job_id"] for job in page.summaries])
        before = page.before
        if before is None:
            break
    assert pages == [["3", "4", "5"], ["0", "1", "2"]]
    monkeypatch.setattr(database_module, "PAGE_BYTES", 1)
    assert ids(table) == ["5"]


def test_what_could_not_be_written_is_written_with_the_next(
    open_table: Callable[..., JobTable], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table, job, other = open_table(), record("1"), record("2")
    table.add([job, other])
    connection = table._database._database
    assert connection is not None
    connection.execute("PRAGMA max_page_count=1")  # the disk is full
    job.advance("FAILED", 1.0, 1, "x" * 4096)
    table.save(job)
    assert "doing isn't written down yet" in caplog.text
    assert [one["state"] for one in table.page(10).summaries] == ["FAILED", "NEW"]
    assert table.get("1") is job
    connection.execute("PRAGMA max_page_count=10000")
    other.advance("ACTIVE", 1.0, None, None)
    table.save(other)
    assert open_table().get("1").state == "FAILED"


def test_job_that_cannot_be_written_down_is_not_taken(open_table: Callable[..., JobTable], tmp_path: Path) -> None:
    table = open_table()
    (tmp_path / "psij").write_text("a file where the folder should be")
    with pytest.raises(PluginError, match=r"can't be reached .*jobs\.db") as refused:
        table.add([record()])
    assert (refused.value.status, refused.value.transient) == (503, True)
    (tmp_path / "psij").unlink()
    table.add([record()])
    assert table.knows("j")


def test_ended_jobs_go_after_their_time_and_no_others(open_table: Callable[..., JobTable]) -> None:
    table = open_table()
    fill(table, 6)
    assert [gone.job_id for gone in table.forget_before(4.0)] == ["1", "3"]
    assert ids(table) == ["0", "2", "4", "5"]


def test_closed_table_writes_nothing_and_complains_of_nothing(open_table: Callable[..., JobTable]) -> None:
    table, job = open_table(), record()
    table.add([job])
    table.close()
    job.advance("COMPLETED", 1.0, 0, None)
    table.save(job)
    with pytest.raises(PluginError, match="is ending"):
        table.add([record("2")])
    assert open_table().get("j").state == "NEW"


def test_damaged_database_is_set_aside_and_a_new_one_begun(
    open_table: Callable[..., JobTable], tmp_path: Path
) -> None:
    (tmp_path / "psij").mkdir()
    (tmp_path / "psij" / "jobs.db").write_bytes(b"no database at all, whatever is written on it" * 100)
    table = open_table()
    table.add([record()])
    assert ids(table) == ["j"]
    assert list((tmp_path / "psij").glob("jobs.db.damaged-*"))


def test_only_the_owner_can_read_it(open_table: Callable[..., JobTable], tmp_path: Path) -> None:
    open_table().add([record()])
    folder = tmp_path / "psij"
    assert (folder.stat().st_mode & 0o777, (folder / "jobs.db").stat().st_mode & 0o777) == (0o700, 0o600)


def test_ten_thousand_jobs_are_listed_in_a_moment(open_table: Callable[..., JobTable]) -> None:
    table = open_table()
    spec = parse_spec({"executable": "/usr/bin/python3", "arguments": ["-m", "simulate", "--steps", "100000"]})
    table.add([dataclasses.replace(record(f"{number:036}"), spec=spec) for number in range(10_000)])
    began = time.process_time()
    page = table.page(10_000)
    # A generous bound: `make bench` says how long it takes.
    assert time.process_time() - began < 2
    assert len(page.summaries) == 10_000
    assert page.before is None


def test_database_of_an_older_version_without_some_fields_is_read(
    open_table: Callable[..., JobTable], tmp_path: Path
) -> None:
    table = open_table()
    table.add([record()])
    table.close()
    with sqlite3.connect(tmp_path / "psij" / "jobs.db") as database:
        (more,) = database.execute("SELECT more FROM jobs").fetchone()
        kept = msgspec.json.decode(more)
        for name in ("resources_used", "keyed", "claimed"):
            del kept[name]
        database.execute("UPDATE jobs SET more = ?", (msgspec.json.encode({**kept, "new": 1}).decode(),))
    database.close()
    assert open_table().get("j").state == "NEW"
