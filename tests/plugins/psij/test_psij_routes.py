from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orbit_jupyter.plugin import (
    ConflictError,
    InvalidFieldError,
    ResourceNotFoundError,
    SessionExpiredError,
    SessionNotFoundError,
    SessionTable,
)
from orbit_plugins.psij.executors import Executors

if TYPE_CHECKING:
    import psij

    from tests.plugins.psij.conftest import Host

TRUE: dict[str, Any] = {"executable": "/bin/true"}


@pytest.mark.asyncio
async def test_job_outlives_its_session_and_every_session_sees_it(host: Host, fifo: Path) -> None:
    job_id = await host.shell(f"cat {fifo}; echo done")
    await host.call("POST", f"unregister_session/{host.sid}")
    host.sid = await host.new_session()
    (listed,) = (await host.call("GET", f"list_jobs/{host.sid}"))["jobs"]
    assert (listed["job_id"], listed["state"]) == (job_id, "ACTIVE")
    await asyncio.to_thread(fifo.write_text, "go\n")
    assert (await host.ended(job_id))["state"] == "COMPLETED"
    assert (await host.status(job_id))["stdout"] == "go\ndone\n"


@pytest.mark.asyncio
async def test_listing_has_the_keys_of_old_and_more(host: Host) -> None:
    attributes = {"queue_name": "q", "project_name": "p", "node_count": 1}
    job_id = await host.submit({**TRUE, "name": "sim", "attributes": attributes})
    end = await host.ended(job_id)
    submitted = (await host.status(job_id))["states"][0]
    assert submitted["state"] == "NEW"
    assert await host.call("GET", f"list_jobs/{host.sid}") == {
        "jobs": [
            {
                "job_id": job_id,
                "native_id": end["native_id"],
                "name": "sim",
                "state": "COMPLETED",
                "exit_code": 0,
                "executable": "/bin/true",
                "arguments": [],
                "executor": "local",
                "queue_name": "q",
                "account": "p",
                "node_count": 1,
                "endpoint_name": None,
                "array_id": None,
                "message": None,
                "submit_time": submitted["time"],
                "time": end["time"],
            }
        ]
    }


@pytest.mark.asyncio
async def test_submit_answers_with_both_ids(host: Host) -> None:
    answer = await host.call("POST", f"submit/{host.sid}", {"job_spec": TRUE})
    end = await host.ended(answer["job_id"])
    assert answer == {"job_id": end["job_id"], "native_id": end["native_id"]}
    assert answer["native_id"].isdecimal()


@pytest.mark.asyncio
async def test_repeated_key_returns_the_first_job(host: Host) -> None:
    first = await host.submit(TRUE, key="k")
    assert await host.submit(TRUE, key="k") == first
    assert await host.submit(TRUE, key="other") != first
    assert await host.submit(TRUE) != await host.submit(TRUE)
    assert len((await host.call("GET", f"list_jobs/{host.sid}"))["jobs"]) == 4


@pytest.mark.asyncio
async def test_concurrent_repeats_of_a_key_run_one_job(host: Host) -> None:
    jobs = await asyncio.gather(*(host.submit(TRUE, key="k") for _ in range(12)))
    assert len(set(jobs)) == 1
    assert len((await host.call("GET", f"list_jobs/{host.sid}"))["jobs"]) == 1


@pytest.mark.asyncio
async def test_refused_submit_leaves_no_job_and_its_key_free(host: Host) -> None:
    # Longer than the system lets one argument be: PSI/J accepts it, the system doesn't.
    with pytest.raises(InvalidFieldError, match="local refused the job: Argument list too long") as refused:
        await host.submit({**TRUE, "arguments": ["x" * 200_000]}, key="k")
    assert refused.value.field == "job_spec"
    assert (await host.call("GET", f"list_jobs/{host.sid}"))["jobs"] == []
    assert await host.submit(TRUE, key="k")


@pytest.mark.asyncio
async def test_unknown_job_is_404(host: Host) -> None:
    for wrong in (host.status("nope"), host.cancel("nope")):
        with pytest.raises(ResourceNotFoundError, match="'nope'") as refused:
            await wrong
        assert refused.value.status == 404


@pytest.mark.asyncio
async def test_cancel_of_an_ended_job_is_409_and_says_its_state(host: Host) -> None:
    job_id = await host.submit(TRUE)
    await host.ended(job_id)
    with pytest.raises(ConflictError, match="COMPLETED") as refused:
        await host.cancel(job_id)
    assert refused.value.status == 409
    assert (await host.status(job_id))["state"] == "COMPLETED"


