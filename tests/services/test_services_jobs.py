"""Jobs on a real Slurm, as an ordinary user, through a real bridge."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from slurm_cluster import SlurmCluster
from stage import Server, wait_until
from user_endpoint import UserEndpoints

from orbit_jupyter.client import BridgeClient
from orbit_jupyter.plugin import InvalidFieldError
from orbit_plugins.psij import Job, PSIJClient

POLL: dict[str, Any] = {"RADICAL_ORBIT_PSIJ_POLL": "1", "RADICAL_ORBIT_BATCH_TIMEOUT": "5"}
DEBUG = {"queue_name": "debug", "duration": 600}
BATCH = {"queue_name": "batch", "duration": 600}


@pytest.fixture(scope="module")
def endpoint(lab: Server, user_endpoints: UserEndpoints) -> Iterator[str]:
    """Run an endpoint on the login node that looks every second; return its name."""
    with user_endpoints.run(lab, "jobs1", home=user_endpoints.account.home / "jobs1", **POLL):
        yield "jobs1"


@pytest.fixture
def psij(bridge: BridgeClient, slurm: SlurmCluster, endpoint: str) -> PSIJClient:
    """Return the plugin's client."""
    found: PSIJClient = bridge[endpoint].psij
    return found


def shell(script: str, attributes: dict[str, Any] = DEBUG, **more: Any) -> dict[str, Any]:
    return {"executable": "/bin/sh", "arguments": ["-c", script], "attributes": attributes, **more}


def wait_state(job: Job, state: str) -> None:
    wait_until(lambda: job.status()["state"] == state, f"{job.id} is {state}", 60)


def wait_message(job: Job, words: str) -> dict[str, Any]:
    found: dict[str, Any] = wait_until(
        lambda: status if words in str((status := job.status())["message"]) else None, words, 60
    )
    return found


def test_job_runs_and_its_use_is_told(psij: PSIJClient, slurm: SlurmCluster) -> None:
    job = psij.submit_job(shell("echo out; echo oops >&2; exit 7", name="my sim"), "slurm")
    assert job.wait(60) == "FAILED"
    assert job.states == ["QUEUED", "ACTIVE", "FAILED"]
    assert (job.exit_code, job.stdout, job.stderr) == (7, "out\n", "oops\n")
    used = wait_until(lambda: (job.status()["resources_used"] or {}).get("node_list"), "its use", 60)
    assert used == "n1"
    assert slurm.wait_accounting(job.native_id, "FAILED")["JobName"] == "my_sim"


def test_job_on_two_nodes(psij: PSIJClient) -> None:
    spec = shell("srun -N2 -n2 sh -c 'echo $SLURMD_NODENAME'", {**BATCH, "node_count": 2})
    job = psij.submit_job(spec, "slurm")
    assert job.wait(90) == "COMPLETED", job.status()
    assert len(set(job.stdout.split())) == 2


def test_output_comes_while_the_job_runs(psij: PSIJClient, slurm: SlurmCluster) -> None:
    script = "for i in 1 2 3; do echo line $i; sleep 1; done; sleep 300"
    job = psij.submit_job(shell(script), "slurm")
    lines = job.lines()
    assert [next(lines) for _ in range(3)] == ["line 1", "line 2", "line 3"]
    assert slurm.state(job.native_id) == "RUNNING"
    job.cancel()
    assert list(lines) == []
    assert job.wait(60) == "CANCELED"
    assert slurm.wait_state(job.native_id, "CANCELLED") == "CANCELLED"


def test_cancel_from_elsewhere_is_seen(psij: PSIJClient, slurm: SlurmCluster) -> None:
    job = psij.submit_job(shell("sleep 300"), "slurm")
    wait_state(job, "ACTIVE")
    slurm.run("scancel", job.native_id)
    assert job.wait(60) == "CANCELED"
    assert "cancelled by" in job.status()["message"]


def test_missing_executable_says_so(psij: PSIJClient) -> None:
    job = psij.submit_job({"executable": "/no/such/program", "attributes": DEBUG}, "slurm")
    assert (job.wait(60), job.exit_code) == ("FAILED", 127)
    assert "'/no/such/program' or a program that it calls was not found" in job.status()["message"]


