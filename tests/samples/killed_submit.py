"""Submits a job and is killed in the midst of it, at the line that is asked for; then submits it again.

As a program: ``killed_submit.py FOLDER EXECUTOR LINE…``. For each LINE (how many lines of `TRACED` run before the
kill) one process submits and is killed, the next is the endpoint's second life, which repeats the submit and waits
for the job's end. A line of JSON is printed for each. A LINE of -1 kills nobody and counts the lines.

`trace` is what does it, for whoever starts an endpoint that is to be killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from scripted_batch import ScriptedBatch, systems

from orbit_jupyter.host.batch import BatchJob
from orbit_plugins.psij.bodies import Submit
from orbit_plugins.psij.offers import load_psij
from orbit_plugins.psij.service import Caller, JobService

TRACED = ("/orbit_plugins/psij/", "/orbit_jupyter/plugin/intents.py", "/orbit_jupyter/state/", "/psij/executors/")
FINAL = {"COMPLETED", "FAILED", "CANCELED"}


class Trace:
    """Counts the lines that run in `JobService.submit` and below, and kills the process at one of them."""

    def __init__(self, kill_at: int) -> None:
        self.lines = 0
        self._kill_at = kill_at
        self._thread: int | None = None

    def __call__(self, frame: FrameType, event: str, arg: Any) -> Any:
        where = frame.f_code.co_filename
        if self._thread is None and frame.f_code.co_name == "submit" and where.endswith("/psij/service.py"):
            self._thread = threading.get_ident()
        if self._thread != threading.get_ident() or not any(part in where for part in TRACED):
            return None
        return self._line

    def _line(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "line":
            if self.lines == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            self.lines += 1
        return self._line


def job(folder: Path) -> dict[str, Any]:
    """Return the job; it counts its runs."""
    return {"executable": "/bin/sh", "arguments": ["-c", f"echo run >> {folder}/ran; echo out"]}


class QueueFolder(ScriptedBatch):
    """A queue whose jobs are files of a folder, each named by its native id, with the script's path in it."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def jobs(self, user: str | None = None) -> list[BatchJob]:
        found = []
        for path in self._folder.iterdir():
            with contextlib.suppress(FileNotFoundError):  # it has just ended
                found.append(BatchJob(job_id=path.name, command=path.read_text().strip(), state="ACTIVE"))
        return found


def service_of(folder: Path) -> JobService:
    """Return the endpoint's part that has its state there; the queue is beside all of them."""
    queue = QueueFolder(folder.parent.parent / "queue")
    return JobService(folder / "psij", lambda event, session: None, systems(queue))


def submit(service: JobService, folder: Path, executor: str) -> dict[str, Any]:
    """Submit it; always with the same key."""
    return {**service.submit(Submit(job(folder), executor), Caller("s", "the key", "ann"))}


def first_life(folder: Path, executor: str, kill_at: int) -> dict[str, Any]:
    """Submit, and be killed on the way."""
    service, trace = service_of(folder), Trace(kill_at)
    sys.settrace(trace)
    try:
        answer = submit(service, folder, executor)
    finally:
        sys.settrace(None)
    return {"lines": trace.lines, "answer": answer}


def second_life(folder: Path, executor: str) -> dict[str, Any]:
    """Submit again, and wait for the end."""
    service = service_of(folder)
    answers = [submit(service, folder, executor) for _ in range(2)]
    while (status := service.status(answers[0]["job_id"], 0, 0))["state"] not in FINAL:
        time.sleep(0.02)
        service.handover.reports.watch.look()
    return {"answers": answers, "status": status, "jobs": service.list()["jobs"]}


def forked(life: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any] | None:
    """Return what a process returns that does this; None where it was killed."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reads)
            with os.fdopen(writes, "w") as out:
                json.dump(life(*arguments), out)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writes)
    with os.fdopen(reads) as told:
        text = told.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return None
    assert status == 0, text
    answer: dict[str, Any] = json.loads(text)
    return answer


def main() -> None:
    """Do what the module says."""
    root, executor, lines = Path(sys.argv[1]), sys.argv[2], [int(line) for line in sys.argv[3:]]
    load_psij()
    import psij.executors.local  # noqa: F401 - once, not in each child

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # which PSI/J has taken, to start a thread
    for line in lines:
        folder = root / str(line)
        folder.mkdir()
        first = forked(first_life, folder, executor, line)
        print(
            json.dumps({"line": line, "first": first, "second": forked(second_life, folder, executor)}), flush=True
        )


if __name__ == "__main__":
    main()
