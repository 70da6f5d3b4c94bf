"""Jobs: submitted, looked at, followed, cancelled; on real endpoints."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orbit_jupyter.protocol import ConflictError, InvalidFieldError, ResourceNotFoundError
from orbit_jupyter.verbs import Ending, UsageMistake
from orbit_jupyter.verbs.jobs import Reader

if TYPE_CHECKING:
    from tests.verbs.conftest import Orbit


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    """A pipe with a name: a job that reads it waits until the test writes."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


@pytest.fixture
def interrupts() -> Iterator[None]:
    """Python's own answer to SIGINT, which a run in the background doesn't have."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_submitted_job_is_returned_as_its_handle(orbit: Orbit) -> None:
    outcome = orbit("submit --on hpc1 -- echo hello")
    assert outcome.value.wait(30) == "COMPLETED"
    assert outcome.value.output == "hello\n"
    assert outcome.data == {
        "job_id": outcome.value.id,
        "native_id": outcome.value.native_id,
        "endpoint": "hpc1",
        "executor": "local",
    }


def test_options_reach_the_job(orbit: Orbit, tmp_path: Path) -> None:
    job = orbit(f"submit --on hpc1 -d {tmp_path} -e WORD='two words' -t 5m -- sh -c 'pwd; echo $WORD'").value
    assert job.wait(30) == "COMPLETED"
    assert job.output == f"{tmp_path}\ntwo words\n"
    assert job.status()["duration"] == 300


def test_what_the_endpoint_refuses_is_an_error_with_the_field(orbit: Orbit) -> None:
    with pytest.raises(InvalidFieldError, match="directory"):
        orbit("submit --on hpc1 -d /no/such/folder -- true")
    with pytest.raises(InvalidFieldError, match="nope"):
        orbit("submit --on hpc1 -x nope -- true")


def test_wait_shows_progress_and_writes_the_output(orbit: Orbit) -> None:
    outcome = orbit("submit --wait --on hpc1 -- sh -c 'echo out; echo err >&2; exit 3'")
    assert outcome.ending is Ending.FAILED
    assert (outcome.data["state"], outcome.data["exit_code"]) == ("FAILED", 3)
    assert orbit.face.written == [("stdout", "out\n"), ("stderr", "err\n")]
    assert orbit.face.shown[-1].startswith(f"job {outcome.value.id[:8]} on hpc1: FAILED, 0:0")


def test_wait_can_be_the_default(orbit: Orbit) -> None:
    orbit.context.wait = True
    assert orbit("submit --on hpc1 -- true").data["state"] == "COMPLETED"
    assert "state" not in orbit("submit --no-wait --on hpc1 -- true").data


def test_a_cell_is_a_script_that_travels_with_the_job(orbit: Orbit) -> None:
    cell = '#!/bin/bash\n#SBATCH -n 2\nfor word in it\\\'s "a script"; do\n  echo "$word"\ndone\nexit 4\n'
    outcome = orbit("submit --wait --on hpc1", cell)
    assert orbit.face.written[0] == ("stdout", "it's\na script\n")
    assert outcome.data["exit_code"] == 4
    assert "#SBATCH lines are comments here" in orbit.face.said[0]


def test_a_script_can_come_from_a_file_of_this_machine(orbit: Orbit, tmp_path: Path) -> None:
    script = tmp_path / "job.py"
    script.write_text("print('from', 'a file')")
    orbit(f"submit --wait --on hpc1 --script {script} -- python3 -u")
    assert orbit.face.written[0] == ("stdout", "from a file\n")
    with pytest.raises(UsageMistake, match="can't be read"):
        orbit(f"submit --on hpc1 --script {tmp_path}/nope")
    with pytest.raises(UsageMistake, match="not both"):
        orbit(f"submit --on hpc1 --script {script}", "echo")
    with pytest.raises(UsageMistake, match="say what to run: %orbit submit"):
        orbit("submit --on hpc1")


def test_an_interrupt_while_waiting_cancels_the_job_and_keeps_the_handle(orbit: Orbit, interrupts: None) -> None:
    def on_tell(text: str) -> None:
        if "ACTIVE" in text:
            signal.raise_signal(signal.SIGINT)

    orbit.face.on_tell = on_tell
    outcome = orbit("submit --wait --on hpc1 -- sleep 100")
    assert outcome.ending is Ending.INTERRUPTED
    assert outcome.value.state == "CANCELED"
    assert outcome.data["state"] == "CANCELED"
    assert "is being cancelled" in orbit.face.said[0]
    assert orbit.face.said[-1] == f"job {outcome.value.id[:8]} is CANCELED"


def test_an_interrupt_in_the_middle_of_a_submit_waits_for_the_id_and_cancels(
    orbit: Orbit, interrupts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = orbit.context.jobs("hpc1")
    really, said = jobs.submit_job, threading.Event()
    monkeypatch.setattr(orbit.face, "say", lambda text: said.set())

    def submit_job(*args: object, **more: object) -> object:
        os.kill(os.getpid(), signal.SIGINT)
        assert said.wait(20)
        return really(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(jobs, "submit_job", submit_job)
    outcome = orbit("submit --on hpc1 -- sleep 100")
    assert outcome.ending is Ending.INTERRUPTED
    assert outcome.value.wait(20) == "CANCELED"


def test_jobs_lists_those_that_run_and_all_if_asked(orbit: Orbit, fifo: Path) -> None:
    ended = orbit("submit --wait --on hpc1 -- true").value
    running = orbit(f"submit --on hpc1 -- cat {fifo}").value
    listed = [row["job_id"] for row in orbit("jobs --on hpc1").value]
    assert running.id in listed
    assert ended.id not in listed
    everything = orbit("jobs --all --on hpc1").value
    assert {running.id, ended.id} <= {row["job_id"] for row in everything}
    assert running.id[:8] in repr(everything)
    fifo.write_text("go\n")
    assert running.wait(30) == "COMPLETED"


def test_the_last_job_is_meant_where_none_is_named(orbit: Orbit) -> None:
    orbit("submit --wait --on hpc1 -- echo first")
    second = orbit("submit --wait --on hpc2 -- echo second").value
    assert orbit("output").value == "second\n"
    assert [row["job_id"] for row in orbit("status").value] == [second.id]
    # On the other endpoint, and after a choice, it is the newest there.
    assert orbit("output --on hpc1").value == "first\n"
    orbit("use hpc1")
    assert orbit("output").value == "first\n"


def test_a_job_is_known_by_the_beginning_of_its_id_and_by_the_schedulers(orbit: Orbit) -> None:
    job = orbit("submit --wait --on hpc1 -- echo hello").value
    for word in (job.id, job.id[:8], job.native_id):
        assert orbit(f"output {word} --on hpc1").value == "hello\n", word
    assert orbit(f"output {job.id[:8]}").value == "hello\n"  # it was submitted from here
    with pytest.raises(ResourceNotFoundError, match="no job 'zz' on endpoint hpc1; %orbit jobs --all"):
        orbit("status zz --on hpc1")
    with pytest.raises(UsageMistake, match="write more of it"):
        orbit.context._find_job("", "hpc1")


def test_without_any_job_it_says_how_to_submit_one(orbit: Orbit, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = orbit.context.jobs("hpc1")
    monkeypatch.setattr(jobs, "list_jobs", lambda: {"jobs": []})
    with pytest.raises(ResourceNotFoundError, match="submit one with: %orbit submit"):
        orbit("status --on hpc1")


def test_output_follows_a_job_until_it_ends(orbit: Orbit, fifo: Path) -> None:
    job = orbit(f"submit --on hpc1 -- sh -c 'echo before; cat {fifo}; echo late >&2'").value
    seen = threading.Event()
    written: list[str] = []

    def write(text: str, stream: str = "stdout") -> None:
        written.append(text)
        seen.set()

    def go_on() -> None:
        seen.wait(30)
        fifo.write_text("after\n")

    orbit.face.write = write  # type: ignore[method-assign]
    other_side = threading.Thread(target=go_on)
    other_side.start()
    outcome = orbit(f"output -f {job.id}")
    other_side.join()
    assert written[0] == "before\n"
    assert "".join(written) == outcome.value == "before\nafter\n"
    assert outcome.value.written
    assert (outcome.data["state"], outcome.data["exit_code"]) == ("COMPLETED", 0)
    assert orbit("output --stderr").value == "late\n"


def test_an_interrupt_while_following_leaves_the_job_alone(
    orbit: Orbit, fifo: Path, interrupts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = orbit(f"submit --on hpc1 -- sh -c 'echo before; cat {fifo}'").value
    monkeypatch.setattr(orbit.face, "write", lambda *_: signal.raise_signal(signal.SIGINT))
    outcome = orbit("output -f")
    assert outcome.ending is Ending.INTERRUPTED
    assert outcome.value == "before\n"
    assert "goes on" in orbit.face.said[-1]
    fifo.write_text("")
    assert job.wait(30) == "COMPLETED"


def test_output_of_more_than_one_answer_comes_whole(orbit: Orbit) -> None:
    job = orbit("submit --wait --on hpc1 -- python3 -c 'print(\"é\" * 800_000)'").value
    reader = Reader(orbit.context.jobs("hpc1"), job.id, "stdout")
    while reader.read():
        pass
    assert len(reader.pieces) > 1
    assert "".join(reader.pieces) == "é" * 800_000 + "\n"


def test_cancel_ends_all_that_are_named_though_one_has_ended(orbit: Orbit, fifo: Path) -> None:
    ended = orbit("submit --wait --on hpc1 -- true").value
    running = orbit(f"submit --on hpc1 -- cat {fifo}").value
    with pytest.raises(ConflictError, match="nothing left to cancel"):
        orbit(f"cancel {ended.id} {running.id}")
    assert running.wait(30) == "CANCELED"
    again = orbit("submit --on hpc1 -- sleep 100").value
    assert [row["job_id"] for row in orbit("cancel").value] == [again.id]
    assert again.wait(30) == "CANCELED"
