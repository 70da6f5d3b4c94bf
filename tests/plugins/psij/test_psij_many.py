"""Many jobs: arrays, listings in pages, cancels at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from psij_life import TIMED_OUT, Life, Queue
from scripted_batch import ScriptedBatch

from orbit_jupyter.host.batch import BatchJob, Ended
from orbit_jupyter.plugin import InvalidFieldError, PluginError, ResourceNotFoundError
from orbit_plugins.psij import PSIJClient, service
from orbit_plugins.psij.answers import ArraySubmitted
from orbit_plugins.psij.arrays import MOST_LOCAL
from orbit_plugins.psij.bodies import CancelAll, SubmitArray
from orbit_plugins.psij.service import Caller

if TYPE_CHECKING:
    from tests.plugins.psij.conftest import Host

Begin = Callable[[], Life]
SPEC: dict[str, Any] = {"executable": "/bin/sh", "arguments": ["-c", 'echo "$@" on $ORBIT_ARRAY_INDEX', "sh"]}


def array(mine: Life, executor: str = "slurm", key: str = "k", **more: Any) -> ArraySubmitted:
    return mine.service.submit_array(SubmitArray(SPEC, executor, **more), Caller("s", key, "ann"))


def shown(mine: Life, ids: ArraySubmitted, name: str) -> list[Any]:
    return [job[name] for job in mine.service.list(array_id=ids["array_id"])["jobs"]]  # type: ignore[literal-required]


def test_array_is_one_job_of_the_scheduler_and_its_tasks_are_jobs(
    life: Begin, queue: Queue, batch: ScriptedBatch
) -> None:
    mine = life()
    queue.takes("7")
    ids = array(mine, count=3, at_once=2)
    assert (ids["native_id"], len(ids["job_ids"])) == ("7", 3)
    assert '#SBATCH --array="0-2%2"' in queue.text("7").splitlines()
    assert shown(mine, ids, "job_id") == ids["job_ids"]
    assert shown(mine, ids, "native_id") == ["7_0", "7_1", "7_2"]
    assert shown(mine, ids, "state") == ["QUEUED"] * 3
    assert [mine.states(job_id) for job_id in ids["job_ids"]] == [["QUEUED"]] * 3
    batch.put(BatchJob(job_id="7_0", state="ACTIVE"))
    batch.put(BatchJob(job_id="7_1", reason="JobArrayTaskLimit"))
    batch.end(Ended(job_id="7_2", state="FAILED", native_state="FAILED", exit_code=4))
    mine.look()
    assert shown(mine, ids, "state") == ["ACTIVE", "QUEUED", "FAILED"]
    assert shown(mine, ids, "message")[1] == "JobArrayTaskLimit"
    assert shown(mine, ids, "exit_code") == [None, None, 4]


def test_each_task_has_its_arguments_its_output_and_its_exit_code(life: Begin, queue: Queue) -> None:
    mine = life()
    queue.takes("7")
    arguments = [["a b", "it's"], ["$HOME"], []]
    ids = array(mine, arguments=arguments)
    for number in range(3):
        queue.run("7", SLURM_JOB_ID=str(10 + number), SLURM_ARRAY_JOB_ID="7", SLURM_ARRAY_TASK_ID=str(number))
    mine.look()
    outputs = [mine.status(job_id)["stdout"] for job_id in ids["job_ids"]]
    assert outputs == ["a b it's on 0\n", "$HOME on 1\n", "on 2\n"]
    assert shown(mine, ids, "state") == ["COMPLETED"] * 3
    assert mine.status(ids["job_ids"][0])["arguments"][-2:] == ["a b", "it's"]
    # A second array that the first try's lost answer might have left does nothing.
    queue.run("7", SLURM_JOB_ID="20", SLURM_ARRAY_JOB_ID="8", SLURM_ARRAY_TASK_ID="0")
    assert mine.status(ids["job_ids"][0])["stdout"] == "a b it's on 0\n"


def test_output_goes_where_the_user_says_with_the_number_behind(life: Begin, queue: Queue, tmp_path: Path) -> None:
    mine = life()
    queue.takes("7")
    spec = {**SPEC, "stdout_path": str(tmp_path / "out$x")}
    mine.service.submit_array(SubmitArray(spec, "slurm", count=2), Caller("s", "k", "ann"))
    queue.run("7", SLURM_JOB_ID="11", SLURM_ARRAY_JOB_ID="7", SLURM_ARRAY_TASK_ID="1")
    assert (tmp_path / "out$x.1").read_text() == "on 1\n"


def test_repeat_of_a_key_is_the_same_array_and_a_restart_keeps_it(life: Begin, queue: Queue) -> None:
    mine = life()
    queue.takes("7")
    ids = array(mine, count=3)
    assert array(mine, count=3) == ids
    second = life()
    assert array(second, count=3) == ids
    assert shown(second, ids, "state") == ["QUEUED"] * 3
    assert queue.taken == {"7"}


def test_array_whose_answer_was_lost_is_found_by_its_script(
    life: Begin, queue: Queue, batch: ScriptedBatch
) -> None:
    mine = life()
    queue.takes("7", answer=False)
    with pytest.raises(PluginError, match=TIMED_OUT[-20:]):
        array(mine, count=3)
    assert mine.service.list()["jobs"] == []
    for number in range(3):
        batch.put(BatchJob(job_id=f"7_{number}", command=f"/there/{queue.script('7')}"))
    queue.takes("8")
    ids = array(mine, count=3)
    assert (ids["native_id"], queue.taken) == ("7", {"7"})
    assert shown(mine, ids, "native_id") == ["7_0", "7_1", "7_2"]


def test_refused_array_leaves_no_job(life: Begin, queue: Queue, program: Any) -> None:
    mine = life()
    program("sbatch", "echo 'sbatch: error: Invalid job array specification' >&2; exit 1")
    with pytest.raises(InvalidFieldError, match="Invalid job array"):
        array(mine, count=3)
    assert mine.service.list()["jobs"] == []
    assert not list((mine.root / "claims").glob("*"))
    queue.takes("7")
    assert array(mine, count=3)["native_id"] == "7"


@pytest.mark.parametrize(
    ("executor", "more", "field"),
    [
        ("slurm", {}, "count"),
        ("slurm", {"count": 2, "arguments": [["x"]]}, "count"),
        ("slurm", {"arguments": []}, "arguments"),
        ("local", {"count": MOST_LOCAL + 1}, "count"),
        ("lsf", {"count": 2}, "executor"),
    ],
)
def test_wrong_array_is_422_by_its_field(executor: str, more: dict[str, Any], field: str, life: Begin) -> None:
    with pytest.raises(InvalidFieldError) as refused:
        array(life(), executor, **more)
    assert (refused.value.status, refused.value.field) == (422, field)


def test_array_on_this_machine_is_as_many_jobs(life: Begin) -> None:
    mine = life()
    ids = array(mine, "local", arguments=[["a"], ["b c"]])
    ends = [mine.ended(job_id) for job_id in ids["job_ids"]]
    assert [end["stdout"] for end in ends] == ["a on 0\n", "b c on 1\n"]
    assert array(mine, "local", arguments=[["a"], ["b c"]]) == ids
    assert len(mine.service.list()["jobs"]) == 2


def test_whole_array_is_cancelled_by_one_question(life: Begin, queue: Queue, batch: ScriptedBatch) -> None:
    mine = life()
    queue.takes("7")
    ids = array(mine, count=3)
    queue.takes("9")
    other = mine.submit(SPEC, "slurm", key="other")["job_id"]
    answer = mine.service.cancel_all(CancelAll(array_id=ids["array_id"]))
    assert (sorted(answer["canceled"]), answer["failed"]) == (ids["job_ids"], [])
    assert batch.cancelled == ["7"]
    assert queue.cancelled == []
    answer = mine.service.cancel_all(CancelAll(job_ids=[other]))
    assert (answer["canceled"], answer["failed"]) == ([other], [])
    assert queue.cancelled == ["9"]


def test_part_of_an_array_is_cancelled_one_by_one(life: Begin, queue: Queue, batch: ScriptedBatch) -> None:
    mine = life()
    queue.takes("7")
    ids = array(mine, count=3)
    answer = mine.service.cancel_all(CancelAll(job_ids=ids["job_ids"][:2]))
    assert sorted(answer["canceled"]) == ids["job_ids"][:2]
    assert (sorted(queue.cancelled), batch.cancelled) == (["7_0", "7_1"], [])


def test_cancel_of_all_says_which_could_not_be(life: Begin, queue: Queue, program: Any) -> None:
    mine = life()
    jobs = []
    for native_id in ("1", "2", "3"):
        queue.takes(native_id)
        jobs.append(mine.submit(SPEC, "slurm", key=native_id)["job_id"])
    program("scancel", '[ "$2" != 2 ] || { echo "scancel: error: Access/permission denied" >&2; exit 1; }')
    answer = mine.service.cancel_all(CancelAll())
    assert sorted(answer["canceled"]) == sorted([jobs[0], jobs[2]])
    (failed,) = answer["failed"]
    assert failed["job_id"] == jobs[1]
    assert "Access/permission denied" in failed["error"]
    with pytest.raises(ResourceNotFoundError):
        mine.service.cancel_all(CancelAll(job_ids=["nope"]))


@pytest.mark.asyncio
async def test_all_jobs_are_cancelled_by_the_route(host: Host) -> None:
    jobs = [await host.shell("sleep 300") for _ in range(5)]
    done = await host.shell("true")
    await host.ended(done)
    answer = await host.call("POST", f"cancel_all/{host.sid}", {})
    assert (sorted(answer["canceled"]), answer["failed"]) == (sorted(jobs), [])
    for job_id in jobs:
        assert (await host.ended(job_id))["state"] == "CANCELED"


@pytest.mark.asyncio
async def test_listing_is_what_was_asked_for(host: Host) -> None:
    jobs = [await host.shell(f"exit {code}") for code in (0, 1, 0, 1)]
    for job_id in jobs:
        await host.ended(job_id)

    async def listed(query: str) -> tuple[list[str], str | None]:
        answer = await host.call("GET", f"list_jobs/{host.sid}", query=query)
        return [job["job_id"] for job in answer["jobs"]], answer.get("before")

    assert await listed("") == (jobs, None)
    assert await listed("limit=2") == (jobs[2:], jobs[2])
    assert await listed(f"limit=2&before={jobs[2]}") == (jobs[:2], None)
    assert await listed("state=FAILED") == ([jobs[1], jobs[3]], None)
    assert await listed("state=FAILED,COMPLETED&limit=3") == (jobs[1:], jobs[1])
    changed = (await host.status(jobs[3]))["time"]
    assert jobs[3] in (await listed(f"since={changed}"))[0]
    assert await listed(f"since={changed + 1}") == ([], None)
    for wrong, field in (("limit=0", "limit"), ("state=DONE", "state"), ("since=x", "since")):
        with pytest.raises(InvalidFieldError) as refused:
            await listed(wrong)
        assert refused.value.field == field
    with pytest.raises(ResourceNotFoundError, match="before"):
        await listed("before=nope")


def test_client_gathers_pages(client: PSIJClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_LISTED", 2)
    jobs = [client.submit_job({"executable": "/bin/true"}) for _ in range(5)]
    for job in jobs:
        job.wait(30)
    ids = [job.id for job in jobs]
    assert [job["job_id"] for job in client.list_jobs()["jobs"]] == ids
    assert [job["job_id"] for job in client.list_jobs(3)["jobs"]] == ids[2:]
    assert client.list_jobs(state="FAILED") == {"jobs": []}
    assert client.list_jobs(array_id="none") == {"jobs": []}


def test_client_submits_an_array(client: PSIJClient) -> None:
    ids = client.submit_array(SPEC, "local", count=2)
    assert [client.job(job_id).wait(30) for job_id in ids["job_ids"]] == ["COMPLETED"] * 2
    assert len(client.list_jobs(array_id=ids["array_id"])["jobs"]) == 2
    assert client.cancel_all() == {"canceled": [], "failed": []}


@pytest.mark.asyncio
async def test_jobs_outlive_the_plugin_and_its_sessions(host: Host, tmp_path: Path, fifo: Path) -> None:
    job_id = await host.shell(f"cat {fifo}; exit 5")
    before = await host.call("GET", f"list_jobs/{host.sid}")
    await host.plugin.close()
    next_host = type(host)(tmp_path)
    try:
        next_host.sid = await next_host.new_session()
        assert await next_host.call("GET", f"list_jobs/{next_host.sid}") == before
        await asyncio.to_thread(fifo.write_text, "go\n")
        end = await next_host.ended(job_id)
        assert (end["state"], end["exit_code"], end["stdout"]) == ("FAILED", 5, "go\n")
    finally:
        await next_host.plugin.close()
