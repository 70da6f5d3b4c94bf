"""Programs that hang, print without end, fail or aren't there."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from orbit_jupyter.host.batch.asking import Asker
from orbit_jupyter.plugin.program import NoAnswerError, Program, TooMuchOutputError
from orbit_jupyter.protocol import PluginError

Make = Callable[[str], Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return what makes a program of a shell script, by the name ``tool``."""

    def write(script: str) -> Path:
        path = tmp_path / "tool"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return write


def asker(path: Path, **environ: str) -> Asker:
    """Return one whose PATH has the program first."""
    path_ = f"{path.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return Asker("Batch", {"FORMAT": "ours"}, ("TOOL_",), {"PATH": path_, **environ})


def gone(pid: int) -> bool:
    """Return whether a process has ended."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_program_that_hangs_is_ended_with_all_that_it_started(make: Make, tmp_path: Path) -> None:
    tool = make(f"sleep 600 & echo $! > {tmp_path}/pid; echo half an answer; wait")
    began = time.monotonic()
    with pytest.raises(
        PluginError, match=r"Batch: tool gave no answer within 0\.5 s; try again, or set"
    ) as failed:
        asker(tool, RADICAL_ORBIT_BATCH_TIMEOUT="0.5").ask("tool")
    assert (failed.value.status, failed.value.transient) == (503, True)
    assert time.monotonic() - began < 30
    pid = int((tmp_path / "pid").read_text())
    until = time.monotonic() + 30
    while not gone(pid):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_program_whose_child_keeps_its_output_open_has_the_same_deadline(make: Make) -> None:
    with pytest.raises(NoAnswerError):
        Program(str(make("sleep 600 & echo done"))).run([], 0.5)


@pytest.mark.parametrize("stream", [1, 2])
def test_program_that_prints_without_end_is_ended(make: Make, stream: int) -> None:
    with pytest.raises(TooMuchOutputError, match="more than 3 MiB"):
        Program(str(make(f"exec cat /dev/zero >&{stream}"))).run([], 60, most=3 * 2**20)


def test_much_output_on_both_streams_arrives_whole(make: Make) -> None:
    script = "head -c 3000000 /dev/zero | tr '\\0' a; head -c 2000000 /dev/zero | tr '\\0' b >&2; exit 3"
    answer = Program(str(make(script))).run([], 60)
    assert (answer.code, len(answer.text), len(answer.complaints)) == (3, 3_000_000, 2_000_000)


def test_closing_ends_a_program_that_another_thread_waits_for(make: Make, tmp_path: Path) -> None:
    ask = asker(make(f"echo > {tmp_path}/begun; exec sleep 600"))
    errors: list[Exception] = []

    def wait() -> None:
        try:
            ask.ask("tool")
        except PluginError as error:
            errors.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    until = time.monotonic() + 30
    while not (tmp_path / "begun").exists():
        assert time.monotonic() < until
        time.sleep(0.02)
    ask.close()
    thread.join(30)
    assert not thread.is_alive()
    assert len(errors) == 1


def test_users_own_settings_do_not_change_what_programs_print(make: Make) -> None:
    tool = make('echo "$TOOL_FORMAT|$FORMAT|$LC_ALL|$OTHER"')
    ask = asker(tool, TOOL_FORMAT="theirs", FORMAT="theirs", LC_ALL="de_DE.UTF-8", OTHER="kept")
    assert ask.ask("tool") == "|ours|C|kept\n"


@pytest.mark.parametrize(
    "said",
    [
        "slurm_load_jobs error: Unable to contact slurm controller (connect failure)",
        "slurm_load_jobs error: Socket timed out on send/recv operation",
        "squeue: error: Slurm backup controller in standby mode",
        "sacct: error: Problem talking to the database: Connection refused",
        "qstat: cannot connect to server pbshost (errno=15010)",
        "slurm_load_jobs error: Zero Bytes were transmitted or received",
        "squeue: error: authentication: Munge encode failed: Failed to access /run/munge: munged down",
    ],
)
def test_batch_system_that_is_away_may_be_asked_again(make: Make, said: str) -> None:
    with pytest.raises(PluginError, match="can't reach it") as failed:
        asker(make(f"echo '{said}' >&2; exit 1")).ask("tool")
    assert (failed.value.status, failed.value.transient) == (503, True)
    assert said in str(failed.value)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            "echo 'tool: error: no such partition' >&2; exit 1",
            "Batch: tool failed: tool: error: no such partition",
        ),
        ("echo; echo 'on stdout'; exit 2", "Batch: tool failed: on stdout"),
        ("exit 7", "Batch: tool failed: exit code 7, no message"),
        ("kill -9 $$", f"Batch: tool failed: exit code -{int(signal.SIGKILL)}, no message"),
    ],
)
def test_refusal_says_what_the_program_said(make: Make, script: str, message: str) -> None:
    with pytest.raises(PluginError) as failed:
        asker(make(script)).ask("tool")
    assert (str(failed.value), failed.value.status, failed.value.transient) == (message, 500, False)


def test_garbage_is_shown_by_its_first_line() -> None:
    def parse(text: str) -> None:
        raise ValueError("no table")

    with pytest.raises(PluginError) as failed:
        Asker("Batch", {}).read("tool", "\n\n  <html>no</html>\nmore", parse)
    assert str(failed.value) == (
        "Batch: what tool printed can't be read (ValueError: no table); it begins with '<html>no</html>'"
    )
    assert (failed.value.status, failed.value.transient) == (500, False)


@pytest.mark.parametrize("said", ["soon", "0", "-1", "nan", "inf"])
def test_deadline_that_is_no_number_of_seconds_is_an_error(said: str) -> None:
    with pytest.raises(PluginError, match=r"RADICAL_ORBIT_BATCH_TIMEOUT is '.*'; set it to a number of seconds"):
        Asker("Batch", {}, environ={"RADICAL_ORBIT_BATCH_TIMEOUT": said})


def test_program_that_cannot_be_started_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "tool"
    path.write_bytes(b"\x7fELF nonsense")
    path.chmod(0o755)
    with pytest.raises(PluginError, match="Batch: tool can't be run"):
        asker(path).ask("tool")
