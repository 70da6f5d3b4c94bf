"""What a scheduler gets and what its answers mean, with programs of its names that say what it says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orbit_jupyter.plugin import InvalidFieldError, PluginError

if TYPE_CHECKING:
    from tests.plugins.psij.conftest import Host, Scheduler

TRUE: dict[str, Any] = {"executable": "/bin/true"}


@pytest.mark.asyncio
async def test_slurm_gets_the_name_and_every_option(host: Host, slurm: Scheduler) -> None:
    spec = {
        **TRUE,
        "name": "my sim",
        "attributes": {
            "queue_name": "debug",
            "account": "acc",
            "duration": "1:02:03",
            "reservation_id": "res",
            "node_count": 2,
            "slurm.constraint": "V100",
        },
        "resources": {"processes_per_node": 4, "memory": 1 << 20},
        "custom_attributes": {"slurm.qos": "high"},
    }
    job_id = await host.submit(spec, executor="slurm")
    lines = slurm.script.splitlines()
    for option in (
        '--job-name="my_sim"',
        '--partition="debug"',
        '--account="acc"',
        "--time=1:2:3",
        '--reservation="res"',
        "--nodes=2",
        "--ntasks=8",
        "--mem=1024K",
        '--constraint="V100"',
        '--qos="high"',
    ):
        assert f"#SBATCH {option}" in lines
    status = await host.status(job_id)
    assert (status["native_id"], status["state"], status["name"]) == ("4711", "QUEUED", "my sim")
    assert status["duration"] == 3723


@pytest.mark.asyncio
async def test_job_without_a_duration_asks_a_scheduler_for_ten_minutes(host: Host, slurm: Scheduler) -> None:
    job_id = await host.submit(TRUE, executor="slurm")
    assert "#SBATCH --time=0:10:0" in slurm.script.splitlines()
    assert (await host.status(job_id))["duration"] == 600


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("text", "field"),
    [
        (
            "sbatch: error: invalid partition specified: nosuch\n"
            "sbatch: error: Batch job submission failed: Invalid partition name specified",
            "job_spec.attributes.queue_name",
        ),
        (
            "sbatch: error: Batch job submission failed: "
            "Invalid account or account/partition combination specified",
            "job_spec.attributes.account",
        ),
        (
            "sbatch: error: Batch job submission failed: "
            "Requested time limit is invalid (missing or exceeds some limit)",
            "job_spec.attributes.duration",
        ),
        (
            "sbatch: error: Batch job submission failed: Requested node configuration is not available",
            "job_spec.resources",
        ),
        (
            "sbatch: error: Batch job submission failed: Requested reservation is invalid",
            "job_spec.attributes.reservation_id",
        ),
        (
            "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy "
            "(job submit limit, user's size and/or time limits)",
            "job_spec",
        ),
        ("sbatch: unrecognized option '--colour=red'", "job_spec"),
        ("qsub: Unknown queue", "job_spec.attributes.queue_name"),
        ("nosuch: No such queue. Job not submitted.", "job_spec.attributes.queue_name"),
    ],
)
async def test_refusal_for_the_request_s_sake_is_422_with_the_scheduler_s_words(
    host: Host, slurm: Scheduler, text: str, field: str
) -> None:
    slurm.refuses(text)
    with pytest.raises(InvalidFieldError, match="slurm refused the job") as refused:
        await host.submit(TRUE, executor="slurm", key="k")
    assert (refused.value.status, refused.value.field, refused.value.transient) == (422, field, False)
    assert text in str(refused.value)
    assert (await host.call("GET", f"list_jobs/{host.sid}"))["jobs"] == []
    slurm.accepts()
    assert await host.submit(TRUE, executor="slurm", key="k")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "text",
    [
        "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)",
        "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation",
        "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying",
        "Connection refused\nqsub: cannot connect to server pbs01 (errno=15010)",
        "LSF is down. Please wait ...",
        "batch daemon not responding ... still trying",
    ],
)
async def test_scheduler_that_is_away_is_503_and_worth_another_try(
    host: Host, slurm: Scheduler, text: str
) -> None:
    slurm.refuses(text)
    with pytest.raises(PluginError, match="try again later") as refused:
        await host.submit(TRUE, executor="slurm")
    assert (refused.value.status, refused.value.transient) == (503, True)
    assert text in str(refused.value)


@pytest.mark.asyncio
async def test_scheduler_that_fails_without_a_word_is_500(host: Host, program: Any, slurm: Scheduler) -> None:
    program("sbatch", "exit 1")
    with pytest.raises(PluginError, match="slurm refused the job: PSIJ: Unknown error") as refused:
        await host.submit(TRUE, executor="slurm")
    assert (refused.value.status, refused.value.transient) == (500, False)


@pytest.mark.asyncio
async def test_answer_without_an_id_is_an_error_that_shows_it(host: Host, program: Any) -> None:
    program("bsub", "echo what a nice job")
    for name in ("bjobs", "bkill"):
        program(name, "exit 0")
    with pytest.raises(PluginError, match="lsf refused the job: what a nice job"):
        await host.submit(TRUE, executor="lsf")


@pytest.mark.asyncio
async def test_cancel_that_the_scheduler_refuses_can_be_made_again(
    host: Host, program: Any, slurm: Scheduler
) -> None:
    job_id = await host.submit(TRUE, executor="slurm")
    slurm.refuses("scancel: error: slurm_kill_job2() failed Unable to contact slurm controller", "scancel")
    with pytest.raises(PluginError, match=r"can't be cancelled just now; try again later: .*Unable") as refused:
        await host.cancel(job_id)
    assert (refused.value.status, refused.value.transient) == (503, True)
    slurm.refuses("scancel: error: Kill job error on job id 4711: Access/permission denied", "scancel")
    with pytest.raises(PluginError, match=r"can't be cancelled: .*denied") as refused:
        await host.cancel(job_id)
    assert (refused.value.status, refused.value.transient) == (500, False)
    program("scancel", "exit 0")
    assert (await host.cancel(job_id))["status"] == "canceled"


@pytest.mark.asyncio
async def test_script_of_a_refused_job_does_not_stay(host: Host, slurm: Scheduler) -> None:
    slurm.refuses("sbatch: error: no")
    with pytest.raises(InvalidFieldError):
        await host.submit(TRUE, executor="slurm")
    assert not list(scripts(host))


@pytest.mark.asyncio
async def test_script_of_a_refused_job_stays_for_who_wants_to_see_it(keeping: Host, slurm: Scheduler) -> None:
    slurm.refuses("sbatch: error: no")
    with pytest.raises(InvalidFieldError):
        await keeping.submit(TRUE, executor="slurm")
    assert len(list(scripts(keeping))) == 1


def scripts(host: Host) -> list[Path]:
    folder = host.plugin.folder
    assert folder is not None
    return list((folder / "work" / "slurm").glob("*.job"))
