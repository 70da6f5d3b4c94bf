"""The plugin `queue_info` on a real Slurm, as an ordinary user, through a real bridge."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any, cast

import pytest
from session_accounts import Account
from slurm_cluster import SlurmCluster
from stage import Server, wait_until
from user_endpoint import UserEndpoints
from user_python import UserPython

from orbit_jupyter.client import BridgeClient
from orbit_jupyter.plugin import ConflictError, ForbiddenError, PluginError, ResourceNotFoundError
from orbit_plugins.queue_info import QueueInfoClient


def listed(queues: QueueInfoClient, job_id: str, user: str | None = None) -> dict[str, Any] | None:
    jobs = queues.list_all_jobs(user, force=True)["jobs"]
    return next((job for job in jobs if job["job_id"] == job_id), None)


def test_login_node_has_the_plugin_by_default(bridge: BridgeClient, login_endpoint: str) -> None:
    plugins = bridge[login_endpoint].list_plugins()
    assert plugins["queue_info"]["enabled"]


def test_queues_are_slurm_s_partitions_with_their_limits(queues: QueueInfoClient) -> None:
    assert queues.backend() == "slurm"
    assert (queues.nodelist(), queues.job_allocation()) == ([], None)
    answer = queues.get_info(force=True)
    assert (list(answer["queues"]), answer["stale"]) == (["batch", "debug", "gpu"], None)
    debug, gpu = answer["queues"]["debug"], answer["queues"]["gpu"]
    assert (debug["default"], debug["time_limit"], debug["time_limit_seconds"]) == (True, 30, 1800)
    assert (debug["state"], debug["nodes_total"], debug["nodes_available"]) == ("UP", 1, 1)
    assert (debug["cpus_per_node"], debug["mem_per_node_mb"], debug["gpus_per_node"]) == (8, 8000, 0)
    assert (gpu["gpus_per_node"], gpu["features"]) == (2, ["gpu"])


def test_nodes_that_a_job_has_are_not_idle(queues: QueueInfoClient, slurm: SlurmCluster) -> None:
    job = slurm.submit("sleep 300", "-p", "batch", "-N", "2", "-t", "10", user=slurm.user)
    slurm.wait_state(job, "RUNNING")
    batch = queues.get_info(force=True)["queues"]["batch"]
    assert (batch["nodes_total"], batch["nodes_idle"]) == (4, 2)


def test_job_that_runs_and_one_that_waits_with_its_reason(queues: QueueInfoClient, slurm: SlurmCluster) -> None:
    running = slurm.submit("sleep 300", "-p", "debug", "-t", "10", "-J", "a b|c", user=slurm.user)
    later = slurm.submit("true", "--begin=now+1hour", "-A", "proj_b", user=slurm.user)
    too_long = slurm.submit("true", "-p", "debug", "-t", "120", user=slurm.user)
    slurm.wait_state(running, "RUNNING")
    one = listed(queues, running)
    assert one is not None
    assert (one["job_name"], one["user"], one["partition"], one["state"]) == (
        "a b|c",
        slurm.user,
        "debug",
        "RUNNING",
    )
    assert (one["time_limit"], one["nodes"], one["node_list"], one["account"]) == (10, 1, "n1", "proj_a")
    assert 0 <= one["time_used"] < 600
    assert one["submit_time"] <= one["start_time"] <= time.time() + 1

    def waits() -> bool:
        return (listed(queues, later) or {}).get("reason") == "BeginTime"

    wait_until(waits, "the scheduler says why")
    two, three = listed(queues, later), listed(queues, too_long)
    assert two is not None
    assert three is not None
    assert (two["state"], two["common_state"], two["start_time"], two["account"]) == (
        "PENDING",
        "QUEUED",
        None,
        "proj_b",
    )
    assert two["expected_start"] > time.time() + 3000
    assert three["reason"] in {"PartitionTimeLimit", "PartitionConfig"}  # the second until it has been looked at
    in_debug = [job["job_id"] for job in queues.list_jobs("debug")["jobs"]]
    assert {running, too_long} <= set(in_debug)
    assert queues.list_jobs("gpu")["jobs"] == []


def test_unknown_partition_is_404_with_the_names_there_are(queues: QueueInfoClient) -> None:
    with pytest.raises(ResourceNotFoundError, match="no queue 'nope'; there is batch, debug, gpu"):
        queues.list_jobs("nope")


def test_job_is_held_released_and_cancelled(queues: QueueInfoClient, slurm: SlurmCluster) -> None:
    job = slurm.submit("sleep 300", "--begin=now+1hour", user=slurm.user)
    assert queues.hold_job(job) == {"job_id": job, "status": "held"}
    held = listed(queues, job)
    assert held is not None
    assert (held["state"], held["common_state"], held["reason"]) == ("PENDING", "HELD", "JobHeldUser")
    assert queues.release_job(job) == {"job_id": job, "status": "released"}
    wait_until(lambda: (listed(queues, job) or {}).get("common_state") == "QUEUED", "it waits again")
    assert queues.cancel_job(job) == {"job_id": job, "status": "canceled"}
    wait_until(lambda: listed(queues, job) is None, "it has gone")
    with pytest.raises(ResourceNotFoundError):
        queues.cancel_job(job)
    details = queues.get_job(job, force=True)
    assert "CANCELED" in {(details[which] or {}).get("common_state") for which in ("job", "accounting")}


def test_job_that_runs_is_not_held(queues: QueueInfoClient, slurm: SlurmCluster) -> None:
    job = slurm.submit("sleep 300", user=slurm.user)
    slurm.wait_state(job, "RUNNING")
    with pytest.raises(ConflictError, match="is RUNNING; only one that waits can be held"):
        queues.hold_job(job)


def test_another_user_s_job_is_seen_and_left_alone(queues: QueueInfoClient, slurm: SlurmCluster) -> None:
    job = slurm.submit("sleep 300", "--begin=now+1hour", user=slurm.other_user)
    assert listed(queues, job) is None
    theirs = listed(queues, job, "*")
    assert theirs is not None
    assert theirs["user"] == slurm.other_user
    assert listed(queues, job, slurm.other_user) == theirs
    assert queues.get_job(job)["job"]["user"] == slurm.other_user
    for call in (queues.cancel_job, queues.hold_job, queues.release_job):
        with pytest.raises(ForbiddenError, match="another user's"):
            call(job)
    assert slurm.state(job) == "PENDING"


def test_unknown_job_and_user(queues: QueueInfoClient) -> None:
    for call in (queues.cancel_job, queues.hold_job, queues.release_job, queues.get_job):
        with pytest.raises(ResourceNotFoundError):
            call("999999")
    assert queues.list_all_jobs("nobody-of-that-name")["jobs"] == []


def test_tasks_of_an_array_are_listed_one_by_one(queues: QueueInfoClient, slurm: SlurmCluster) -> None:
    array = slurm.submit("sleep 300", "--array=0-999%1", "--begin=now+1hour", user=slurm.user)
    tasks = [job for job in queues.list_all_jobs(force=True)["jobs"] if job["array_id"] == array]
    assert {job["job_id"] for job in tasks} == {f"{array}_{task}" for task in range(1000)}


def test_allocations_are_those_of_the_user(queues: QueueInfoClient, slurm: SlurmCluster) -> None:
    allocations = {entry["account"]: entry for entry in queues.list_allocations(force=True)["allocations"]}
    assert set(allocations) == {"proj_a", "proj_b"}
    assert {entry["user"] for entry in allocations.values()} == {slurm.user}
    assert "normal" in allocations["proj_a"]["qos"].split(",")
    everybody = queues.list_allocations("*")["allocations"]
    assert {slurm.user, slurm.other_user} <= {entry["user"] for entry in everybody}


def test_change_of_a_partition_is_told(queues: QueueInfoClient, slurm: SlurmCluster) -> None:
    queues.get_info(force=True)
    told: list[dict[str, Any]] = []
    came = threading.Event()

    def take(endpoint: str, plugin: str, topic: str, data: dict[str, Any]) -> None:
        if data["queue"] == "gpu":
            told.append(data)
            came.set()

    queues.register_notification_callback(take, "queue_state")
    try:
        slurm.run("scontrol", "update", "PartitionName=gpu", "State=DRAIN")
        queues.get_info(force=True)
        assert came.wait(30)
    finally:
        slurm.run("scontrol", "update", "PartitionName=gpu", "State=UP")
    assert (told[0]["state"], told[0]["previous_state"], told[0]["nodes_total"]) == ("DRAIN", "UP", 1)


def within_its_deadline(call: Callable[..., Any]) -> PluginError:
    with pytest.raises(PluginError) as refused:
        call(force=True)
    assert (refused.value.status, refused.value.transient) == (503, True)
    return refused.value


def test_while_the_controller_hangs_calls_end_and_the_endpoint_goes_on(
    lab: Server, bridge: BridgeClient, slurm: SlurmCluster, user_endpoints: UserEndpoints
) -> None:
    home = user_endpoints.account.home / "hang"
    with user_endpoints.run(lab, "hpc-hang", home=home, RADICAL_ORBIT_BATCH_TIMEOUT="3"):
        endpoint = bridge["hpc-hang"]
        queues = cast(QueueInfoClient, endpoint.get_plugin("queue_info"))
        known = queues.get_info(force=True)
        with slurm.frozen_controller():
            failed: list[PluginError] = []
            waiting = threading.Thread(target=lambda: failed.append(within_its_deadline(queues.get_info)))
            waiting.start()
            assert endpoint.call("GET", "/sysinfo/homedir", timeout=20)["homedir"]
            assert queues.backend() == "slurm"
            waiting.join(60)
            assert "gave no answer within 3 s" in str(failed[0])
            old = queues.get_info()
            assert (old["queues"], bool(old["age"] > 0)) == (known["queues"], True)
            state = bridge.call("POST", "/endpoint/list")["data"]["endpoints"]["hpc-hang"]["endpoint"]["state"]
            assert state == "present"
        assert queues.get_info(force=True)["stale"] is None


def test_controller_that_is_away_is_503_and_back_again(queues: QueueInfoClient, slurm: SlurmCluster) -> None:
    slurm.stop_controller()
    assert "try again later" in str(within_its_deadline(queues.get_info))
    assert "try again later" in str(within_its_deadline(queues.list_all_jobs))
    slurm.start_controller()
    assert queues.get_info(force=True)["stale"] is None


def test_an_endpoint_in_an_allocation_tells_of_it(
    lab: Server, bridge: BridgeClient, slurm: SlurmCluster, user: Account, user_python: UserPython
) -> None:
    token = json.dumps(lab.endpoint_token("node1"))
    script = (
        f"export RADICAL_ORBIT_ENDPOINT_TOKEN={token}\n"
        f"exec {user_python.python} -m orbit_jupyter.endpoint --name node1 --url {lab.url}"
    )
    job = slurm.submit(script, "-p", "batch", "-N", "2", "-t", "20", "-J", "child", user=user.name)
    bridge.wait_for_endpoint("node1", 60, poll=0.1)
    queues = cast(QueueInfoClient, bridge["node1"].get_plugin("queue_info"))
    allocation = queues.job_allocation()
    assert allocation is not None
    assert (allocation["job_id"], allocation["partition"], allocation["job_name"]) == (job, "batch", "child")
    assert (allocation["n_nodes"], allocation["runtime"], allocation["account"]) == (2, 1200, "proj_a")
    nodes = queues.nodelist()
    assert len(nodes) == 2
    assert set(nodes) < set(slurm.nodes)
    assert time.time() < allocation["end_time"] <= time.time() + 1200
