"""States as the scheduler says them, with a batch system that says what a test wants it to."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from psij_life import Life, Queue
from scripted_batch import AWAY, ScriptedBatch
from stage import wait_until

from orbit_jupyter.host.batch import BatchJob, Ended
from orbit_jupyter.plugin import PluginError
from orbit_plugins.psij import watch
from orbit_plugins.psij.jobs import StateChange
from orbit_plugins.psij.pace import APART, POLL, SOON, Pace, poll_interval

SPEC: dict[str, Any] = {"executable": "/bin/sleep", "arguments": ["60"], "attributes": {"duration": 3600}}
Begin = Callable[[], Life]


def submitted(mine: Life, queue: Queue, *native_ids: str, key: str = "k", **more: Any) -> list[str]:
    """Submit jobs that get these native ids, each with a key of its own."""
    found = []
    for native_id in native_ids:
        queue.takes(native_id)
        found.append(mine.submit({**SPEC, **more}, "slurm", key=f"{key}{native_id}")["job_id"])
    return found


def runs(native_id: str) -> BatchJob:
    return BatchJob(job_id=native_id, state="ACTIVE", native_state="RUNNING", start_time=1e9, node_list="n1")


def waits(native_id: str, reason: str | None = None) -> BatchJob:
    return BatchJob(job_id=native_id, native_state="PENDING", reason=reason)


def done(native_id: str, **more: Any) -> Ended:
    said: dict[str, Any] = {"state": "COMPLETED", "native_state": "COMPLETED", "exit_code": 0, "node_list": "n1"}
    return Ended(job_id=native_id, **{**said, "start_time": 2e9, "end_time": 2e9 + 5, "elapsed": 5, **more})


def test_one_query_serves_all_jobs(life: Begin, queue: Queue, batch: ScriptedBatch) -> None:
    mine = life()
    jobs = submitted(mine, queue, *(str(number) for number in range(12)))
    for number in range(12):
        batch.put(runs(str(number)))
    batch.asked.clear()
    mine.look()
    assert batch.asked == ["jobs"]
    assert {mine.status(job)["state"] for job in jobs} == {"ACTIVE"}
    for number in range(5):
        batch.end(done(str(number)))
    mine.look()
    assert batch.asked == ["jobs", "jobs", "ended"]
    assert [mine.status(job)["state"] for job in jobs] == ["COMPLETED"] * 5 + ["ACTIVE"] * 7


def test_reason_with_a_comma_stops_nobody_and_is_told(life: Begin, queue: Queue, batch: ScriptedBatch) -> None:
    mine = life()
    waiting, running = submitted(mine, queue, "1", "2")
    reason = "ReqNodeNotAvail, UnavailableNodes:n[1-2],n4"
    batch.put(waits("1", reason))
    batch.put(runs("2"))
    mine.look()
    assert (mine.status(waiting)["state"], mine.status(waiting)["message"]) == ("QUEUED", reason)
    assert mine.service.list()["jobs"][0]["message"] == reason
    assert (mine.status(running)["state"], mine.status(running)["message"]) == ("ACTIVE", None)
    batch.put(runs("1"))
    mine.look()
    assert (mine.status(waiting)["state"], mine.status(waiting)["message"]) == ("ACTIVE", None)
    assert mine.told(waiting) == [("QUEUED", None), ("QUEUED", reason), ("ACTIVE", None)]


def test_jobs_stay_what_they_are_while_the_scheduler_is_away(
    life: Begin, queue: Queue, batch: ScriptedBatch, caplog: pytest.LogCaptureFixture
) -> None:
    mine = life()
    waiting, running = submitted(mine, queue, "1", "2")
    batch.put(waits("1"))
    batch.put(runs("2"))
    mine.look()
    batch.says = AWAY
    for _ in range(20):
        mine.look()
    for job, state in ((waiting, "QUEUED"), (running, "ACTIVE")):
        status = mine.status(job)
        assert status["state"] == state
        assert status["message"] is not None
        assert status["message"].startswith("slurm hasn't answered since 20")
        assert AWAY in status["message"]
    assert caplog.text.count("doesn't say how its jobs are doing") == 1
    batch.says = None
    batch.end(done("2"))
    mine.look()
    assert (mine.status(waiting)["state"], mine.status(waiting)["message"]) == ("QUEUED", None)
    assert (mine.status(running)["state"], mine.status(running)["message"]) == ("COMPLETED", None)


def test_accounting_that_is_away_ends_no_job(
    life: Begin, queue: Queue, batch: ScriptedBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "PATIENCE", -1.0)
    mine = life()
    gone, running = submitted(mine, queue, "1", "2")
    batch.put(waits("2"))

    def away(what: str) -> None:
        if what == "ended":
            raise PluginError("sacct: error: Connection refused", status=503, transient=True)

    batch.on_ask = away
    mine.look()
    mine.look()
    assert mine.status(gone)["state"] == "QUEUED"
    batch.put(runs("2"))
    mine.look()
    assert mine.status(running)["state"] == "ACTIVE"
    batch.on_ask = lambda what: None
    batch.knows["1"] = done("1", state="FAILED", native_state="FAILED", exit_code=3)
    mine.look()
    assert (mine.status(gone)["state"], mine.status(gone)["exit_code"]) == ("FAILED", 3)


def test_job_that_ran_between_two_looks_is_told_to_have_run(
    life: Begin, queue: Queue, batch: ScriptedBatch
) -> None:
    mine = life()
    (job,) = submitted(mine, queue, "1")
    batch.end(done("1", state="FAILED", native_state="FAILED", exit_code=7))
    mine.look()
    assert mine.states(job) == ["QUEUED", "ACTIVE", "FAILED"]
    times = {one["state"]: one["time"] for one in mine.status(job)["states"]}
    assert (times["ACTIVE"], times["FAILED"]) == (2e9, 2e9 + 5)


def test_job_that_never_ran_is_not_told_to_have_run(life: Begin, queue: Queue, batch: ScriptedBatch) -> None:
    mine = life()
    (job,) = submitted(mine, queue, "1")
    why = {"state": "FAILED", "native_state": "BOOT_FAIL", "exit_code": None, "node_list": "", "start_time": None}
    batch.end(done("1", **why, reason="BootFail"))
    mine.look()
    assert mine.states(job) == ["QUEUED", "FAILED"]
    assert mine.status(job)["message"] == "slurm ended it: BOOT_FAIL (BootFail)"


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (
            {"exit_code": 127},
            "exit code 127: '/bin/sleep' or a program that it calls was not found where the job ran",
        ),
        ({"exit_code": 126}, "exit code 126: '/bin/sleep' or a program that it calls can't be executed"),
        ({"exit_code": 3, "reason": "NonZeroExitCode"}, None),
        (
            {"exit_code": None, "native_state": "TIMEOUT", "reason": "TimeLimit"},
            "slurm ended it: it took longer than its duration of 3600 s",
        ),
        ({"exit_code": 137, "native_state": "OUT_OF_MEMORY"}, "slurm ended it: OUT_OF_MEMORY"),
        ({"native_state": "NODE_FAIL", "reason": "NODE_FAIL"}, "slurm ended it: NODE_FAIL"),
    ],
)
def test_failure_says_why(
    said: dict[str, Any], message: str | None, life: Begin, queue: Queue, batch: ScriptedBatch
) -> None:
    mine = life()
    (job,) = submitted(mine, queue, "1")
    batch.end(done("1", **{"state": "FAILED", "native_state": "FAILED", "exit_code": 1, **said}))
    mine.look()
    status = mine.status(job)
    expected = {"exit_code": 1, **said}["exit_code"]
    assert (status["state"], status["exit_code"], status["message"]) == ("FAILED", expected, message)


def test_cancel_is_canceled_with_what_the_scheduler_says(life: Begin, queue: Queue, batch: ScriptedBatch) -> None:
    mine = life()
    asked, elsewhere = submitted(mine, queue, "1", "2")
    for native_id in ("1", "2"):
        batch.put(runs(native_id))
    mine.look()
    mine.service.cancel(asked)
    assert mine.status(asked)["state"] == "ACTIVE"  # until it has come
    for native_id in ("1", "2"):
        why = {"state": "CANCELED", "native_state": "CANCELLED", "exit_code": 143}
        batch.end(done(native_id, **why, reason="cancelled by user 0"))
    mine.look()
    for job in (asked, elsewhere):
        assert (mine.status(job)["state"], mine.status(job)["exit_code"]) == ("CANCELED", 143)
        assert mine.status(job)["message"] == "cancelled by user 0"


@pytest.mark.parametrize("code", [0, 7])
def test_scheduler_that_no_longer_has_the_job_is_helped_by_what_the_job_wrote(
    code: int, life: Begin, queue: Queue
) -> None:
    mine = life()
    (job,) = submitted(mine, queue, "1", executable="/bin/sh", arguments=["-c", f"exit {code}"])
    queue.run("1")
    mine.look()
    status = mine.status(job)
    assert (status["state"], status["exit_code"]) == ("FAILED" if code else "COMPLETED", code)


def test_job_that_nobody_knows_is_given_time_and_then_up(
    life: Begin, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = life()
    (job,) = submitted(mine, queue, "1")
    mine.look()
    mine.look()
    assert mine.status(job)["state"] == "QUEUED"
    monkeypatch.setattr(watch, "PATIENCE", -1.0)
    mine.look()
    status = mine.status(job)
    assert (status["state"], status["exit_code"]) == ("FAILED", None)
    assert status["message"] == "slurm no longer has it, and nothing is known of its end"


def test_accounting_that_lags_behind_is_waited_for(life: Begin, queue: Queue, batch: ScriptedBatch) -> None:
    mine = life()
    (job,) = submitted(mine, queue, "1")
    batch.end(done("1", state="ACTIVE", native_state="RUNNING", exit_code=None))
    mine.look()
    assert mine.status(job)["state"] == "QUEUED"
    batch.end(done("1"))
    mine.look()
    assert mine.status(job)["state"] == "COMPLETED"


def test_use_of_resources_comes_when_accounting_has_it(life: Begin, queue: Queue, batch: ScriptedBatch) -> None:
    mine = life()
    (job,) = submitted(mine, queue, "1")
    batch.put(BatchJob(job_id="1", state="COMPLETED", native_state="COMPLETED", start_time=2e9, end_time=2e9 + 4))
    mine.look()
    assert mine.status(job)["state"] == "COMPLETED"
    batch.end(done("1", cpu_seconds=3.5, max_memory_mb=12.5, nodes=2, cpus=4, node_list="n[1-2]"))
    mine.look()
    used = {"elapsed": 5, "cpu_seconds": 3.5, "max_memory_mb": 12.5, "nodes": 2, "cpus": 4, "node_list": "n[1-2]"}
    assert mine.status(job)["resources_used"] == used
    asked = len(batch.asked)
    mine.look()
    assert len(batch.asked) == asked
    assert life().status(job)["resources_used"] == used


@pytest.mark.parametrize(("ago", "looked_for"), [(60, True), (2 * 86400, False)])
def test_use_of_resources_is_looked_for_again_after_a_restart(
    life: Begin, queue: Queue, batch: ScriptedBatch, ago: float, looked_for: bool
) -> None:
    mine = life()
    end = time.time() - ago
    (job,) = submitted(mine, queue, "1")
    mine.service.handover.jobs.get(job).history[:] = [StateChange("NEW", end - 9), StateChange("QUEUED", end - 9)]
    batch.put(BatchJob(job_id="1", state="ACTIVE", native_state="RUNNING", start_time=end - 4, node_list="n1"))
    mine.look()
    batch.put(BatchJob(job_id="1", state="COMPLETED", native_state="COMPLETED", end_time=end, node_list="n1"))
    mine.look()
    assert set(mine.status(job)["resources_used"] or {}) <= {"elapsed"}
    mine.die()
    batch.end(done("1", start_time=end - 4, end_time=end, cpu_seconds=3.5, nodes=1))
    again = life()
    batch.asked.clear()
    again.status(job)  # the first question takes up what there was
    again.look()
    used = again.status(job)["resources_used"] or {}
    assert used.get("cpu_seconds") == (3.5 if looked_for else None)
    assert batch.asked == (["jobs", "ended"] if looked_for else [])
    batch.asked.clear()
    again.die()
    last = life()
    last.status(job)
    last.look()
    assert batch.asked == []  # what is known isn't asked for again
    assert last.status(job)["resources_used"] == used


def test_job_that_goes_back_into_the_queue_says_so(life: Begin, queue: Queue, batch: ScriptedBatch) -> None:
    mine = life()
    (job,) = submitted(mine, queue, "1")
    for said in (runs("1"), waits("1", "BeginTime")):
        batch.put(said)
        mine.look()
    again = ("ACTIVE", "it is in the queue again: BeginTime")
    assert (mine.status(job)["state"], mine.status(job)["message"]) == again
    batch.put(runs("1"))
    mine.look()
    mine.look()  # nothing has changed
    assert mine.status(job)["message"] is None
    assert mine.told(job) == [("QUEUED", None), ("ACTIVE", None), again, ("ACTIVE", None)]


@pytest.mark.parametrize(
    ("state", "shown", "message"),
    [("HELD", "QUEUED", "held: JobHeldUser"), ("SUSPENDED", "ACTIVE", "suspended: JobHeldUser")],
)
def test_states_that_psij_lacks_are_messages(
    state: Any, shown: str, message: str, life: Begin, queue: Queue, batch: ScriptedBatch
) -> None:
    mine = life()
    (job,) = submitted(mine, queue, "1")
    batch.put(BatchJob(job_id="1", state=state, reason="JobHeldUser"))
    mine.look()
    assert (mine.status(job)["state"], mine.status(job)["message"]) == (shown, message)


def test_jobs_are_found_again_after_a_restart_and_their_changes_told(
    life: Begin, queue: Queue, batch: ScriptedBatch
) -> None:
    first = life()
    waiting, running, ended, failed = submitted(first, queue, "1", "2", "3", "4")
    batch.put(waits("1"))
    for native_id in ("2", "3", "4"):
        batch.put(runs(native_id))
    first.look()
    before = first.service.list()
    second = life()
    assert second.service.list() == before
    batch.put(runs("1"))
    batch.end(done("3"))
    batch.end(done("4", state="FAILED", native_state="FAILED", exit_code=9))
    second.look()
    states = [job["state"] for job in second.service.list()["jobs"]]
    assert states == ["ACTIVE", "ACTIVE", "COMPLETED", "FAILED"]
    assert [second.states(job) for job in (waiting, running, ended, failed)] == [
        ["ACTIVE"],
        [],
        ["COMPLETED"],
        ["FAILED"],
    ]
    assert second.status(failed)["exit_code"] == 9
    second.service.cancel(running)
    assert queue.cancelled == ["2"]


def test_cancel_that_the_endpoint_did_not_survive_is_made_again(
    life: Begin, queue: Queue, batch: ScriptedBatch
) -> None:
    mine = life()
    (job,) = submitted(mine, queue, "1")
    batch.put(runs("1"))
    mine.service.cancel(job)
    life().service.list()
    assert queue.cancelled == ["1", "1"]


def test_job_whose_answer_was_lost_is_found_by_its_script_and_not_submitted_again(
    life: Begin, queue: Queue, batch: ScriptedBatch
) -> None:
    mine = life()
    queue.takes("1", answer=False)
    with pytest.raises(PluginError):
        mine.submit(SPEC, "slurm")
    queue.waits("1", f"/elsewhere/{queue.script('1')}")
    queue.takes("2")
    assert mine.submit(SPEC, "slurm")["native_id"] == "1"
    assert queue.taken == {"1"}
    assert [job["state"] for job in mine.service.list()["jobs"]] == ["QUEUED"]


@pytest.fixture
def killed(life: Begin, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Submit with a key, and leave what an endpoint leaves that is killed while sbatch runs."""
    under_way, go_on = threading.Event(), threading.Event()
    threads: list[threading.Thread] = []

    def hang(*args: Any) -> str:
        under_way.set()
        go_on.wait(60)
        raise SystemExit

    def submit(mine: Life, key: str) -> None:
        with contextlib.suppress(SystemExit):
            mine.submit(SPEC, "slurm", key)

    def kill(key: str) -> None:
        mine = life()
        monkeypatch.setattr(mine.service.handover.reports.executors, "submit", hang)
        threads.append(threading.Thread(target=submit, args=(mine, key)))
        threads[-1].start()
        assert under_way.wait(30)
        mine.die()

    yield kill
    go_on.set()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("key", ["", "k"])