def test_job_that_takes_too_long_says_so(psij: PSIJClient, slurm: SlurmCluster) -> None:
    job = psij.submit_job(shell("sleep 300", {**DEBUG, "duration": 60}), "slurm")
    wait_state(job, "ACTIVE")
    soon = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(time.time() + 2))
    slurm.run("scontrol", "update", f"JobId={job.native_id}", f"EndTime={soon}")
    assert job.wait(120) == "FAILED"
    assert job.status()["message"] == "slurm ended it: it took longer than its duration of 60 s"


def test_reason_with_a_comma_is_told_and_stops_nobody(psij: PSIJClient, slurm: SlurmCluster) -> None:
    slurm.run("scontrol", "update", "NodeName=n3", "State=DRAIN", "Reason=broken")
    try:
        attributes = {**BATCH, "custom_attributes": {"slurm.nodelist": "n3"}}
        waiting = psij.submit_job(shell("true", attributes), "slurm")
        status = wait_message(waiting, "ReqNodeNotAvail, ")
        assert status["state"] == "QUEUED"
        other = psij.submit_job(shell("exit 3"), "slurm")
        assert (other.wait(60), other.exit_code) == ("FAILED", 3)
        assert waiting.state == "QUEUED"
    finally:
        slurm.run("scontrol", "update", "NodeName=n3", "State=RESUME")
    assert waiting.wait(120) == "COMPLETED"


def test_held_job_says_so_and_goes_on_when_it_is_released(psij: PSIJClient, slurm: SlurmCluster) -> None:
    job = psij.submit_job(shell("true", custom_attributes={"slurm.hold": ""}), "slurm")
    assert wait_message(job, "held")["state"] == "QUEUED"
    slurm.run("scontrol", "release", job.native_id)
    assert job.wait(60) == "COMPLETED"


def test_jobs_stay_what_they_are_while_the_controller_is_away(psij: PSIJClient, slurm: SlurmCluster) -> None:
    running = psij.submit_job(shell("sleep 12; echo done"), "slurm")
    wait_state(running, "ACTIVE")
    slurm.stop_controller()
    status = wait_message(running, "slurm hasn't answered since")
    assert status["state"] == "ACTIVE"
    time.sleep(15)  # several looks, and the job's end
    assert running.status()["state"] == "ACTIVE"
    slurm.start_controller()
    assert running.wait(60) == "COMPLETED"
    assert running.stdout == "done\n"


def test_every_field_reaches_slurm(psij: PSIJClient, slurm: SlurmCluster, endpoint: str) -> None:
    spec = shell(
        "true",
        {
            **{"queue_name": "gpu", "duration": "0:45:00", "account": "proj_b", "node_count": 1},
            "custom_attributes": {"slurm.comment": "it's | odd", "slurm.hold": True},
        },
        name="fields",
        resources={
            **{"process_count": 2, "processes_per_node": 2, "cpu_cores_per_process": 3},
            **{"gpu_cores_per_process": 1, "memory": 512 << 20, "exclusive_node_use": True},
        },
        custom_attributes={"slurm.qos": "normal", "slurm.constraint": "gpu|cpu"},
    )
    job = psij.submit_job(spec, "slurm")
    said = slurm.run("scontrol", "-o", "show", "job", job.native_id)
    for word in (
        *("JobName=fields", "Partition=gpu", "Account=proj_b", "QOS=normal", "TimeLimit=00:45:00"),
        *("NumNodes=1", "NumTasks=2", "CPUs/Task=3", "MinMemoryNode=512M", "OverSubscribe=NO", "Features=gpu|cpu"),
        *("Comment=it's | odd", "TresPerTask=gres:gpu:1"),
    ):
        assert word in said, said
    job.cancel()
    assert job.wait(60) == "CANCELED"


def test_reservation_is_the_jobs(psij: PSIJClient, slurm: SlurmCluster) -> None:
    made = ("ReservationName=mine", "StartTime=now", "Duration=60", f"Users={slurm.user}", "Nodes=n2")
    slurm.run("scontrol", "create", "reservation", *made)
    try:
        job = psij.submit_job(shell("echo $SLURMD_NODENAME", {**BATCH, "reservation_id": "mine"}), "slurm")
        assert (job.wait(60), job.stdout) == ("COMPLETED", "n2\n")
    finally:
        slurm.run("scontrol", "delete", "ReservationName=mine")


