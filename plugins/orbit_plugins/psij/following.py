"""Output of running jobs, told as it is written, to those who follow them. Everything here may block."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from orbit_jupyter.plugin import OverloadedError

from .jobs import JobRecord
from .output import read_from

log = logging.getLogger("orbit.psij")

Stream = Literal["stdout", "stderr"]
STREAMS: tuple[Stream, ...] = ("stdout", "stderr")

MOST = 1000
"""Jobs that are followed at once."""

LOOK, LONGEST = 0.5, 4.0
"""Seconds between two looks at a job's files: while it writes, and at most."""

PIECE = 24 * 1024
"""Bytes of output in one event; as JSON, an event's limit is 64 KiB."""

PIECES = 8
"""Events of one stream between two looks. What a job writes beyond is skipped: followers ask for it."""

_LARGEST = 56 * 1024


@dataclass
class _Followed:
    record: JobRecord
    offsets: dict[Stream, int]
    sessions: set[str] = field(default_factory=set)
    delay: float = LOOK
    next: float = 0.0

    def path(self, stream: Stream) -> Path:
        return self.record.stdout_path if stream == "stdout" else self.record.stderr_path


class Following:
    """Looks at the files of all jobs that are followed, in one thread while there are any.

    Attributes
    ----------
    tell
        Sends one ``job_output`` event: (event, session); never blocks.
    """

    def __init__(self) -> None:
        self.tell: Callable[[dict[str, Any], str], None] = lambda event, session: None
        self._changed = threading.Condition()
        self._followed: dict[str, _Followed] = {}
        self._thread: threading.Thread | None = None
        self._stopped = False

    def follow(self, record: JobRecord, session: str) -> dict[Stream, int]:
        """Tell of what a job writes from now on, and return the offsets from which that begins.

        Raises
        ------
        OverloadedError
            Too many jobs are followed.
        """
        with self._changed:
            followed = self._followed.get(record.job_id)
            if followed is None:
                if len(self._followed) >= MOST:
                    raise OverloadedError(f"{MOST} jobs are followed already; ask for the output instead")
                followed = _Followed(record, {})
                followed.offsets = {stream: _size(followed.path(stream)) for stream in STREAMS}
                if record.ended or self._stopped:
                    return followed.offsets
                self._followed[record.job_id] = followed
            followed.sessions.add(session)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="psij output", daemon=True)
                self._thread.start()
            self._changed.notify_all()
            return dict(followed.offsets)

    def unfollow(self, job_id: str, session: str) -> None:
        """Have a session follow a job no more."""
        with self._changed:
            followed = self._followed.get(job_id)
            if followed is not None:
                followed.sessions.discard(session)
                if not followed.sessions:
                    del self._followed[job_id]

    def keep(self, sessions: Collection[str]) -> None:
        """Forget what other sessions followed: they are gone."""
        with self._changed:
            for job_id, followed in list(self._followed.items()):
                followed.sessions.intersection_update(sessions)
                if not followed.sessions:
                    del self._followed[job_id]

    def finish(self, record: JobRecord) -> None:
        """Tell the last of a job that has ended."""
        with self._changed:
            followed = self._followed.pop(record.job_id, None)
            if followed is not None:
                self._read(followed, ended=True)

    def stop(self) -> None:
        """Follow nothing any more."""
        with self._changed:
            self._stopped = True
            self._followed.clear()
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(LONGEST)

    def _run(self) -> None:
        with self._changed:
            while not self._stopped:
                if not self._followed:
                    self._changed.wait()
                    continue
                now = time.monotonic()
                due = [followed for followed in self._followed.values() if followed.next <= now]
                for followed in due:
                    try:
                        wrote = self._read(followed, ended=False)
                    except Exception:  # one job's file must not hide the others'
                        log.exception("the output of job %s can't be told", followed.record.job_id)
                        wrote = False
                    followed.delay = LOOK if wrote else min(followed.delay * 1.5, LONGEST)
                    followed.next = time.monotonic() + followed.delay
                soonest = min(followed.next for followed in self._followed.values())
                self._changed.wait(max(0.0, soonest - time.monotonic()))

    def _read(self, followed: _Followed, *, ended: bool) -> bool:
        """Tell what is new; return whether there was anything."""
        wrote = False
        for stream in STREAMS:
            path = followed.path(stream)
            size = _size(path)
            if size - followed.offsets[stream] > PIECES * PIECE:
                followed.offsets[stream] = size - PIECES * PIECE // 2
            for _ in range(PIECES):
                offset = followed.offsets[stream]
                if size <= offset:
                    break
                text, next_offset = _piece(path, offset, ended=ended)
                if next_offset == offset:
                    break
                wrote = True
                followed.offsets[stream] = next_offset
                event = {
                    "job_id": followed.record.job_id,
                    "stream": stream,
                    "offset": offset,
                    "next_offset": next_offset,
                    "text": text,
                }
                self.tell(event, followed.record.session)
        return wrote


def _piece(path: Path, offset: int, *, ended: bool) -> tuple[str, int]:
    """Return a piece that fits into an event, and where the next begins."""
    at_most = PIECE
    while True:
        text, next_offset = read_from(path, offset, ended=ended, at_most=at_most)
        # JSON writes a control character as six bytes.
        if len(msgspec.json.encode(text)) <= _LARGEST:
            return text, next_offset
        at_most //= 2


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
