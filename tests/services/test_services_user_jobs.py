"""An ordinary user's jobs on the real Slurm, from a notebook's side: bridge, endpoint on the login node, SDK."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, cast

import pytest
from session_accounts import Account
from slurm_cluster import SlurmCluster
from stage import Server, wait_until

from orbit_jupyter.client import BridgeClient
from orbit_jupyter.plugin import InvalidFieldError
from orbit_plugins.psij import Job, PSIJClient
from orbit_plugins.queue_info import QueueInfoClient

SOON = 60.0
"""Seconds in which Slurm has surely done what it is about to do."""


@pytest.fixture
def psij(bridge: BridgeClient, slurm: SlurmCluster, login_endpoint: str) -> PSIJClient:
    """Return the client of the plugin on the login node that submits."""
    return cast(PSIJClient, bridge[login_endpoint].get_plugin("psij"))


def shell(script: str, queue: str = "batch", **more: Any) -> dict[str, Any]:
    """Return the spec of a job that runs a shell script."""
    attributes = {"queue_name": queue, "duration": 300, **more.pop("attributes", {})}
    return {"executable": "/bin/sh", "arguments": ["-c", script], "attributes": attributes, **more}


@pytest.fixture(scope="module", autouse=True)
def overdue(lab: Server, slurm: SlurmCluster, login_endpoint: str) -> Iterator[Job]:
    """Submit a job that Slurm ends while the other tests run: it looks for such ones each 30 s."""
    with lab.client() as client:
        submitter = cast(PSIJClient, client[login_endpoint].get_plugin("psij"))
        job = submitter.submit_job(shell("sleep 600", "gpu"), "slurm")  # not on n1, which others want alone
        slurm.wait_state(job.native_id, "RUNNING")
        # A limit is a minute or more. So we don't wait for it, the end comes nearer.
        slurm.run("scontrol", "update", f"JobId={job.native_id}", "EndTime=now+1")
        yield job


def test_a_job_on_two_nodes_gives_its_output_and_is_accounted_for(psij: PSIJClient, slurm: SlurmCluster) -> None:
    spec = shell(
        "echo $(id -un) on $SLURMD_NODENAME",
        launcher="srun",
        resources={"node_count": 2, "process_count": 2},
        attributes={"account": "proj_b"},
        name="two-nodes",
    )
    job = psij.submit_job(spec, "slurm")
    assert job.wait(SOON) == "COMPLETED"
    lines = sorted(job.output.splitlines())
    assert len(lines) == len(set(lines)) == 2
    assert {line.rpartition(" ")[0] for line in lines} == {f"{slurm.user} on"}
    assert {line.rpartition(" ")[2] for line in lines} <= set(slurm.nodes)
    assert (job.states, job.exit_code) == (["QUEUED", "ACTIVE", "COMPLETED"], 0)
    known = slurm.wait_accounting(job.native_id, "COMPLETED")
    assert (known["User"], known["Account"], known["NNodes"]) == (slurm.user, "proj_b", "2")
    assert known["JobName"] == "two-nodes"


def test_mpirun_starts_a_process_on_each_of_two_nodes(psij: PSIJClient, slurm: SlurmCluster) -> None:
    spec = shell(
        "echo $OMPI_COMM_WORLD_RANK of $OMPI_COMM_WORLD_SIZE: $(id -un) on $SLURMD_NODENAME",
        launcher="mpirun",
        resources={"node_count": 2, "process_count": 2},
    )
    job = psij.submit_job(spec, "slurm")
    assert job.wait(SOON) == "COMPLETED", job.stderr
    first, second = sorted(job.output.splitlines())
    assert first.startswith(f"0 of 2: {slurm.user} on ")
    assert second.startswith(f"1 of 2: {slurm.user} on ")
    nodes = {first.rpartition(" ")[2], second.rpartition(" ")[2]}
    assert len(nodes) == 2
    assert nodes <= set(slurm.nodes)
    assert slurm.wait_accounting(job.native_id, "COMPLETED")["NNodes"] == "2"


def test_output_is_there_while_the_job_runs(psij: PSIJClient, slurm: SlurmCluster, user: Account) -> None:
    marker = user.home / "go-on"
    job = psij.submit_job(shell(f"echo one; until [ -e {marker} ]; do sleep 0.1; done; echo two >&2"), "slurm")
    wait_until(lambda: job.stdout == "one\n", "the first line", SOON)
    wait_until(lambda: job.state == "ACTIVE", "its state follows", SOON)
    assert (slurm.state(job.native_id), job.stdout, job.stderr) == ("RUNNING", "one\n", "")
    user.write("go-on", "")
    assert job.wait(SOON) == "COMPLETED"
    assert (job.stdout, job.stderr) == ("one\n", "two\n")
    marker.unlink()


def test_a_job_that_runs_and_one_that_waits_are_cancelled(psij: PSIJClient, slurm: SlurmCluster) -> None:
    occupant = psij.submit_job(shell("sleep 600", "debug", resources={"exclusive_node_use": True}), "slurm")
    slurm.wait_state(occupant.native_id, "RUNNING")
    waiting = psij.submit_job(shell("sleep 600", "debug"), "slurm")
    assert slurm.state(waiting.native_id) == "PENDING"
    for job in (waiting, occupant):
        job.cancel()
        assert job.wait(SOON) == "CANCELED"
        assert slurm.state(job.native_id) == "CANCELLED"


def test_a_job_that_fails_says_its_exit_code(psij: PSIJClient, slurm: SlurmCluster) -> None:
    job = psij.submit_job(shell("echo no >&2; exit 7"), "slurm")
    assert (job.wait(SOON), job.exit_code, job.stderr) == ("FAILED", 7, "no\n")


@pytest.mark.parametrize(
    ("spec", "field", "says"),
    [
        (shell("true", "nowhere"), "attributes.queue_name", "nowhere"),
        (shell("true", "debug", attributes={"duration": "2h"}), "attributes.duration", "1800 s"),
        (shell("true", resources={"node_count": 5}), "resources.node_count", "4"),
        (shell("true", attributes={"account": "proj_c"}), "attributes.account", "proj_c"),
    ],
    ids=["queue", "duration", "nodes", "account"],
)
def test_what_the_partition_cannot_do_is_refused_before_it_waits_for_ever(
    psij: PSIJClient, slurm: SlurmCluster, overdue: Job, spec: dict[str, Any], field: str, says: str
) -> None:
    with pytest.raises(InvalidFieldError, match=says) as refused:
        psij.submit_job(spec, "slurm")
    assert refused.value.status == 422
    assert refused.value.data["field"] == f"job_spec.{field}"
    assert slurm.jobs() <= {overdue.native_id}


def test_what_is_forced_waits_and_says_why(psij: PSIJClient, queues: QueueInfoClient, slurm: SlurmCluster) -> None:
    job = psij.submit_job(shell("true", "debug", attributes={"duration": "2h"}), "slurm", force=True)
    assert slurm.wait_state(job.native_id, "PENDING") == "PENDING"
    known = {one["job_id"]: one for one in queues.list_all_jobs(force=True)["jobs"]}[job.native_id]
    assert known["reason"].startswith("Partition")  # Config, and after a while TimeLimit
    job.cancel()
    assert job.wait(SOON) == "CANCELED"


def test_a_job_is_held_and_starts_when_released(
    psij: PSIJClient, queues: QueueInfoClient, slurm: SlurmCluster
) -> None:
    occupant = psij.submit_job(shell("sleep 600", "debug", resources={"exclusive_node_use": True}), "slurm")
    slurm.wait_state(occupant.native_id, "RUNNING")
    job = psij.submit_job(shell("echo done", "debug"), "slurm")
    began = threading.Event()
    psij.register_notification_callback(
        lambda endpoint, plugin, topic, data: began.set() if _is_active(data, job.id) else None, "job_status"
    )
    queues.hold_job(job.native_id)
    occupant.cancel()
    slurm.wait_state(occupant.native_id, "CANCELLED")
    wait_until(lambda: slurm.run("sinfo", "-h", "-p", "debug", "-o", "%T").strip() == "idle", "n1 is idle", SOON)
    known = {one["job_id"]: one for one in queues.list_all_jobs(force=True)["jobs"]}[job.native_id]
    assert (known["state"], known["reason"]) == ("PENDING", "JobHeldUser")
    assert (job.state, began.is_set()) == ("QUEUED", False)
    queues.release_job(job.native_id)
    assert job.wait(SOON) == "COMPLETED"
    assert (job.output, began.wait(SOON)) == ("done\n", True)


def test_jobs_of_the_session_before_are_listed_with_their_states(
    bridge: BridgeClient, psij: PSIJClient, login_endpoint: str
) -> None:
    job = psij.submit_job(shell("exit 3"), "slurm")
    assert job.wait(SOON) == "FAILED"
    psij.close()
    another = cast(PSIJClient, bridge[login_endpoint].get_plugin("psij"))
    listed = {one["job_id"]: one for one in another.list_jobs()["jobs"]}
    assert (listed[job.id]["state"], listed[job.id]["native_id"]) == ("FAILED", job.native_id)


def test_a_job_over_its_time_limit_fails_and_says_so(overdue: Job, slurm: SlurmCluster) -> None:
    assert overdue.wait(SOON) == "FAILED"
    assert "took longer than its duration" in overdue.status()["message"]
    assert slurm.state(overdue.native_id) == "TIMEOUT"


def _is_active(data: dict[str, Any], job_id: str) -> bool:
    return (data["job_id"], data["state"]) == (job_id, "ACTIVE")