def test_srun_starts_a_process_for_each(psij: PSIJClient) -> None:
    resources = {"node_count": 2, "processes_per_node": 2}
    spec = shell("echo $SLURM_PROCID on $SLURMD_NODENAME", BATCH, launcher="srun", resources=resources)
    job = psij.submit_job(spec, "slurm")
    assert job.wait(90) == "COMPLETED", job.status()
    assert sorted(line.split()[0] for line in job.stdout.splitlines()) == ["0", "1", "2", "3"]
    assert len({line.split()[2] for line in job.stdout.splitlines()}) == 2


def test_array_runs_and_its_tasks_are_jobs(psij: PSIJClient, slurm: SlurmCluster) -> None:
    arguments = [[f"task {number}", "it's"] for number in range(5)]
    script = 'echo "$1" "$2" $ORBIT_ARRAY_INDEX; exit $((ORBIT_ARRAY_INDEX % 2))'
    spec = {"executable": "/bin/sh", "arguments": ["-c", script, "sh"], "attributes": DEBUG}
    array = psij.submit_array(spec, arguments=arguments)
    for number, job_id in enumerate(array["job_ids"]):
        job = psij.job(job_id)
        assert job.wait(60) == ("FAILED" if number % 2 else "COMPLETED")
        assert (job.exit_code, job.stdout) == (number % 2, f"task {number} it's {number}\n")
        assert job.native_id == f"{array['native_id']}_{number}"


def test_array_of_a_thousand_is_listed_at_once_and_cancelled_as_one(psij: PSIJClient, slurm: SlurmCluster) -> None:
    array = psij.submit_array(shell("true", custom_attributes={"slurm.hold": True}), count=1000, at_once=10)
    assert len(array["job_ids"]) == 1000
    wait_until(lambda: psij.get_job_status(array["job_ids"][-1])["message"], "why the last one waits", 60)
    began = time.monotonic()
    listed = psij.list_jobs(array_id=array["array_id"])["jobs"]
    assert time.monotonic() - began < 2
    assert [job["native_id"] for job in listed] == [f"{array['native_id']}_{number}" for number in range(1000)]
    assert {job["state"] for job in listed} == {"QUEUED"}
    answer = psij.cancel_all(array_id=array["array_id"])
    assert (len(answer["canceled"]), answer["failed"]) == (1000, [])

    def states() -> set[str]:
        return {str(job["state"]) for job in psij.list_jobs(array_id=array["array_id"])["jobs"]}

    wait_until(lambda: states() == {"CANCELED"}, "all are cancelled", 60)


def test_failed_job_has_failed_for_slurm_as_well(psij: PSIJClient, slurm: SlurmCluster) -> None:
    first = psij.submit_job(shell("exit 3"), "slurm")
    dependency = {"slurm.dependency": f"afterok:{first.native_id}", "slurm.kill-on-invalid-dep": "yes"}
    second = psij.submit_job(shell("true", custom_attributes=dependency), "slurm")
    assert (first.wait(60), first.exit_code) == ("FAILED", 3)
    assert second.wait(60) == "CANCELED"


@pytest.mark.parametrize(
    ("attributes", "field"),
    [
        ({"queue_name": "nosuch"}, "job_spec.attributes.queue_name"),
        ({"queue_name": "debug", "duration": 7200}, "job_spec.attributes.duration"),
        ({"queue_name": "batch", "node_count": 40}, "job_spec.attributes.node_count"),
        ({"queue_name": "debug", "account": "nosuch"}, "job_spec.attributes.account"),
    ],
)
def test_what_can_never_start_is_refused(attributes: dict[str, Any], field: str, psij: PSIJClient) -> None:
    with pytest.raises(InvalidFieldError) as refused:
        psij.submit_job(shell("true", attributes), "slurm")
    assert refused.value.field == field
    assert "limit" in refused.value.data


def test_force_goes_on(psij: PSIJClient) -> None:
    attributes = {"queue_name": "batch", "node_count": 40}
    job = psij.submit_job(shell("true", attributes), "slurm", force=True)
    assert wait_message(job, "PartitionConfig")["state"] == "QUEUED"
    job.cancel()
    assert job.wait(60) == "CANCELED"
    assert "ACTIVE" not in job.states


