"""The verbs for jobs that are there: jobs, status, output, cancel."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

from orbit_jupyter.protocol import OrbitError

from .context import Context, Jobs, KnownJob, short
from .face import Stream
from .outcome import Ending, Outcome
from .values import Output, Row, Shown, Table

FINAL = frozenset({"COMPLETED", "FAILED", "CANCELED"})

NOTHING = 1 << 62
"""An offset past every file's end: that stream isn't wanted."""

SOON, LATE = 0.2, 2.0
"""Seconds between two looks for output: soon after some has come, and at most."""

_COMMAND = 60


def jobs(context: Context, given: argparse.Namespace) -> Outcome:
    """List the jobs of an endpoint that haven't ended, or all that it knows."""
    name = context.endpoint_name(given.on)
    listed = context.jobs(name).list_jobs()["jobs"]
    rows = [{"endpoint": name, **job} for job in listed if given.all or job["state"] not in FINAL]
    ended = len(listed) - len(rows)
    columns: dict[str, Shown] = {
        "job": lambda row: short(row["job_id"]),
        "native id": "native_id",
        "state": "state",
        "exit": "exit_code",
        "executor": "executor",
        "queue": "queue_name",
        "nodes": "node_count",
        "command": command_of,
    }
    empty = f"no job on {name} is waiting or running" if not given.all else f"there is no job on {name}"
    if ended:
        empty += f"; {ended} ended: {context.face.prog} jobs --all"
    table = Table(rows, columns, f"Jobs on {name}", empty)
    return Outcome(table, list(table), table.grid)


def status(context: Context, given: argparse.Namespace) -> Outcome:
    """Say how jobs are doing."""
    table = _table(context, context.find_jobs(given.jobs, given.on), "Status")
    return Outcome(table, list(table), table.grid)


def cancel(context: Context, given: argparse.Namespace) -> Outcome:
    """Ask for the end of jobs."""
    found = context.find_jobs(given.jobs, given.on)
    first_error: OrbitError | None = None
    for job in found:
        try:
            context.jobs(job.endpoint).cancel_job(job.job_id)
        except OrbitError as error:  # the others are cancelled all the same
            first_error = first_error or error
    if first_error is not None:
        raise first_error
    table = _table(context, found, "Cancelling")
    return Outcome(table, list(table), table.grid)


def output(context: Context, given: argparse.Namespace) -> Outcome:
    """Return what a job has written; with ``--follow`` pass it on as it comes, until the job ends."""
    (job,) = context.find_jobs([given.job] if given.job else [], given.on)
    stream: Stream = "stderr" if given.stderr else "stdout"
    reader = Reader(context.jobs(job.endpoint), job.job_id, stream)
    ending = Ending.DONE
    if given.follow:
        try:
            for piece in reader.follow():
                context.face.write(piece)
        except KeyboardInterrupt:
            context.face.say(f"interrupted: job {short(job.job_id)} goes on; {context.face.prog} cancel ends it")
            ending = Ending.INTERRUPTED
    else:
        while reader.read():
            pass
    text = "".join(reader.pieces)
    data = {
        "endpoint": job.endpoint,
        "job_id": job.job_id,
        "state": reader.state,
        "exit_code": reader.exit_code,
        "stream": stream,
        "text": text,
    }
    value = Output(text, written=given.follow)
    return Outcome(value, data, None if given.follow else text, ending=ending)


class Reader:
    """Reads one stream of a job's output, piece by piece.

    Parameters
    ----------
    jobs
        The endpoint's `psij`.
    job_id
        The job.
    stream
        Which of the two.
    """

    def __init__(self, jobs: Jobs, job_id: str, stream: Stream) -> None:
        self._jobs, self._job_id, self._stream = jobs, job_id, stream
        self._offset = 0
        self.pieces: list[str] = []
        self.state = "NEW"
        self.exit_code: int | None = None

    def read(self) -> str:
        """Return what is new, at most 1 MiB; empty where nothing is."""
        offsets = (self._offset, NOTHING) if self._stream == "stdout" else (NOTHING, self._offset)
        status = self._jobs.get_job_status(self._job_id, *offsets)
        self._offset = status[f"{self._stream}_offset"]
        self.state, self.exit_code = status["state"], status["exit_code"]
        piece = str(status[self._stream])
        if piece:
            self.pieces.append(piece)
        return piece

    def follow(self) -> Iterator[str]:
        """Yield what comes until the job has ended and nothing is left."""
        pause = SOON
        while True:
            piece = self.read()
            if piece:
                pause = SOON
                yield piece
            elif self.state in FINAL:
                return
            else:
                # No event tells of output.
                time.sleep(pause)
                pause = min(LATE, pause * 1.5)


def command_of(row: Row) -> str:
    """Return a job's command, cut to what a table has room for."""
    command = " ".join(" ".join([str(row["executable"]), *map(str, row.get("arguments") or ())]).split())
    return command if len(command) <= _COMMAND else command[: _COMMAND - 1] + "…"


def _table(context: Context, found: list[KnownJob], title: str) -> Table:
    rows = []
    for job in found:
        status = context.jobs(job.endpoint).get_job_status(job.job_id, NOTHING, NOTHING)
        row = {key: value for key, value in status.items() if not key.startswith(("stdout", "stderr"))}
        rows.append({"endpoint": job.endpoint, **row})
    columns: dict[str, Shown] = {
        "job": lambda row: short(row["job_id"]),
        "endpoint": "endpoint",
        "native id": "native_id",
        "state": "state",
        "exit": "exit_code",
        "since": lambda row: time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(row["time"])),
        "message": "message",
        "command": command_of,
    }
    return Table(rows, columns, title)
