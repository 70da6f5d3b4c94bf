"""What is refused before the queue has it, by a real Slurm's QOS and accounts, and by whom a queue is for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from session_accounts import Account
from slurm_cluster import SlurmCluster
from stage import Server, wait_until
from user_endpoint import UserEndpoints

from orbit_jupyter.client import BridgeClient
from orbit_jupyter.plugin import InvalidFieldError
from orbit_plugins.psij import PSIJClient

SOON = 60.0

QOS = {
    "small": ("MaxTRESPerJob=node=2,cpu=4", "MaxWall=00:10:00"),
    "above": ("Flags=PartitionTimeLimit,OverPartQOS", "MaxWall=05:00:00"),
}


@pytest.fixture(scope="module")
def site(slurm: SlurmCluster) -> Iterator[SlurmCluster]:
    """Have two more QOS, a limit of an account, and a queue that is for root's group."""
    whose = ("where", f"user={slurm.user}")
    for name, limits in QOS.items():
        slurm.run("sacctmgr", "-i", "add", "qos", name, *limits)
    slurm.run("sacctmgr", "-i", "modify", "user", *whose, "set", f"QOS+={','.join(QOS)}")
    slurm.run(
        "sacctmgr", "-i", "modify", "user", *whose, "account=proj_b", "set", "MaxWall=02:00:00", "DefaultQOS=small"
    )
    slurm.run("scontrol", "create", "PartitionName=closed", "Nodes=n2", "AllowGroups=root", "MaxTime=60")
    try:
        yield slurm
    finally:
        slurm.cancel_all()
        slurm.run("scontrol", "delete", "PartitionName=closed")
        slurm.run(
            "sacctmgr", "-i", "modify", "user", *whose, "account=proj_b", "set", "MaxWall=-1", "DefaultQOS=-1"
        )
        slurm.run("sacctmgr", "-i", "modify", "user", *whose, "set", f"QOS-={','.join(QOS)}")
        slurm.run("sacctmgr", "-i", "delete", "qos", *QOS)


@pytest.fixture(scope="module")
def limited(lab: Server, site: SlurmCluster, user_endpoints: UserEndpoints, user: Account) -> Iterator[str]:
    """Run an endpoint that has asked for no limits yet."""
    with user_endpoints.run(lab, "limited", "--plugins", "psij", home=user.home / "login"):
        yield "limited"


@pytest.fixture
def psij(bridge: BridgeClient, slurm: SlurmCluster, limited: str) -> PSIJClient:
    return cast(PSIJClient, bridge[limited].get_plugin("psij"))


def job(qos: str | None, queue: str = "batch", **more: Any) -> dict[str, Any]:
    resources = more.pop("resources", None)
    attributes = {"queue_name": queue, "duration": 300, "account": "proj_a", **more}
    if qos is not None:
        attributes["slurm.qos"] = qos
    return {"executable": "/bin/true", "attributes": attributes, "resources": resources}


@pytest.mark.parametrize(
    ("spec", "field", "limit", "reason"),
    [
        (job("small", duration=660), "attributes.duration", 600, "QOSMaxWallDurationPerJobLimit"),
        (job("small", node_count=3), "attributes.node_count", 2, "QOSMaxNodePerJobLimit"),
        (
            job("small", resources={"process_count": 5}),
            "resources.process_count",
            4,
            "QOSMaxCpuPerJobLimit",
        ),
        (job("normal", account="proj_b", duration=7260), "attributes.duration", 7200, "AssocMaxWall"),
        (job(None, account="proj_b", duration=660), "attributes.duration", 600, "QOSMaxWallDurationPerJobLimit"),
        (job("above", "debug", duration=18060), "attributes.duration", 18000, "QOSMaxWallDurationPerJobLimit"),
    ],
    ids=["time of a QOS", "its nodes", "its processors", "time of an account", "the default QOS", "above others"],
)
def test_what_slurm_would_have_wait_for_ever_is_refused_with_its_limit(
    psij: PSIJClient, slurm: SlurmCluster, spec: dict[str, Any], field: str, limit: int, reason: str
) -> None:
    with pytest.raises(InvalidFieldError, match="force=True") as refused:
        psij.submit_job(spec, "slurm")
    assert (refused.value.field, refused.value.data["limit"]) == (f"job_spec.{field}", limit)
    assert not slurm.jobs()
    forced = psij.submit_job(spec, "slurm", force=True)
    wait_until(lambda: slurm.job(forced.native_id)["Reason"].startswith(reason), "Slurm keeps it waiting", SOON)


def test_job_whose_qos_is_above_its_queue_and_account_runs(psij: PSIJClient, slurm: SlurmCluster) -> None:
    # Over the half hour of the queue, and over the two hours of the account.
    submitted = psij.submit_job(job("above", "debug", account="proj_b", duration=10800), "slurm")
    assert submitted.wait(SOON) == "COMPLETED"


def test_queue_that_is_for_another_group_is_refused(psij: PSIJClient, slurm: SlurmCluster) -> None:
    with pytest.raises(InvalidFieldError, match="queue closed is for the groups root; you are in none") as refused:
        psij.submit_job(job(None, "closed"), "slurm")
    assert refused.value.field == "job_spec.attributes.queue_name"
    assert not slurm.jobs()
    with pytest.raises(InvalidFieldError, match="slurm refused the job"):
        psij.submit_job(job(None, "closed"), "slurm", force=True)
