"""The cluster that the tests of this folder share is a real one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from session_accounts import Account
from slurm_cluster import SlurmCluster
from stage import wait_until

TWO_NODES = "id -un; srun -l sh -c 'echo $SLURMD_NODENAME'"


def test_partitions_and_limits_are_as_written(slurm: SlurmCluster) -> None:
    lines = slurm.run("sinfo", "-h", "-o", "%R|%l|%D|%G").splitlines()
    assert sorted(lines) == [
        "batch|1-00:00:00|1|gpu:2",
        "batch|1-00:00:00|3|(null)",
        "debug|30:00|1|(null)",
        "gpu|1-00:00:00|1|gpu:2",
    ]


@pytest.mark.parametrize("who", ["root", "user", "other_user"])
def test_a_job_of_each_user_runs_on_two_nodes_and_accounting_has_it(slurm: SlurmCluster, who: str) -> None:
    name = None if who == "root" else str(getattr(slurm, who))
    job = slurm.submit(TWO_NODES, "--partition=batch", "--nodes=2", "--output=two", user=name)
    slurm.wait_state(job, "COMPLETED")
    first, *nodes = slurm.run("cat", "two", user=name).splitlines()
    assert first == (name or "root")
    assert sorted(line.partition(": ")[0] for line in nodes) == ["0", "1"]
    assert len({line.partition(": ")[2] for line in nodes} & set(slurm.nodes)) == 2
    known = slurm.wait_accounting(job, "COMPLETED")
    assert (known["User"], known["NNodes"], known["ExitCode"]) == (name or "root", "2", "0:0")
    assert known["Account"] == ("root" if name is None else "proj_a")


def test_a_job_may_ask_for_a_gpu_an_account_and_a_qos(slurm: SlurmCluster) -> None:
    options = ("--partition=gpu", "--gres=gpu:1", "--account=proj_b", "--qos=short", "--time=5")
    job = slurm.submit("echo $SLURM_JOB_GPUS", *options, user=slurm.user)
    slurm.wait_state(job, "COMPLETED")
    known = slurm.wait_accounting(job, "COMPLETED")
    assert (known["Account"], known["QOS"], known["NodeList"]) == ("proj_b", "short", "n4")
    assert slurm.run("cat", f"slurm-{job}.out", user=slurm.user).strip() in {"0", "1"}


def test_what_nobody_may_have_is_refused(slurm: SlurmCluster) -> None:
    with pytest.raises(AssertionError, match="Invalid account"):
        slurm.submit("true", "--account=proj_c", user=slurm.user)
    with pytest.raises(AssertionError, match="invalid partition"):
        slurm.submit("true", "--partition=nowhere", user=slurm.user)


def test_jobs_go_on_while_the_controller_is_away(slurm: SlurmCluster, user: Account) -> None:
    script = "until [ -e go-on ]; do echo >> beats; sleep 0.1; done; rm go-on; exit 7"
    job = slurm.submit(script, user=user.name)
    beats = user.home / "beats"
    wait_until(beats.exists, "the job runs", 60)
    slurm.stop_controller()
    with pytest.raises(AssertionError, match="Unable to contact slurm controller"):
        slurm.run("squeue")
    before = beats.stat().st_size
    wait_until(lambda: beats.stat().st_size > before, "the job goes on")
    slurm.start_controller()
    user.write("go-on", "")
    slurm.wait_state(job, "FAILED")
    assert slurm.job(job)["ExitCode"] == "7:0"


def test_a_frozen_controller_answers_later(slurm: SlurmCluster) -> None:
    with slurm.frozen_controller(), pytest.raises(subprocess.TimeoutExpired):
        slurm.run("squeue", seconds=1)
    assert slurm.run("squeue").startswith(" ")


def test_a_job_that_ends_otherwise_is_told_at_once(slurm: SlurmCluster) -> None:
    job = slurm.submit("exit 3", user=slurm.user)
    with pytest.raises(AssertionError, match=f"job {job} is FAILED, not COMPLETED"):
        slurm.wait_state(job, "COMPLETED")


def test_programs_of_a_test_find_this_slurm_and_no_other(slurm: SlurmCluster) -> None:
    said = subprocess.run(["scontrol", "show", "config"], capture_output=True, text=True, check=True).stdout
    (line,) = [line for line in said.splitlines() if line.startswith("SLURM_CONF ")]
    assert line.split()[-1] == slurm.environment["SLURM_CONF"] == os.environ["SLURM_CONF"]


left: list[str] = []


def test_jobs_of_a_test_are_left_to_its_end(slurm: SlurmCluster) -> None:
    left.append(slurm.submit("sleep 600", "--partition=batch", user=slurm.user))
    left.append(slurm.submit("sleep 600", "--partition=batch", "--hold"))
    slurm.wait_state(left[0], "RUNNING")


def test_jobs_of_a_test_are_cancelled_at_its_end(slurm: SlurmCluster) -> None:
    assert slurm.jobs() == set()
    assert [slurm.state(job) for job in left] == ["CANCELLED", "CANCELLED"]


def test_ordinary_user_can_keep_others_out(slurm: SlurmCluster) -> None:
    slurm.run("sh", "-c", "umask 077; echo secret > mine", user=slurm.user)
    path = Path(slurm.run("pwd", user=slurm.user).strip()) / "mine"
    assert slurm.run("cat", str(path), user=slurm.user) == "secret\n"
    with pytest.raises(AssertionError, match="Permission denied"):
        slurm.run("cat", str(path), user=slurm.other_user)