def test_interrupted_submit_that_the_scheduler_has_is_followed(
    key: str, life: Begin, queue: Queue, killed: Callable[[str], None]
) -> None:
    killed(key)
    mine = life()
    (job,) = mine.service.list()["jobs"]
    assert (job["state"], job["native_id"]) == ("NEW", None)
    assert job["message"] == "the endpoint ended while it handed this job over"
    queue.waits("1", f"/there/{job['job_id']}.job")
    mine.look()
    (job,) = mine.service.list()["jobs"]
    assert (job["state"], job["native_id"]) == ("QUEUED", "1")
    if key:
        assert mine.submit(SPEC, "slurm", key=key)["native_id"] == "1"
        assert queue.taken == set()


def test_interrupted_submit_without_a_key_never_begins_once_it_is_given_up(
    life: Begin, queue: Queue, killed: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    killed("")
    mine = life()
    mine.look()
    assert mine.service.list()["jobs"][0]["state"] == "NEW"
    monkeypatch.setattr(watch, "PATIENCE", -1.0)
    mine.look()
    (job,) = mine.service.list()["jobs"]
    assert (job["state"], job["message"]) == (
        "FAILED",
        "the endpoint ended while it handed this job over: it never began",
    )
    # Whatever of it may turn up in the queue can't claim any more, and without that nothing runs.
    assert not mine.claim(str(job["job_id"])).exists


def test_interrupted_submit_with_a_key_is_made_again_by_its_repeat(
    life: Begin, queue: Queue, killed: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    killed("k")
    monkeypatch.setattr(watch, "PATIENCE", -1.0)
    mine = life()
    (job,) = mine.service.list()["jobs"]
    mine.look()
    (waiting,) = mine.service.list()["jobs"]
    assert waiting["state"] == "NEW"
    assert str(waiting["message"]).endswith("the same submit with the same idempotency key decides")
    queue.takes("1")
    answer = mine.submit(SPEC, "slurm")
    assert answer == {"job_id": job["job_id"], "native_id": "1"}
    assert [one["state"] for one in mine.service.list()["jobs"]] == ["QUEUED"]


def test_interrupted_submit_can_be_cancelled(life: Begin, queue: Queue, killed: Callable[[str], None]) -> None:
    killed("k")
    mine = life()
    (job,) = mine.service.list()["jobs"]
    mine.service.cancel(job["job_id"])
    assert mine.status(job["job_id"])["state"] == "CANCELED"


def test_psij_reads_no_queue_where_we_do(life: Begin, queue: Queue) -> None:
    submitted(life(), queue, "1")
    assert not [one.name for one in threading.enumerate() if one.name.startswith("slurm Queue Polling")]


def test_thread_looks_while_there_are_jobs_and_then_rests(
    life: Begin, queue: Queue, batch: ScriptedBatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    mine = life()
    mine.service.handover.reports.watch.pace = Pace(0.01)
    over = threading.Event()

    def count(what: str) -> None:
        if batch.asked.count("jobs") == 5:
            batch.knows["1"] = done("1")
            over.set()

    batch.on_ask = count
    (job,) = submitted(mine, queue, "1")
    batch.put(runs("1"))
    assert over.wait(30)
    batch.has.clear()
    assert mine.ended(job)["state"] == "COMPLETED"
    wait_until(lambda: not mine.service.handover.reports.watch._needed(), "nothing is left to look for")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_looks_are_soon_after_a_change_and_ever_rarer() -> None:
    clock = Clock()
    pace = Pace(POLL, clock)
    clock.now += 50
    pace.stir()
    assert pace.left == SOON
    delays = []
    for _ in range(8):
        clock.now += pace.left
        pace.looked(0.01, changed=False)
        delays.append(pace.left)
    assert delays == [2.0, 3.0, 4.5, 6.75, POLL, POLL, POLL, POLL]
    pace.looked(0.01, changed=True)
    assert pace.left == APART


def test_however_much_happens_two_looks_are_apart() -> None:
    clock = Clock()
    pace = Pace(POLL, clock)
    pace.looked(0.0, changed=False)
    for _ in range(100):
        clock.now += 0.01
        pace.stir()
    assert pace.left == pytest.approx(APART - 1.0)


def test_scheduler_that_takes_long_is_asked_less_often() -> None:
    clock = Clock()
    pace = Pace(POLL, clock)
    pace.stir()
    pace.looked(2.5, changed=True)
    assert pace.left == 25.0
    pace.looked(30.0, changed=False)
    assert pace.left == 60.0
    pace.looked(30.0, changed=False, answered=False)
    assert pace.left == pytest.approx(4.5)


@pytest.mark.parametrize(("text", "seconds"), [("", 10), ("2.5", 2.5), ("x", 10), ("0", 10), ("inf", 10)])
def test_interval_is_the_users(
    text: str, seconds: float, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("RADICAL_ORBIT_PSIJ_POLL", text)
    assert poll_interval() == seconds
    assert bool(caplog.text) == (seconds == 10 and bool(text))
