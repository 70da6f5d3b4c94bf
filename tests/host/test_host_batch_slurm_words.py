"""Slurm's words and numbers, read one by one."""

from __future__ import annotations

import time

import pytest

from orbit_jupyter.host.batch.slurm.partitions import gpus
from orbit_jupyter.host.batch.slurm.states import FLAGS, STATES, printed, state_of
from orbit_jupyter.host.batch.slurm.values import exit_code, mebibytes, moment, number, seconds


@pytest.mark.parametrize(
    ("native", "state"),
    [
        ("PENDING", "QUEUED"),
        ("CONFIGURING", "QUEUED"),
        ("REQUEUED", "QUEUED"),
        ("REQUEUE_HOLD", "HELD"),
        ("SPECIAL_EXIT", "HELD"),
        ("RUNNING", "ACTIVE"),
        ("COMPLETING", "ACTIVE"),
        ("SUSPENDED", "SUSPENDED"),
        ("STOPPED", "SUSPENDED"),
        ("COMPLETED", "COMPLETED"),
        ("CANCELLED", "CANCELED"),
        ("TIMEOUT", "FAILED"),
        ("OUT_OF_MEMORY", "FAILED"),
        ("NODE_FAIL", "FAILED"),
        ("PREEMPTED", "FAILED"),
        ("BOOT_FAIL", "FAILED"),
        ("DEADLINE", "FAILED"),
    ],
)
def test_native_state_has_its_state(native: str, state: str) -> None:
    assert state_of(native) == state


def test_state_of_a_later_release_is_never_an_end() -> None:
    assert (state_of("DREAMING"), state_of("DREAMING", started=True)) == ("QUEUED", "ACTIVE")


def test_reason_of_a_hold_counts_for_waiting_jobs_only() -> None:
    assert state_of("PENDING", "JobHeldAdmin") == "HELD"
    assert state_of("RUNNING", "JobHeldAdmin") == "ACTIVE"


def test_flag_is_what_squeue_prints() -> None:
    assert printed(["COMPLETED", "COMPLETING"]) == "COMPLETING"
    assert printed(["RUNNING"]) == "RUNNING"
    assert printed([]) == ""
    assert not FLAGS.keys() & STATES.keys()


@pytest.mark.parametrize(
    ("gres", "count"),
    [("(null)", 0), ("gpu:2", 2), ("gpu:a100:4(S:0-1),nvme:1", 4), ("gpu:v100:2,gpu:a100:1", 3), ("nvgpu:3", 3)],
)
def test_gpus_are_counted_among_the_resources(gres: str, count: int) -> None:
    assert gpus(gres) == count


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("30:00", 1800),
        ("1-00:00:00", 86400),
        ("5:00:00", 18000),
        ("0:02", 2),
        ("1-02:03", 93780),
        ("00:01.250", 1.25),
        ("UNLIMITED", None),
        ("INVALID", None),
        ("", None),
    ],
)
def test_duration_is_read(text: str, value: float | None) -> None:
    assert seconds(text) == value


def test_sizes_numbers_times_and_exit_codes_are_read() -> None:
    assert [mebibytes(text) for text in ("1048576", "2048K", "1.5G", "", "0")] == [1.0, 2.0, 1536.0, None, 0.0]
    assert [number(text) for text in ("12", "2K", "1.5K", "UNLIMITED", "")] == [12, 2048, 1536, None, None]
    assert [moment(text) for text in ("1795345562", "N/A", "Unknown", "None", "0")] == [1795345562.0] + [None] * 4
    local = time.mktime(time.strptime("2026-11-22T10:00:00", "%Y-%m-%dT%H:%M:%S"))
    assert moment("2026-11-22T10:00:00") == local
    assert [exit_code(text) for text in ("3:0", "0:9", "0:125", "", "0:0")] == [3, 137, 125, None, 0]