KILLS = """#!/bin/bash
# The endpoint that has started this dies {when} Slurm has the job.
if mkdir {flag} 2> /dev/null; then
    {before}
    kill -9 $PPID
    {after}
    exit 1
fi
exec {sbatch} "$@"
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_endpoint_that_is_killed_in_the_midst_of_a_submit_leaves_one_job(
    when: str, lab: Server, bridge: BridgeClient, slurm: SlurmCluster, user_endpoints: UserEndpoints
) -> None:
    name = f"killed-{when}"
    account = user_endpoints.account
    real = slurm.run("which", "sbatch").strip()
    script = KILLS.format(
        when=when,
        flag=account.home / f"{name}.flag",
        before=f'{real} "$@" > /dev/null' if when == "after" else ":",
        after=":",
        sbatch=real,
    )
    account.write(f"{name}-bin/sbatch", script).chmod(0o755)
    path = f"{account.home}/{name}-bin:{slurm.environment.get('PATH', '/usr/local/bin:/usr/bin:/bin')}"
    home = account.home / name
    account.write(f"{name}/.keep", "")
    spec = shell(f"echo run >> {account.home}/{name}.ran", name=name)
    with ThreadPoolExecutor(1) as pool:
        with user_endpoints.run(lab, name, home=home, PATH=path, **POLL) as process:
            submit = pool.submit(bridge[name].psij.submit_job, spec, "slurm")
            process.wait(60)
        with user_endpoints.run(lab, name, home=home, **POLL):
            job = submit.result(90)
            assert job.wait(90) == "COMPLETED"
            assert [one["job_id"] for one in bridge[name].psij.list_jobs()["jobs"]] == [job.id]
    assert (account.home / f"{name}.ran").read_text() == "run\n"
    slurm.wait_accounting(job.native_id, "COMPLETED")
    listed = slurm.run("sacct", "-nPX", "-u", slurm.user, f"--name={name}", "--format=JobID").split()
    assert listed == [job.native_id]


def test_killed_endpoint_loses_none_of_fifty_jobs(
    lab: Server, bridge: BridgeClient, slurm: SlurmCluster, user_endpoints: UserEndpoints
) -> None:
    home = user_endpoints.account.home / "fifty"
    user_endpoints.account.write("fifty/.keep", "")
    go_on = user_endpoints.account.home / "fifty-go-on"
    script = f"while [ ! -e {go_on} ]; do sleep 0.5; done; echo $0; exit $(($0 % 3))"
    codes: dict[str, int] = {}
    with user_endpoints.run(lab, "fifty", home=home, **POLL) as process:
        psij = bridge["fifty"].psij
        for number in range(50):
            executor = "local" if number % 10 == 0 else "slurm"
            attributes = {} if executor == "local" else BATCH
            spec = {"executable": "/bin/sh", "arguments": ["-c", script, str(number)], "attributes": attributes}
            codes[psij.submit_job(spec, executor).id] = number % 3
        before = {job["job_id"]: job["native_id"] for job in psij.list_jobs()["jobs"]}
        assert set(before) == set(codes)
        process.kill()
        process.wait()
    told: list[dict[str, Any]] = []
    seen = threading.Event()

    def take(endpoint: str, plugin: str, topic: str, data: dict[str, Any]) -> None:
        told.append(data)
        if {one["job_id"] for one in told if one["state"] in ("COMPLETED", "FAILED")} == set(codes):
            seen.set()

    bridge.register_callback("fifty", "psij", "job_status", take)
    user_endpoints.account.write("fifty-go-on", "")  # some end while nobody looks
    with user_endpoints.run(lab, "fifty", home=home, **POLL):
        psij = bridge["fifty"].psij
        assert {job["job_id"]: job["native_id"] for job in psij.list_jobs()["jobs"]} == before
        assert seen.wait(120), f"{len(told)} events"
        listed = {job["job_id"]: job["exit_code"] for job in psij.list_jobs()["jobs"]}
        assert listed == codes
        assert all(psij.job(job_id).stdout.strip().isdecimal() for job_id in list(codes)[:5])
