"""Real jobs on PSI/J's `local`."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from orbit_plugins.psij.output import TAIL

if TYPE_CHECKING:
    from tests.plugins.psij.conftest import Host


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def first_line(path: Path) -> str:
    """Return the line that a job writes into a fifo: it has come that far then."""
    return (await asyncio.to_thread(path.read_text)).strip()


@pytest.mark.asyncio
async def test_job_runs_and_each_state_is_told_once(host: Host) -> None:
    job_id = await host.shell("echo out; echo err >&2; exit 7")
    end = await host.ended(job_id)
    events = host.of(job_id)
    assert [event["state"] for event in events] == ["QUEUED", "ACTIVE", "FAILED"]
    assert [event["exit_code"] for event in events] == [None, None, 7]
    assert [(event["stdout"], event["stderr"]) for event in events] == [("", ""), ("", ""), ("out\n", "err\n")]
    assert [event["time"] for event in events] == sorted(event["time"] for event in events)
    assert set(end) == {
        *("job_id", "native_id", "name", "state", "exit_code", "stdout", "stderr", "message", "time", "executable")
    }
    assert set(host.told) == {("psij", "job_status", host.sid)}


@pytest.mark.asyncio
async def test_status_has_the_keys_of_old(host: Host, tmp_path: Path) -> None:
    job_id = await host.shell(
        "echo out; echo err >&2",
        directory=str(tmp_path),
        attributes={"queue_name": "q", "account": "a", "duration": "60", "node_count": 3},
    )
    end = await host.ended(job_id)
    times = {event["state"]: event["time"] for event in host.of(job_id)}
    status = await host.status(job_id)
    submitted = status["states"][0]["time"]
    assert submitted <= times["QUEUED"]
    assert status == {
        "job_id": job_id,
        "native_id": end["native_id"],
        "name": None,
        "state": "COMPLETED",
        "message": None,
        "exit_code": 0,
        "time": end["time"],
        "executable": "/bin/sh",
        "arguments": ["-c", "echo out; echo err >&2"],
        "executor": "local",
        "directory": str(tmp_path),
        "queue_name": "q",
        "account": "a",
        "node_count": 3,
        "endpoint_name": None,
        "array_id": None,
        "submit_time": submitted,
        "states": [{"state": "NEW", "time": submitted}, *({"state": s, "time": t} for s, t in times.items())],
        "resources_used": {"elapsed": times["COMPLETED"] - times["ACTIVE"]},
        "duration": 60,
        "stdout": "out\n",
        "stderr": "err\n",
        "stdout_offset": 4,
        "stderr_offset": 4,
    }
    assert (await host.status(job_id, out=2, err=4))["stdout"] == "t\n"


@pytest.mark.asyncio
async def test_missing_executable_fails_with_127_and_says_so(host: Host) -> None:
    end = await host.ended(await host.submit({"executable": "/no/such/program"}))
    assert (end["state"], end["exit_code"]) == ("FAILED", 127)
    assert "/no/such/program" in end["stderr"]


@pytest.mark.asyncio
async def test_spec_reaches_the_job(host: Host, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("typed")
    (tmp_path / "pre.sh").write_text("export PRE=before")
    (tmp_path / "post.sh").write_text("echo after > post.txt")
    job_id = await host.shell(
        'cat; pwd; echo "$N $S $PRE ${HOME:-none}"',
        directory=str(tmp_path),
        environment={"N": 3, "S": "a b"},
        inherit_environment=False,
        stdin_path="in.txt",
        stdout_path="mine.out",
        pre_launch="pre.sh",
        post_launch="post.sh",
    )
    end = await host.ended(job_id)
    assert end["stdout"] == f"typed{tmp_path}\n3 a b before none\n"
    assert (tmp_path / "mine.out").read_text() == end["stdout"]
    assert (tmp_path / "post.txt").read_text() == "after\n"
    assert (await host.status(job_id))["stdout"] == end["stdout"]


@pytest.mark.asyncio
async def test_running_job_s_output_is_read_as_it_grows(host: Host, fifo: Path) -> None:
    job_id = await host.shell(f"printf 'a\\303'; echo > {fifo}; cat {fifo} > /dev/null; printf '\\251b'")
    await first_line(fifo)
    status = await host.status(job_id)
    assert (status["state"], status["stdout"], status["stdout_offset"]) == ("ACTIVE", "a", 1)
    await asyncio.to_thread(fifo.write_text, "go on")
    await host.ended(job_id)
    assert (await host.status(job_id, out=1))["stdout"] == "éb"


@pytest.mark.asyncio
async def test_event_of_the_end_carries_the_tail_of_long_output(host: Host) -> None:
    end = await host.ended(await host.shell("head -c 100000 /dev/zero | tr '\\0' x; echo end; echo short >&2"))
    assert end["truncated"] is True
    assert TAIL - 10 < len(end["stdout"]) <= TAIL
    assert end["stdout"].endswith("xend\n")
    assert end["stderr"] == "short\n"


@pytest.mark.asyncio
async def test_cancelled_job_is_canceled_once_its_processes_are_gone(host: Host, fifo: Path) -> None:
    job_id = await host.shell(f"sleep 300 & echo $$ $! > {fifo}; wait")
    pids = [int(pid) for pid in (await first_line(fifo)).split()]
    assert await host.cancel(job_id) == {"job_id": job_id, "status": "canceled"}
    end = await host.ended(job_id)
    assert [event["state"] for event in host.of(job_id)] == ["QUEUED", "ACTIVE", "CANCELED"]
    assert not [pid for pid in [*pids, int(end["native_id"])] if is_running(pid)]
    assert (await host.status(job_id))["state"] == "CANCELED"


@pytest.mark.asyncio
async def test_cancel_lets_a_job_end_politely(host: Host, fifo: Path, tmp_path: Path) -> None:
    (tmp_path / "post.sh").write_text(f"echo tidied > {tmp_path}/post.txt")
    script = f"trap 'echo bye; exit 5' TERM; sleep 300 & echo > {fifo}; wait"
    job_id = await host.shell(script, post_launch=str(tmp_path / "post.sh"))
    await first_line(fifo)
    await host.cancel(job_id)
    end = await host.ended(job_id)
    assert (end["state"], end["exit_code"], end["stdout"]) == ("CANCELED", 5, "bye\n")
    assert (tmp_path / "post.txt").read_text() == "tidied\n"


@pytest.mark.asyncio
async def test_job_that_ignores_a_cancel_is_killed(
    host: Host, fifo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = await host.shell(f"trap '' TERM; echo > {fifo}; sleep 300")
    await first_line(fifo)
    monkeypatch.setattr("orbit_plugins.psij.local.GRACE", 0.1)
    await host.cancel(job_id)
    end = await host.ended(job_id)
    assert (end["state"], end["exit_code"]) == ("CANCELED", 137)


@pytest.mark.asyncio
async def test_cancel_at_once_after_submit_ends_the_job(host: Host) -> None:
    jobs = [await host.shell("sleep 300") for _ in range(5)]
    for job_id in jobs:
        await host.cancel(job_id)
    assert [(await host.ended(job_id))["state"] for job_id in jobs] == ["CANCELED"] * 5


@pytest.mark.asyncio
async def test_process_left_behind_holds_up_neither_its_job_nor_others(host: Host, fifo: Path) -> None:
    job_id = await host.shell(f"sleep 300 & echo $! > {fifo}; exit 0")
    left = int(await first_line(fifo))
    assert (await host.ended(job_id))["state"] == "COMPLETED"
    assert (await host.ended(await host.shell("exit 0")))["state"] == "COMPLETED"
    assert is_running(left)
    psutil.Process(left).kill()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "script", ["head -c 300000 /dev/zero | tr '\\0' x; false", "printf '\\377'; false", "printf abc; false"]
)
async def test_whatever_a_launch_script_prints_the_job_ends(host: Host, tmp_path: Path, script: str) -> None:
    (tmp_path / "pre.sh").write_text(script)
    end = await host.ended(await host.shell("exit 0", pre_launch=str(tmp_path / "pre.sh")))
    assert (end["state"], end["exit_code"]) == ("FAILED", 1)
    assert end["message"]


@pytest.mark.asyncio
async def test_many_jobs_at_once_each_tell_their_states_once(host: Host) -> None:
    jobs = await asyncio.gather(*(host.shell(f"exit {number}") for number in range(30)))
    ends = [await host.ended(job_id) for job_id in jobs]
    assert [end["exit_code"] for end in ends] == list(range(30))
    for job_id in jobs:
        states = [event["state"] for event in host.of(job_id)]
        assert states == [state for state in ("QUEUED", "ACTIVE", "COMPLETED", "FAILED") if state in states]


@pytest.mark.asyncio
async def test_nothing_that_a_job_is_made_of_is_logged(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    spec: dict[str, Any] = {"environment": {"TOKEN": "s3cret-env"}}
    await host.ended(await host.shell("echo s3cret-argument", **spec))
    assert "s3cret" not in caplog.text
