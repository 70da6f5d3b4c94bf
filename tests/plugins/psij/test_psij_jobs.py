from __future__ import annotations

from pathlib import Path

import pytest

from orbit_jupyter.plugin import ConflictError, ResourceNotFoundError
from orbit_plugins.psij.jobs import LONGEST_MESSAGE, JobRecord, JobTable, StateChange
from orbit_plugins.psij.spec import parse_spec


def record(job_id: str = "j") -> JobRecord:
    spec = parse_spec({"executable": "x"})
    return JobRecord(job_id, "local", "s", spec, Path("o"), Path("e"), [StateChange("NEW", 0.0)])


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


def test_unknown_job_is_named() -> None:
    with pytest.raises(ResourceNotFoundError, match="'nope'"):
        JobTable().get("nope")


def test_table_forgets_the_oldest_that_have_ended_and_none_that_run() -> None:
    table = JobTable(ended_kept=2)
    jobs = [record(str(number)) for number in range(5)]
    for job in jobs[1:3]:
        job.advance("COMPLETED", 1.0, 0, None)
    forgotten = [gone.job_id for job in jobs for gone in table.add(job)]
    assert [job.job_id for job in table] == ["0", "3", "4"]
    assert forgotten == ["1", "2"]
    assert [table.knows(number) for number in "0123"] == [True, False, False, True]


def test_endpoint_is_one_job_at_a_time() -> None:
    table = JobTable()
    first, second, other = record("1"), record("2"), record("3")
    first.endpoint_name = second.endpoint_name = "hpc1"
    other.endpoint_name = "hpc2"
    table.add(first)
    table.add(other)
    table.add(record("4"))
    with pytest.raises(ConflictError, match="job 1 is endpoint hpc1 already"):
        table.add(second)
    assert not table.knows("2")
    first.advance("FAILED", 1.0, 1, None)
    table.add(second)
