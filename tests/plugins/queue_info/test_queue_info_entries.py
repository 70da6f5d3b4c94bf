"""From the common form to radical.orbit's keys and units."""

from __future__ import annotations

import msgspec
import pytest
from told_batch import job, queue

from orbit_jupyter.host.batch.model import Account, BatchJob, Ended, OwnAllocation, Queue
from orbit_plugins.queue_info.answers import Accounting, Allocation, AllocationEntry, JobEntry, QueueEntry
from orbit_plugins.queue_info.entries import (
    accounting,
    allocation,
    job_entry,
    own_allocation,
    queue_entry,
)


@pytest.mark.parametrize(
    ("backend", "seconds", "limit"),
    [
        ("slurm", 1800, 30),
        ("slurm", 90, 2),  # it rounds up, as Slurm does
        ("slurm", None, "UNLIMITED"),
        ("pbs", 1800, 1800),
        ("pbs", None, "UNLIMITED"),
    ],
)
def test_time_limit_of_a_queue_is_in_minutes_on_slurm_and_in_seconds_on_pbs(
    backend: str, seconds: int | None, limit: int | str
) -> None:
    entry = queue_entry(queue("debug", time_limit=seconds), backend)
    assert (entry["time_limit"], entry["time_limit_seconds"]) == (limit, seconds)


@pytest.mark.parametrize(("backend", "limit"), [("slurm", 60), ("pbs", 3600)])
def test_so_is_that_of_a_job(backend: str, limit: int) -> None:
    entry = job_entry(job("17"), backend)
    assert (entry["time_limit"], entry["time_limit_seconds"]) == (limit, 3600)
    without = job_entry(job("17", time_limit=None), backend)
    assert (without["time_limit"], without["time_limit_seconds"]) == (None, None)


def test_slurm_s_states_are_passed_on() -> None:
    entry = job_entry(job("17_3", native_state="NODE_FAIL", state="FAILED", array_id="17"), "slurm")
    assert (entry["state"], entry["common_state"]) == ("NODE_FAIL", "FAILED")
    assert (entry["job_id"], entry["native_id"], entry["array_id"]) == ("17_3", "17_3", "17")


@pytest.mark.parametrize(
    ("letter", "word"),
    [
        ("Q", "PENDING"),
        ("R", "RUNNING"),
        ("E", "COMPLETING"),
        ("F", "COMPLETED"),
        ("H", "HELD"),
        ("S", "SUSPENDED"),
        ("M", "MOVED"),
        ("?", "UNKNOWN"),
    ],
)
def test_pbs_s_letters_become_words_and_its_ids_end_at_the_dot(letter: str, word: str) -> None:
    entry = job_entry(job("17[4].pbs01.site.org", native_state=letter, array_id="17[].pbs01"), "pbs")
    assert (entry["state"], entry["job_id"]) == (word, "17[4]")
    assert (entry["native_id"], entry["array_id"]) == ("17[4].pbs01.site.org", "17[]")


def test_what_is_not_said_is_null_and_fits_the_answers() -> None:
    bare = [
        (queue_entry(Queue(name="q"), "slurm"), QueueEntry),
        (job_entry(BatchJob(job_id="1"), "slurm"), JobEntry),
        (accounting(Ended(job_id="1", state="COMPLETED"), "slurm"), Accounting),
        (allocation(Account(account="a", user="ann")), Allocation),
        (own_allocation(OwnAllocation(job_id="1")), AllocationEntry),
    ]
    for entry, kind in bare:
        assert msgspec.convert(entry, kind) == entry


def test_sbank_s_own_fields_stand_beside_ours() -> None:
    entry = allocation(
        Account(account="proj", user="ann", qos=("a", "b"), extra={"allocation_id": 7, "resource": "polaris"})
    )
    assert (entry["qos"], entry["allocation_id"], entry["resource"]) == ("a,b", 7, "polaris")
    assert entry["account"] == "proj"
