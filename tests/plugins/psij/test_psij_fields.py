"""Each field of a spec, by what a real job on `local` does with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orbit_jupyter.plugin import InvalidFieldError

if TYPE_CHECKING:
    from orbit_plugins.psij import PSIJClient
    from tests.plugins.psij.conftest import Host


@pytest.mark.asyncio
async def test_name_is_shown_wherever_the_job_is(host: Host) -> None:
    job_id = await host.shell("exit 0", name="sim 1")
    end = await host.ended(job_id)
    assert [event["name"] for event in host.of(job_id)] == ["sim 1"] * 3
    assert end["state"] == "COMPLETED"
    assert (await host.status(job_id))["name"] == "sim 1"
    assert (await host.call("GET", f"list_jobs/{host.sid}"))["jobs"][0]["name"] == "sim 1"


def test_handle_shows_the_name(client: PSIJClient) -> None:
    job = client.submit_job({"executable": "/bin/true", "name": "sim"})
    job.wait(30)
    assert job.name == "sim"
    assert repr(job) == f"<Job {job.id} COMPLETED: 'sim': /bin/true>"


@pytest.mark.asyncio
async def test_streams_go_where_their_short_names_say(host: Host, tmp_path: Path) -> None:
    (tmp_path / "in").write_text("typed")
    spec = {"stdin": "in", "stdout": "out", "stderr": "err", "directory": str(tmp_path)}
    job_id = await host.shell("cat; echo oops >&2", **spec)
    end = await host.ended(job_id)
    assert (tmp_path / "out").read_text() == end["stdout"] == "typed"
    assert (tmp_path / "err").read_text() == end["stderr"] == "oops\n"


@pytest.mark.asyncio
async def test_multiple_starts_as_many_processes_as_were_asked_for(host: Host) -> None:
    job_id = await host.shell(
        "echo $_PSI_J_PROCESS_INDEX_ of $(wc -l < $PSIJ_NODEFILE)",
        launcher="multiple",
        resources={"process_count": 3},
    )
    end = await host.ended(job_id)
    assert sorted(end["stdout"].splitlines()) == ["1 of 3", "2 of 3", "3 of 3"]


@pytest.mark.asyncio
async def test_multiple_fails_as_one_of_its_processes_does(host: Host) -> None:
    script = "test $_PSI_J_PROCESS_INDEX_ != 2 || exit 9"
    end = await host.ended(await host.shell(script, launcher="multiple", resources={"process_count": 3}))
    assert (end["state"], end["exit_code"]) == ("FAILED", 9)


@pytest.mark.asyncio
async def test_single_starts_one_process_whatever_the_resources_say(host: Host) -> None:
    end = await host.ended(await host.shell("echo once", launcher="single", resources={"process_count": 3}))
    assert end["stdout"] == "once\n"


@pytest.mark.asyncio
async def test_mpirun_is_given_the_process_count(host: Host, program: Any) -> None:
    program("mpirun", 'echo got "$@"')
    end = await host.ended(await host.shell("exit 0", launcher="mpirun", resources={"process_count": 4}))
    assert end["stdout"] == "got -n 4 /bin/sh -c exit 0\n"


@pytest.mark.asyncio
async def test_launcher_that_is_not_here_is_422_and_no_job(host: Host) -> None:
    with pytest.raises(InvalidFieldError, match=r"jrun can't be used here: jsrun is not on the PATH") as refused:
        await host.shell("exit 0", launcher="jrun")
    assert refused.value.field == "job_spec.launcher"
    assert (await host.call("GET", f"list_jobs/{host.sid}"))["jobs"] == []


@pytest.mark.asyncio
async def test_what_only_a_scheduler_can_grant_is_taken_and_shown(host: Host) -> None:
    job_id = await host.shell(
        "exit 0",
        attributes={
            "node_count": 3,
            "queue_name": "debug",
            "account": "a",
            "reservation_id": "r",
            "slurm.constraint": "V100",
            "custom_attributes": {"pbs.l": "x"},
        },
        custom_attributes={"slurm.qos": "high"},
        resources={
            "processes_per_node": 2,
            "cpu_cores_per_process": 64,
            "gpu_cores_per_process": 8,
            "exclusive_node_use": True,
            "memory": 1 << 50,
        },
    )
    assert (await host.ended(job_id))["state"] == "COMPLETED"
    status = await host.status(job_id)
    assert (status["node_count"], status["queue_name"], status["account"]) == (3, "debug", "a")


@pytest.mark.asyncio
@pytest.mark.parametrize("duration", [1, "1", "00:00:01"])
async def test_job_ends_with_its_duration_and_says_so(host: Host, duration: Any) -> None:
    job_id = await host.shell("sleep 300", attributes={"duration": duration})
    end = await host.ended(job_id)
    assert (end["state"], end["exit_code"]) == ("FAILED", 143)
    assert end["message"] == "the job was ended: it took longer than its duration of 1 s"
    status = await host.status(job_id)
    assert (status["duration"], status["message"]) == (1, end["message"])
    assert [event["state"] for event in host.of(job_id)] == ["QUEUED", "ACTIVE", "FAILED"]


@pytest.mark.asyncio
async def test_job_that_ends_in_time_is_left_alone(host: Host) -> None:
    end = await host.ended(await host.shell("exit 0", attributes={"duration": "01:00:00"}))
    assert (end["state"], end["message"]) == ("COMPLETED", None)


@pytest.mark.asyncio
async def test_job_without_a_duration_has_none_here(host: Host) -> None:
    job_id = await host.shell("exit 0")
    await host.ended(job_id)
    assert (await host.status(job_id))["duration"] is None