@pytest.mark.asyncio
async def test_cancel_before_the_scheduler_has_the_job_is_made_good(host: Host, tmp_path: Path) -> None:
    under_way, go_on = threading.Event(), threading.Event()
    handover = host.plugin.service.handover

    class Slow(Executors):
        def submit(self, name: str, job: psij.Job) -> str:
            under_way.set()
            assert go_on.wait(30)
            return super().submit(name, job)

    handover.reports.executors = Slow(tmp_path / "work", handover.reports.take)
    submit = asyncio.create_task(host.shell("sleep 300"))
    await asyncio.to_thread(under_way.wait, 30)
    (listed,) = (await host.call("GET", f"list_jobs/{host.sid}"))["jobs"]
    assert (listed["state"], listed["native_id"]) == ("NEW", None)
    await host.cancel(listed["job_id"])
    go_on.set()
    assert await submit == listed["job_id"]
    assert (await host.ended(listed["job_id"]))["state"] == "CANCELED"


@pytest.mark.asyncio
async def test_second_cancel_is_no_error(host: Host) -> None:
    job_id = await host.shell("sleep 300")
    assert await host.cancel(job_id) == await host.cancel(job_id)
    await host.ended(job_id)


@pytest.mark.asyncio
async def test_unknown_session_is_404_and_an_expired_one_410(host: Host) -> None:
    now = [0.0]
    host.plugin._sessions = SessionTable(10, clock=lambda: now[0])
    sid = await host.new_session()
    now[0] = 11.0
    await host.plugin.sweep()
    for session, error in ((sid, SessionExpiredError), ("session.none", SessionNotFoundError)):
        host.sid = session
        for call in (
            host.submit(TRUE),
            host.status("j"),
            host.cancel("j"),
            host.call("GET", f"list_jobs/{session}"),
        ):
            with pytest.raises(error):
                await call


@pytest.mark.asyncio
async def test_unknown_executor_is_422_and_names_those_there_are(host: Host) -> None:
    with pytest.raises(InvalidFieldError, match=r"local, .*slurm") as refused:
        await host.submit(TRUE, executor="condor")
    assert refused.value.field == "executor"
    assert "local" in refused.value.data["available"]


@pytest.mark.asyncio
async def test_executor_that_lacks_its_library_is_422_and_says_what(host: Host) -> None:
    with pytest.raises(InvalidFieldError, match="flux") as refused:
        await host.submit(TRUE, executor="flux")
    assert refused.value.field == "executor"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "job_spec"),
        ({"job_spec": []}, "job_spec"),
        ({"job_spec": TRUE, "executor": 3}, "executor"),
        ({"job_spec": TRUE, "tunnel": "none"}, "tunnel"),
        ({"job_spec": {**TRUE, "attributes": {"duration": "soon"}}}, "job_spec.attributes.duration"),
        ({"job_spec": {**TRUE, "directory": "/no/such"}}, "job_spec.directory"),
    ],
)
async def test_wrong_body_is_422_by_its_field(host: Host, body: Any, field: str) -> None:
    with pytest.raises(InvalidFieldError) as refused:
        await host.call("POST", f"submit/{host.sid}", body)
    assert refused.value.field == field


@pytest.mark.asyncio
async def test_empty_offset_is_the_beginning(host: Host) -> None:
    job_id = await host.shell("echo hello")
    await host.ended(job_id)
    status = await host.call("GET", f"status/{host.sid}/{job_id}", query="stdout_offset=&stderr_offset=0")
    assert (status["stdout"], status["stdout_offset"]) == ("hello\n", 6)


@pytest.mark.asyncio
@pytest.mark.parametrize("query", ["stdout_offset=x", "stderr_offset=-1"])
async def test_wrong_offset_is_422(host: Host, query: str) -> None:
    with pytest.raises(InvalidFieldError) as refused:
        await host.call("GET", f"status/{host.sid}/j", query=query)
    assert refused.value.field == query.partition("=")[0]


@pytest.mark.asyncio
async def test_what_a_job_was_submitted_with_is_told_but_for_secrets(host: Host) -> None:
    spec = {
        **TRUE,
        "name": "sim",
        "attributes": {"duration": "0:10:00", "custom_attributes": {"slurm.constraint": "V100"}},
        "resources": {"process_count": 1},
    }
    job_id = await host.submit({**spec, "environment": {"API_KEY": "secret"}, "inherit_environment": True})
    told = {"job_spec": spec, "executor": "local", "environment_names": ["API_KEY"]}
    assert await host.call("GET", f"spec/{host.sid}/{job_id}") == told
    await host.ended(job_id)
    # It has ended, so that it is read from the disk, where the value never was.
    assert await host.call("GET", f"spec/{host.sid}/{job_id}") == told
    with pytest.raises(ResourceNotFoundError, match="list_jobs"):
        await host.call("GET", f"spec/{host.sid}/nobody")
