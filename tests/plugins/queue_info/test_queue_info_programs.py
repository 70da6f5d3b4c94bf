"""The plugin on programs: a Slurm whose programs misbehave, and a PBS made of programs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import psutil
import pytest
from pbs.stage import FakePBS, fake_pbs
from stage import wait_until

from orbit_jupyter.plugin import ConflictError, OrbitError, PluginError, ResourceNotFoundError
from orbit_jupyter.plugin.testing import StarClient, star
from orbit_plugins.queue_info import QueueInfoClient, QueueInfoPlugin
from orbit_plugins.sysinfo import SysInfoPlugin

PROGRAMS = ("squeue", "sinfo", "scontrol", "scancel", "sacct", "sacctmgr", "sshare")

Put = Callable[[str], None]


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Put:
    """Return a function that has all of Slurm's programs be one line of shell."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("RADICAL_ORBIT_BATCH", "slurm")

    def put(line: str) -> None:
        for name in PROGRAMS:
            new = folder / f"{name}.new"
            new.write_text(f"#!/bin/sh\n{line}\n")
            new.chmod(0o755)
            new.replace(folder / name)

    return put


def client_of(endpoint: StarClient) -> QueueInfoClient:
    return cast(QueueInfoClient, endpoint.get_plugin("queue_info"))


def test_while_every_program_hangs_calls_end_at_the_deadline_and_all_else_goes_on(
    slurm: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    slurm("echo $$ >> $HOME/pids; exec sleep 1000")
    monkeypatch.setenv("RADICAL_ORBIT_BATCH_TIMEOUT", "2")
    with star(QueueInfoPlugin, SysInfoPlugin) as endpoint, ThreadPoolExecutor(12) as threads:
        client = client_of(endpoint)
        ways = (client.get_info, client.list_all_jobs, client.list_allocations, lambda: client.cancel_job("1"))
        calls = [threads.submit(way) for way in ways for _ in range(3)]
        assert client.backend() == "slurm"
        assert endpoint.call("GET", "/sysinfo/host_role")["scheduler"] == "slurm"
        for call in calls:
            with pytest.raises(PluginError, match="gave no answer within 2 s") as refused:
                call.result(60)
            assert (refused.value.status, refused.value.transient) == (503, True)
    pids = [int(pid) for pid in (Path.home() / "pids").read_text().split()]
    # One for each of three questions, and at most one more, for who came when the first was over; the cancels.
    assert 4 <= len(pids) <= 3 + 3 + 3
    wait_until(lambda: not any(psutil.pid_exists(pid) for pid in pids), "they were killed")


def test_its_programs_end_with_the_endpoint(slurm: Put) -> None:
    slurm("echo $$ >> $HOME/pids; exec sleep 1000")
    with star(QueueInfoPlugin) as endpoint:
        client_of(endpoint)
        pids = Path.home() / "pids"
        wait_until(lambda: pids.exists() and len(pids.read_text().split()) == 3, "it is asked at the start")
    running = [int(pid) for pid in pids.read_text().split()]
    wait_until(lambda: not any(psutil.pid_exists(pid) for pid in running), "they were killed")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("echo '{\"garbage\": [1, 2'; head -c 5000 /dev/zero", "can't be read|failed"),
        ("echo slurm_load_partitions: Unable to contact slurm controller >&2; exit 1", "try again later"),
        ("echo no idea >&2; exit 3", "no idea"),
    ],
)
def test_garbage_and_failures_are_errors_that_say_what_came(slurm: Put, line: str, says: str) -> None:
    slurm(line)
    with star(QueueInfoPlugin) as endpoint:
        client = client_of(endpoint)
        for ask in (client.get_info, client.list_allocations):
            with pytest.raises(PluginError, match=says) as refused:
                ask()
            assert refused.value.status == (503 if "later" in says else 500)


def test_is_enabled_where_there_is_a_batch_system(slurm: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    from orbit_jupyter.plugin import App, AppState

    slurm("exit 0")
    for role in ("login", "compute", "bridge"):
        assert QueueInfoPlugin.is_enabled(App(AppState(role=role)))
    monkeypatch.setenv("RADICAL_ORBIT_BATCH", "none")
    assert not QueueInfoPlugin.is_enabled(App(AppState(role="login")))


def test_without_a_batch_system_there_is_nothing() -> None:
    """It isn't loaded there; but a login node's programs may go while it runs."""
    with star(QueueInfoPlugin) as endpoint:
        client = client_of(endpoint)
        assert (client.backend(), client.nodelist(), client.job_allocation()) == ("none", [], None)
        assert client.get_info()["queues"] == {}
        assert client.list_all_jobs("*")["jobs"] == client.list_allocations()["allocations"] == []
        for call in (client.cancel_job, client.hold_job, client.release_job, client.get_job):
            with pytest.raises(ResourceNotFoundError):
                call("17")


# -- PBS ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def pbs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePBS]:
    with fake_pbs(tmp_path / "pbs") as server:
        for name, value in server.environ.items():
            monkeypatch.setenv(name, value)
        yield server


def test_queues_and_jobs_of_pbs_have_its_units_and_words(pbs: FakePBS) -> None:
    job = pbs.submit("sleep 60", "-l", "walltime=00:10:00")
    pbs.wait_state(job, "R")
    with star(QueueInfoPlugin) as endpoint:
        client = client_of(endpoint)
        assert client.backend() == "pbs"
        assert list(client.get_info()["queues"]) == ["batch", "workq"]  # the third is for alice
        workq = client.get_info("*")["queues"]["workq"]
        assert (workq["time_limit"], workq["time_limit_seconds"], workq["walltime_max"]) == (1800, 1800, 1800)
        (listed,) = client.list_jobs("workq", force=True)["jobs"]
        assert (listed["state"], listed["time_limit"], listed["partition"]) == ("RUNNING", 600, "workq")
        assert (listed["job_id"], listed["native_id"]) == (job.partition(".")[0], job)
        with pytest.raises(ResourceNotFoundError, match="there is batch, gpu, workq"):
            client.list_jobs("nope")


def test_jobs_of_pbs_are_held_released_and_cancelled_by_the_id_that_is_listed(pbs: FakePBS) -> None:
    held = pbs.submit("sleep 60", "-h")
    with star(QueueInfoPlugin) as endpoint:
        client = client_of(endpoint)
        (listed,) = client.list_all_jobs(force=True)["jobs"]
        assert (listed["state"], listed["common_state"]) == ("HELD", "HELD")
        short = listed["job_id"]
        assert "." not in short
        client.release_job(short)
        pbs.wait_state(held, "R")
        with pytest.raises(ConflictError, match="is RUNNING"):
            client.hold_job(short)
        assert client.cancel_job(short) == {"job_id": short, "status": "canceled"}
        pbs.wait_state(held, "F")
        with pytest.raises(ResourceNotFoundError, match="has ended already"):
            client.cancel_job(short)
        with pytest.raises(ResourceNotFoundError):
            client.cancel_job("4711")
        assert client.get_job(held)["accounting"]["common_state"] == "CANCELED"


def test_failure_of_pbs_is_an_error(pbs: FakePBS) -> None:
    """NC: an empty list, in radical.orbit."""
    with star(QueueInfoPlugin) as endpoint:
        client = client_of(endpoint)
        assert client.list_all_jobs()["stale"] is None
        pbs.down()
        with pytest.raises(OrbitError) as refused:
            client.list_all_jobs(force=True)
        assert (refused.value.status, refused.value.transient) == (503, True)
        pbs.well()
        assert client.list_all_jobs(force=True)["jobs"] == []
