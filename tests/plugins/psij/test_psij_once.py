"""Submitting once: what a repeat of a key finds, in the same life of the endpoint and in the next."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from orbit_jupyter.plugin import ConflictError, InvalidFieldError, PluginError, ResourceNotFoundError
from orbit_jupyter.plugin.intents import Intent, Intents
from orbit_plugins.psij.answers import JobStatus, Submitted
from orbit_plugins.psij.bodies import Submit
from orbit_plugins.psij.claims import DUPLICATE, Claim
from orbit_plugins.psij.jobs import FINAL
from orbit_plugins.psij.service import Caller, JobService

if TYPE_CHECKING:
    from tests.plugins.psij.conftest import Scheduler

TIMED_OUT = "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"


class Life:
    """One life of an endpoint, as far as jobs go; the next has the same folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.service = JobService(root, self._tell)
        self._changed = threading.Condition()
        self._events: list[dict[str, Any]] = []

    def _tell(self, event: dict[str, Any], session: str) -> None:
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()

    def submit(self, spec: dict[str, Any], executor: str = "local", key: str = "k") -> Submitted:
        return self.service.submit(Submit(spec, executor), Caller("s", key, "ann"))

    def status(self, job_id: str) -> JobStatus:
        return self.service.status(job_id, 0, 0)

    def ended(self, job_id: str) -> JobStatus:
        def done() -> bool:
            return any(event["job_id"] == job_id and event["state"] in FINAL for event in self._events)

        with self._changed:
            assert self._changed.wait_for(done, 30), self._events
        return self.status(job_id)

    def states(self, job_id: str) -> list[str]:
        with self._changed:
            return [event["state"] for event in self._events if event["job_id"] == job_id]

    def poll(self, executor: str) -> None:
        """Look into the queue now, and not in half a minute."""
        made: Any = self.service.handover.executors.get(executor)
        made._queue_poll_thread._poll()

    def claim(self, job_id: str) -> Claim:
        return Claim(self.root / "claims" / job_id)


@pytest.fixture
def life(tmp_path: Path) -> Callable[[], Life]:
    """Begin the endpoint's next life."""
    return lambda: Life(tmp_path / "psij")


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
    with pytest.raises(ResourceNotFoundError, match="before this endpoint was started") as unknown:
        second.status(answer["job_id"])
    assert unknown.value.status == 404
    assert second.submit(spec) == answer
    status = second.status(answer["job_id"])
    assert (status["state"], status["native_id"]) == ("ACTIVE", answer["native_id"])
    (tmp_path / "fifo").write_text("world\n")
    status = second.ended(answer["job_id"])
    assert (status["state"], status["exit_code"], status["stdout"]) == ("FAILED", 3, "hello\nworld\n")
    assert second.states(answer["job_id"]) == ["QUEUED", "ACTIVE", "FAILED"]
    assert len(second.service.list()["jobs"]) == runs(tmp_path) == 1
    first.ended(answer["job_id"])

    # One that has ended meanwhile: its exit code was written down.
    third = life()
    with pytest.raises(ResourceNotFoundError, match="ended with exit code 3"):
        third.status(answer["job_id"])
    assert third.submit(spec) == answer
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
    first.ended(answer["job_id"])
    assert not psutil.pid_exists(int(answer["native_id"]))


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
    psutil.Process(int(answer["native_id"])).kill()
    psutil.Process(program).kill()
    first.ended(answer["job_id"])
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
    for again in (mine, life()):
        with pytest.raises(InvalidFieldError, match="another request before"):
            again.submit({**spec, "name": "other"})
    assert mine.ended(answer["job_id"])["state"] == "COMPLETED"
    assert runs(tmp_path) == 1


def test_executor_without_scripts_is_not_asked_a_second_time(life: Callable[[], Life], tmp_path: Path) -> None:
    spec = counting(tmp_path)
    dies_after_the_intent(tmp_path / "psij", spec, "job-1", "flux")
    for _ in range(2):
        with pytest.raises(ConflictError, match="flux may have this job already, and nobody knows"):
            life().submit(spec, "flux")


class Queue:
    """Slurm's programs, and a queue whose jobs a test starts."""

    def __init__(self, slurm: Scheduler, put: Callable[[str, str], Path], folder: Path) -> None:
        self._slurm, self._put, self._folder = slurm, put, folder
        put("scontrol", "echo node1")
        put("squeue", "echo JOBID ST REASON")
        put("scancel", f'echo "$@" >> {folder}/cancelled')
        self.submitted: list[str] = []

    def takes(self, native_id: str, *, answer: bool = True) -> None:
        """Take the next job; without an answer its submitter is told that the time is over."""
        says = f"echo Submitted batch job {native_id}" if answer else f"echo '{TIMED_OUT}' >&2; exit 1"
        self._put("sbatch", f'cp "$1" {self._folder}/job.{native_id}; {says}')

    @property
    def taken(self) -> set[str]:
        return {path.suffix[1:] for path in self._folder.glob("job.*")}

    def run(self, native_id: str) -> None:
        """Start a job that was taken, and wait for its end."""
        script = self._folder / f"job.{native_id}"
        subprocess.run(
            ["/bin/bash", script], env={**os.environ, "SLURM_JOB_ID": native_id}, check=True, timeout=60
        )

    def exit_code(self, native_id: str) -> int:
        return int((self._folder / "psij" / "work" / "slurm" / f"{native_id}.ec").read_text())


@pytest.fixture
def queue(slurm: Scheduler, program: Callable[[str, str], Path], tmp_path: Path) -> Queue:
    return Queue(slurm, program, tmp_path)


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
    mine.poll("slurm")  # the end of 4712, which had nothing to do
    assert mine.status(job_id)["native_id"] == "4711"
    mine.poll("slurm")
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
    mine.poll("slurm")
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
    mine.poll("slurm")
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
    mine.poll("slurm")  # 4712 is gone from the queue
    assert mine.status(job_id)["state"] in FINAL
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
    mine.poll("slurm")
    status = mine.status(job_id)
    assert (status["state"], status["exit_code"]) == ("FAILED", 6)
