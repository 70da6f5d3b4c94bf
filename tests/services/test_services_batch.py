"""The readers of Slurm, on a Slurm."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from slurm_cluster import SlurmCluster

from orbit_jupyter.host.batch import BatchJob, BatchSystem, detect, system_of
from orbit_jupyter.protocol import PluginError, ResourceNotFoundError


@pytest.fixture
def batch(slurm: SlurmCluster, monkeypatch: pytest.MonkeyPatch) -> BatchSystem:
    """Return the batch system of this host."""
    monkeypatch.delenv("RADICAL_ORBIT_BATCH", raising=False)
    assert detect().name == "slurm"
    return system_of("slurm")


def job(batch: BatchSystem, job_id: str) -> BatchJob:
    return next(job for job in batch.jobs() if job.job_id == job_id)


def accounted(batch: BatchSystem, *job_ids: str) -> dict[str, str]:
    """Return the states that accounting has; it hears of a job some time after the controller."""
    return {job_id: found.state for job_id, found in batch.ended(job_ids).items()}


def wait(condition: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.2)


def test_queues_are_those_of_the_cluster(slurm: SlurmCluster, batch: BatchSystem) -> None:
    queues = {queue.name: queue for queue in batch.queues()}
    assert list(queues) == ["batch", "debug", "gpu"]
    assert (queues["debug"].is_default, queues["debug"].time_limit, queues["debug"].nodes_total) == (True, 1800, 1)
    assert (queues["batch"].nodes_total, queues["batch"].time_limit) == (4, 86400)
    assert queues["gpu"].gpus_per_node == 2
    assert {"cpu", "fast"} <= set(queues["batch"].features)


def test_job_on_two_nodes_is_followed_to_its_end(slurm: SlurmCluster, batch: BatchSystem) -> None:
    job_id = slurm.submit("srun sleep 3; exit 3", "-p", "batch", "-N2", "-J", "a, b|c 'x'", user=slurm.user)
    slurm.wait_state(job_id, "RUNNING")
    runs = job(batch, job_id)
    assert (runs.name, runs.user, runs.state, runs.queue, runs.nodes) == (
        "a, b|c 'x'",
        slurm.user,
        "ACTIVE",
        "batch",
        2,
    )
    assert runs.node_list.startswith("n[")
    assert runs.start_time is not None
    assert abs(time.time() - runs.start_time) < 600
    slurm.wait_state(job_id, "FAILED")
    wait(lambda: accounted(batch, job_id) == {job_id: "FAILED"})
    ended = batch.ended([job_id])[job_id]
    assert (ended.exit_code, ended.nodes, ended.native_state) == (3, 2, "FAILED")
    assert ended.elapsed is not None
    assert ended.elapsed >= 2
    assert job(batch, job_id).state == "FAILED"


def test_reasons_with_a_comma_and_names_with_a_line_break_disturb_nobody(
    slurm: SlurmCluster, batch: BatchSystem
) -> None:
    slurm.run("scontrol", "update", "nodename=n2", "state=drain", "reason=a test, of course")
    try:
        waits = slurm.submit("true", "-p", "batch", "-w", "n2", "-J", "new\nline\x1fand more", user=slurm.user)
        runs = slurm.submit("sleep 30", "-p", "debug", user=slurm.user)
        wait(lambda: "," in (job(batch, waits).reason or ""))
        slurm.wait_state(runs, "RUNNING")
        assert (job(batch, runs).state, job(batch, waits).state) == ("ACTIVE", "QUEUED")
        assert job(batch, waits).name.startswith("new\nline")
        queue = next(queue for queue in batch.queues() if queue.name == "batch")
        assert (queue.nodes_total, queue.nodes_available) == (4, 3)
    finally:
        slurm.run("scontrol", "update", "nodename=n2", "state=resume")


def test_hold_release_and_cancel(slurm: SlurmCluster, batch: BatchSystem) -> None:
    job_id = slurm.submit("sleep 60", "-p", "batch", "-b", "now+1hour", user=slurm.user)
    assert batch.expected_starts(slurm.user)[job_id] > time.time() + 1800
    batch.hold(job_id)
    wait(lambda: job(batch, job_id).state == "HELD")
    batch.release(job_id)
    wait(lambda: job(batch, job_id).state == "QUEUED")
    batch.cancel(job_id)
    wait(lambda: job(batch, job_id).state == "CANCELED")
    for change in (batch.cancel, batch.hold, batch.release):
        with pytest.raises(ResourceNotFoundError, match=f"job {job_id} has ended already"):
            change(job_id)
        with pytest.raises(ResourceNotFoundError, match="Slurm has no job 999999"):
            change("999999")


def test_array_of_a_thousand_tasks_is_listed_in_two_seconds(slurm: SlurmCluster, batch: BatchSystem) -> None:
    job_id = slurm.submit("true", "-p", "batch", "--hold", "--array=1-1000", user=slurm.user)
    began = time.monotonic()
    tasks = [found for found in batch.jobs(slurm.user) if found.array_id == job_id]
    assert time.monotonic() - began < 2
    assert {task.job_id for task in tasks} == {f"{job_id}_{task}" for task in range(1, 1001)}
    batch.cancel(f"{job_id}_7")
    wait(lambda: accounted(batch, f"{job_id}_7") == {f"{job_id}_7": "CANCELED"})
    assert job(batch, f"{job_id}_8").state == "HELD"


def test_memory_and_signals_are_in_the_accounting(slurm: SlurmCluster, batch: BatchSystem) -> None:
    # Longer than the two seconds between two looks at its memory.
    code = "import time; x = bytearray(80 * 2**20); time.sleep(6)"
    large = slurm.submit(f'srun python3 -c "{code}"', "-p", "batch", "--mem=300", user=slurm.user)
    killed = slurm.submit("kill -9 $$", "-p", "batch", user=slurm.user)
    over = slurm.submit("exit 7", "-p", "batch", user=slurm.user)
    for job_id, state in ((large, "COMPLETED"), (killed, "FAILED"), (over, "FAILED")):
        slurm.wait_state(job_id, state)
    wait(lambda: accounted(batch, large, killed, over) == {large: "COMPLETED", killed: "FAILED", over: "FAILED"})
    ended = batch.ended([large, killed, over, "999999"])
    assert {job_id: found.exit_code for job_id, found in ended.items()} == {large: 0, killed: 137, over: 7}
    assert (ended[large].max_memory_mb or 0) > 80


def test_accounts_are_what_the_user_may_charge_to(slurm: SlurmCluster, batch: BatchSystem) -> None:
    slurm.run("sacctmgr", "-i", "modify", "account", "proj_b", "set", "GrpTRESMins=node=600")
    try:
        wait(lambda: {a.account: a for a in batch.accounts(slurm.user)}["proj_b"].allocated_node_hours == 10.0)
        accounts = {account.account: account for account in batch.accounts(slurm.user)}
        assert set(accounts) == {"proj_a", "proj_b"}
        assert accounts["proj_a"].qos == ("normal", "short")
        assert accounts["proj_a"].remaining_node_hours is None
        assert accounts["proj_b"].remaining_node_hours == pytest.approx(10.0, abs=1)
    finally:
        slurm.run("sacctmgr", "-i", "modify", "account", "proj_b", "set", "GrpTRESMins=node=-1")


def test_job_knows_its_allocation(slurm: SlurmCluster, batch: BatchSystem) -> None:
    job_id = slurm.submit("sleep 60", "-p", "gpu", "-t", "10", "--gres=gpu:1", "-J", "ep", user=slurm.user)
    slurm.wait_state(job_id, "RUNNING")
    inside = system_of("slurm", {**slurm.environment, "SLURM_JOB_ID": job_id, "SLURM_GPUS_ON_NODE": "1"})
    own = inside.own_allocation()
    assert own is not None
    assert (own.job_id, own.partition, own.n_nodes, own.nodelist) == (job_id, "gpu", 1, "n4")
    assert (own.runtime, own.gpus_per_node, own.account, own.job_name) == (600, 1, "proj_a", "ep")
    assert own.end_time is not None
    assert 0 < own.end_time - time.time() <= 600
    assert inside.nodelist() == ["n4"]
    assert batch.own_allocation() is None


def test_controller_that_is_away_or_frozen_is_a_transient_error(slurm: SlurmCluster) -> None:
    quick = system_of("slurm", {**slurm.environment, "RADICAL_ORBIT_BATCH_TIMEOUT": "3"})
    slurm.stop_controller()
    for ask in (quick.jobs, quick.queues):
        with pytest.raises(PluginError) as failed:
            ask()
        assert (failed.value.status, failed.value.transient) == (503, True)
    slurm.start_controller()
    wait(lambda: bool(quick.queues()))
    with slurm.frozen_controller():
        with pytest.raises(PluginError, match="no answer within 3 s") as failed:
            quick.jobs()
        assert (failed.value.status, failed.value.transient) == (503, True)
    wait(lambda: quick.jobs() is not None)
