"""Submitting once: what a repeat of a key finds, in the same life of the endpoint and in the next."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from psij_life import Life, Queue
from stage import wait_until

from orbit_jupyter.plugin import ConflictError, InvalidFieldError, PluginError
from orbit_jupyter.plugin.intents import Intent, Intents
from orbit_plugins.psij.bodies import Submit
from orbit_plugins.psij.claims import DUPLICATE


def counting(tmp_path: Path, then: str = ":") -> dict[str, Any]:
    return {"executable": "/bin/sh", "arguments": ["-c", f"echo run >> {tmp_path}/ran; {then}"]}


def runs(tmp_path: Path) -> int:
    path = tmp_path / "ran"
    return len(path.read_text().splitlines()) if path.exists() else 0


def dies_after_the_intent(root: Path, spec: dict[str, Any], job_id: str, executor: str = "local") -> None:
    """Leave what an endpoint leaves that is killed before it has done anything, or before it says so."""

    class Killed(BaseException):
        pass

    def act(intent: Intent) -> None:
        raise Killed

    asked = ["Submit", Submit(spec, executor)]
    with pytest.raises(Killed):
        Intents(root / "intents").once("k", asked, act, user="ann", note=lambda: {"job_id": job_id})


def test_repeat_in_the_next_life_is_the_same_job_and_it_is_followed(
    life: Callable[[], Life], tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "fifo")
    spec, first = counting(tmp_path, f"echo hello; cat {tmp_path}/fifo; exit 3"), life()
    answer = first.submit(spec)
    second = life()
    status = second.status(answer["job_id"])
    assert (status["state"], status["native_id"]) == ("ACTIVE", answer["native_id"])
    assert second.submit(spec) == answer
    (tmp_path / "fifo").write_text("world\n")
    status = second.ended(answer["job_id"])
    assert (status["state"], status["exit_code"], status["stdout"]) == ("FAILED", 3, "hello\nworld\n")
    assert second.states(answer["job_id"]) == ["FAILED"]
    assert len(second.service.list()["jobs"]) == runs(tmp_path) == 1

    third = life()
    assert third.status(answer["job_id"]) == status
    assert third.submit(spec) == answer
    assert third.states(answer["job_id"]) == []
    status = third.status(answer["job_id"])
    assert (status["state"], status["exit_code"], status["stdout"]) == ("FAILED", 3, "hello\nworld\n")


def test_job_of_another_life_can_be_cancelled(life: Callable[[], Life], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    spec, first = counting(tmp_path, f"echo > {tmp_path}/fifo; sleep 300"), life()
    answer = first.submit(spec)
    (tmp_path / "fifo").read_text()
    second = life()
    assert second.submit(spec) == answer
    second.service.cancel(answer["job_id"])
    assert second.ended(answer["job_id"])["state"] == "CANCELED"
    wait_until(lambda: not psutil.pid_exists(int(answer["native_id"])), "whose child it was has noticed its end")


def test_open_intent_without_a_job_is_submitted_under_its_first_id(
    life: Callable[[], Life], tmp_path: Path
) -> None:
    spec = counting(tmp_path)
    dies_after_the_intent(tmp_path / "psij", spec, "job-1")
    mine = life()
    answer = mine.submit(spec)
    assert answer["job_id"] == "job-1"
    assert mine.submit(spec) == answer
    status = mine.ended("job-1")
    assert (status["state"], status["native_id"], runs(tmp_path)) == ("COMPLETED", answer["native_id"], 1)


def test_open_intent_whose_job_runs_is_attached_to_it(life: Callable[[], Life], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    spec, first = counting(tmp_path, f"echo > {tmp_path}/fifo; cat {tmp_path}/fifo"), life()
    answer = first.submit(spec, key="another")
    (tmp_path / "fifo").read_text()
    dies_after_the_intent(tmp_path / "psij", spec, answer["job_id"])
    second = life()
    assert second.submit(spec) == answer
    (tmp_path / "fifo").write_text("on\n")
    status = second.ended(answer["job_id"])
    assert (status["state"], status["exit_code"], status["stdout"]) == ("COMPLETED", 0, "on\n")
    assert runs(tmp_path) == 1


def test_job_whose_process_is_gone_without_a_word_has_failed(life: Callable[[], Life], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    spec, first = counting(tmp_path, f"echo $$ > {tmp_path}/fifo; exec sleep 300"), life()
    answer = first.submit(spec)
    program = int((tmp_path / "fifo").read_text())
    first.die()
    psutil.Process(int(answer["native_id"])).kill()
    psutil.Process(program).kill()
    second = life()
    assert second.submit(spec) == answer
    status = second.ended(answer["job_id"])
    assert (status["state"], status["exit_code"]) == ("FAILED", None)
    assert status["message"] == "its process is gone, and nothing is known of its end"


def test_job_on_another_machine_is_followed_by_its_claim_alone(life: Callable[[], Life], tmp_path: Path) -> None:
    spec = counting(tmp_path)
    dies_after_the_intent(tmp_path / "psij", spec, "job-1")
    mine = life()
    folder = tmp_path / "psij" / "claims" / "job-1"
    folder.mkdir(parents=True)
    # A process that there is here: not the one.
    (folder / "claim").write_text(f"{os.getpid()}\nanother.example\nx\n")
    assert mine.submit(spec) == {"job_id": "job-1", "native_id": str(os.getpid())}
    assert mine.status("job-1")["state"] == "ACTIVE"
    with pytest.raises(PluginError, match=r"it runs on another\.example"):
        mine.service.cancel("job-1")
    (folder / "exit").write_text("0\n")
    assert mine.ended("job-1")["state"] == "COMPLETED"
    assert runs(tmp_path) == 0


def test_key_with_another_request_or_route_is_refused(life: Callable[[], Life], tmp_path: Path) -> None:
    mine, spec = life(), counting(tmp_path)
    answer = mine.submit(spec)
    assert mine.ended(answer["job_id"])["state"] == "COMPLETED"
    with pytest.raises(InvalidFieldError, match="another request before"):
        mine.submit({**spec, "name": "other"})
    with pytest.raises(InvalidFieldError, match="another request before"):
        life().submit({**spec, "name": "other"})
    assert runs(tmp_path) == 1


def test_executor_without_scripts_is_not_asked_a_second_time(life: Callable[[], Life], tmp_path: Path) -> None:
    spec = counting(tmp_path)
    dies_after_the_intent(tmp_path / "psij", spec, "job-1", "flux")
    for _ in range(2):
        with pytest.raises(ConflictError, match="flux may have this job already, and nobody knows"):
            life().submit(spec, "flux")


@pytest.mark.parametrize("restart", [False, True])
def test_job_whose_submit_had_no_answer_runs_once_whichever_starts_first(
    restart: bool, life: Callable[[], Life], queue: Queue, tmp_path: Path
) -> None:
    spec, mine = counting(tmp_path, "echo out"), life()
    queue.takes("4711", answer=False)
    with pytest.raises(PluginError) as away:
        mine.submit(spec, "slurm")
    assert away.value.transient
    mine = life() if restart else mine
    queue.takes("4712")
    answer = mine.submit(spec, "slurm")
    assert answer["native_id"] == "4712"
    job_id = answer["job_id"]

    queue.run("4711")
    queue.run("4712")
    assert (runs(tmp_path), queue.exit_code("4712")) == (1, DUPLICATE)
    mine.look()  # the end of 4712, which had nothing to do
    assert mine.status(job_id)["native_id"] == "4711"
    mine.look()
    status = mine.status(job_id)
    assert (status["state"], status["exit_code"], status["stdout"]) == ("COMPLETED", 0, "out\n")
    assert "FAILED" not in mine.states(job_id)
    assert [job["job_id"] for job in mine.service.list()["jobs"]] == [job_id]
    assert queue.taken == {"4711", "4712"}


def test_loser_does_not_disturb_the_job_that_is_known(
    life: Callable[[], Life], queue: Queue, tmp_path: Path
) -> None:
    spec, mine = counting(tmp_path), life()
    queue.takes("4711", answer=False)
    with pytest.raises(PluginError):
        mine.submit(spec, "slurm")
    queue.takes("4712")
    job_id = mine.submit(spec, "slurm")["job_id"]
    queue.run("4712")
    queue.run("4711")
    mine.look()
    status = mine.status(job_id)
    assert (status["state"], status["native_id"], runs(tmp_path)) == ("COMPLETED", "4712", 1)


def test_job_that_turns_out_to_run_is_not_submitted_again(
    life: Callable[[], Life], queue: Queue, tmp_path: Path
) -> None:
    spec, mine = counting(tmp_path, "exit 4"), life()
    queue.takes("4711", answer=False)
    with pytest.raises(PluginError):
        mine.submit(spec, "slurm")
    queue.run("4711")
    queue.takes("4712")
    answer = mine.submit(spec, "slurm")
    assert (answer["native_id"], queue.taken) == ("4711", {"4711"})
    mine.look()
    status = mine.status(answer["job_id"])
    assert (status["state"], status["exit_code"]) == ("FAILED", 4)


def test_other_try_of_a_cancelled_job_never_starts(life: Callable[[], Life], queue: Queue, tmp_path: Path) -> None:
    spec, mine = counting(tmp_path), life()
    queue.takes("4711", answer=False)
    with pytest.raises(PluginError):
        mine.submit(spec, "slurm")
    queue.takes("4712")
    job_id = mine.submit(spec, "slurm")["job_id"]
    mine.service.cancel(job_id)
    queue.run("4711")
    assert (runs(tmp_path), queue.exit_code("4711")) == (0, DUPLICATE)
    queue.ended("4712")
    mine.look()
    assert mine.status(job_id)["state"] == "CANCELED"


def test_cancel_reaches_the_try_that_runs(life: Callable[[], Life], queue: Queue, tmp_path: Path) -> None:
    spec, mine = counting(tmp_path), life()
    queue.takes("4711", answer=False)
    with pytest.raises(PluginError):
        mine.submit(spec, "slurm")
    queue.takes("4712")
    job_id = mine.submit(spec, "slurm")["job_id"]
    claim = mine.claim(job_id)
    (tmp_path / "psij" / "claims" / job_id / "claim").write_text("4711\nnode1\nx\n")
    mine.service.cancel(job_id)
    assert (tmp_path / "cancelled").read_text().split()[-1] == "4711"
    holder = claim.holder()
    assert holder is not None
    assert (holder.native_id, mine.status(job_id)["native_id"]) == ("4711", "4711")


def test_other_try_of_a_job_that_ended_without_starting_never_starts(
    life: Callable[[], Life], queue: Queue, tmp_path: Path
) -> None:
    spec, mine = counting(tmp_path), life()
    queue.takes("4711", answer=False)
    with pytest.raises(PluginError):
        mine.submit(spec, "slurm")
    queue.takes("4712")
    job_id = mine.submit(spec, "slurm")["job_id"]
    queue.ended("4712")
    mine.look()
    assert mine.status(job_id)["state"] == "CANCELED"
    queue.run("4711")
    assert runs(tmp_path) == 0


def test_exit_code_is_known_where_the_scheduler_has_purged_the_job(
    life: Callable[[], Life], queue: Queue, tmp_path: Path
) -> None:
    spec, mine = counting(tmp_path, "exit 6"), life()
    queue.takes("4711")
    job_id = mine.submit(spec, "slurm")["job_id"]
    queue.run("4711")
    (tmp_path / "psij" / "work" / "slurm" / "4711.ec").unlink()
    mine.look()
    status = mine.status(job_id)
    assert (status["state"], status["exit_code"]) == ("FAILED", 6)
