"""How jobs end: exit codes of signals, and one end each, whoever cancels when."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orbit_jupyter.plugin import ConflictError

if TYPE_CHECKING:
    from tests.plugins.psij.conftest import Host

FINAL = {"COMPLETED", "FAILED", "CANCELED"}


@pytest.mark.asyncio
@pytest.mark.parametrize(("sign", "code"), [("KILL", 137), ("TERM", 143), ("SEGV", 139)])
async def test_exit_code_of_a_job_that_a_signal_ended_is_128_and_its_number(
    host: Host, sign: str, code: int
) -> None:
    job_id = await host.shell(f"kill -{sign} $$")
    end = await host.ended(job_id)
    assert (end["state"], end["exit_code"]) == ("FAILED", code)
    assert (await host.status(job_id))["exit_code"] == code


@pytest.mark.asyncio
async def test_killed_launcher_has_an_exit_code_of_the_same_kind(host: Host, fifo: Path) -> None:
    answer = await host.call(
        "POST",
        f"submit/{host.sid}",
        {"job_spec": {"executable": "/bin/sh", "arguments": ["-c", f"echo $$ > {fifo}; exec sleep 300"]}},
    )
    process = int(await asyncio.to_thread(fifo.read_text))
    os.kill(int(answer["native_id"]), signal.SIGKILL)
    end = await host.ended(answer["job_id"])
    os.kill(process, signal.SIGKILL)
    assert (end["state"], end["exit_code"]) == ("FAILED", 137)


@pytest.mark.asyncio
async def test_exit_code_stays_with_the_job(host: Host) -> None:
    jobs = [await host.shell(f"exit {code}") for code in (0, 1, 42, 255)]
    for job_id in jobs:
        await host.ended(job_id)
    listed = (await host.call("GET", f"list_jobs/{host.sid}"))["jobs"]
    assert [job["exit_code"] for job in listed] == [0, 1, 42, 255]
    assert [(await host.status(job_id))["exit_code"] for job_id in jobs] == [0, 1, 42, 255]


async def cancelled(host: Host, job_id: str) -> bool:
    """Cancel; return whether there was anything left to cancel."""
    try:
        await host.cancel(job_id)
    except ConflictError:
        return False
    return True


@pytest.mark.asyncio
async def test_job_that_is_cancelled_while_it_ends_ends_once(host: Host) -> None:
    jobs = [await host.shell("exit 0") for _ in range(20)]
    answers = await asyncio.gather(*(cancelled(host, job_id) for job_id in jobs for _ in range(3)))
    assert len(answers) == 60
    for job_id in jobs:
        await host.ended(job_id)
        state = (await host.status(job_id))["state"]
        assert [event["state"] for event in host.of(job_id) if event["state"] in FINAL] == [state]
        assert not await cancelled(host, job_id)


@pytest.mark.asyncio
async def test_cancels_from_everywhere_at_once_end_a_job_once(host: Host) -> None:
    job_id = await host.shell("sleep 300")
    assert await asyncio.gather(*(cancelled(host, job_id) for _ in range(10))) == [True] * 10
    assert (await host.ended(job_id))["state"] == "CANCELED"
    assert [event["state"] for event in host.of(job_id)] == ["QUEUED", "ACTIVE", "CANCELED"]


@pytest.mark.asyncio
async def test_cancel_of_a_job_whose_time_is_over_ends_it_once(
    host: Host, fifo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orbit_plugins.psij.local.GRACE", 60)
    script = f"trap 'echo > {fifo}' TERM; while :; do sleep 300 & wait; done"
    job_id = await host.shell(script, attributes={"duration": 1})
    await asyncio.to_thread(fifo.read_text)  # its time is over, it was told to end, and doesn't
    monkeypatch.setattr("orbit_plugins.psij.local.GRACE", 0.1)
    assert await cancelled(host, job_id)
    end = await host.ended(job_id)
    assert (end["state"], end["exit_code"]) == ("CANCELED", 137)
    assert [event["state"] for event in host.of(job_id)] == ["QUEUED", "ACTIVE", "CANCELED"]
