"""Jobs on PBS: PSI/J submits them to programs that keep state and answer as a real server was recorded to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pbs.stage import FakePBS, fake_pbs

from orbit_jupyter.plugin import InvalidFieldError, PluginError

if TYPE_CHECKING:
    from tests.plugins.psij.conftest import Host


@pytest.fixture(autouse=True)
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePBS]:
    """Put the programs on PATH before the plugin is made."""
    with fake_pbs(tmp_path / "pbs") as running:
        for name, value in running.environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("RADICAL_ORBIT_PSIJ_POLL", "0.5")
        yield running


def shell(script: str, **more: Any) -> dict[str, Any]:
    attributes = {"queue_name": "workq", "duration": 600}
    return {"executable": "/bin/sh", "arguments": ["-c", script], "attributes": attributes, **more}


@pytest.mark.asyncio
async def test_job_runs_with_its_output_and_exit_code(host: Host, server: FakePBS) -> None:
    job_id = await host.submit(shell("echo out; echo oops >&2; exit 7", name="my sim"), "pbs")
    end = await host.ended(job_id)
    assert (end["state"], end["exit_code"], end["stdout"], end["stderr"]) == ("FAILED", 7, "out\n", "oops\n")
    assert server.record(end["native_id"])["Job_Name"] == "my_sim"
    good = await host.submit(shell("exit 0"), "pbs")
    assert (await host.ended(good))["state"] == "COMPLETED"


@pytest.mark.asyncio
async def test_cancelled_job_is_cancelled(host: Host, server: FakePBS) -> None:
    job_id = await host.submit(shell("sleep 600"), "pbs")
    native_id = (await host.status(job_id))["native_id"]
    server.wait_state(native_id, "R")
    await host.cancel(job_id)
    assert (await host.ended(job_id))["state"] == "CANCELED"
    server.wait_state(native_id, "F")


@pytest.mark.asyncio
async def test_several_jobs_are_told_apart_and_none_is_falsified(
    host: Host, server: FakePBS, tmp_path: Path
) -> None:
    # PSI/J's own reader calls all but the first completed, and all of them failed where one is unknown.
    go_on = tmp_path / "go-on"
    waits = f"while [ ! -e {go_on} ]; do sleep 0.1; done"
    jobs = [await host.submit(shell(f"{waits}; exit {code}"), "pbs") for code in (0, 3)]
    short = await host.submit(shell("exit 0"), "pbs")
    assert (await host.ended(short))["state"] == "COMPLETED"
    assert {(await host.status(job))["state"] for job in jobs} <= {"QUEUED", "ACTIVE"}
    go_on.touch()
    assert [(await host.ended(job))["exit_code"] for job in jobs] == [0, 3]


@pytest.mark.asyncio
async def test_jobs_stay_what_they_are_while_the_server_is_away(
    host: Host, server: FakePBS, tmp_path: Path
) -> None:
    go_on = tmp_path / "go-on"
    job_id = await host.submit(shell(f"while [ ! -e {go_on} ]; do sleep 0.1; done"), "pbs")
    server.wait_state((await host.status(job_id))["native_id"], "R")
    server.down()
    with pytest.raises(PluginError) as refused:
        await host.submit(shell("exit 0"), "pbs")
    assert (refused.value.status, refused.value.transient) == (503, True)
    assert (await host.status(job_id))["state"] in ("QUEUED", "ACTIVE")
    server.well()
    go_on.touch()
    assert (await host.ended(job_id))["state"] == "COMPLETED"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("attributes", "field"),
    [
        ({"queue_name": "nosuch"}, "job_spec.attributes.queue_name"),
        ({"queue_name": "workq", "duration": 86_400}, "job_spec.attributes.duration"),
        ({"queue_name": "gpu", "duration": 60}, "job_spec.attributes.queue_name"),  # it is alice's
    ],
)
async def test_what_can_never_start_is_refused(host: Host, attributes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidFieldError, match="; force=True submits it all the same") as refused:
        await host.submit({**shell("exit 0"), "attributes": attributes}, "pbs")
    assert refused.value.field == field
