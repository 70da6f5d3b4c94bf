"""What a job writes, as it comes: the client's side."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from orbit_jupyter.plugin import OrbitError

from .jobs import FINAL

STREAMS = ("stdout", "stderr")

NOTHING = 1 << 62
"""An offset past every file's end: this stream isn't wanted."""

KEPT = 256
"""Events that wait for their reader; of more the oldest go, and what they told is asked for."""


class OutputCaller(Protocol):
    """What live output asks of its client."""

    def get_job_status(self, job_id: str, stdout_offset: int = 0, stderr_offset: int = 0) -> dict[str, Any]: ...

    def follow_job(self, job_id: str) -> dict[str, Any]: ...

    def unfollow_job(self, job_id: str) -> dict[str, Any]: ...


class LiveOutput:
    """Yields pieces of a job's output until the job has ended and all of it has come.

    Events bring the pieces. Where there are none, or one is missing, the endpoint is asked: nothing is left out,
    and nothing comes twice.

    Parameters
    ----------
    job_id, client
        Whose output, and how to ask for it.
    streams
        Which of ``stdout`` and ``stderr``.
    every
        Seconds without an event after which the endpoint is asked.
    state
        Returns the state in which the job was last seen.
    saw
        Takes in a status.
    changed
        Notified when an event has come.
    """

    def __init__(
        self,
        job_id: str,
        client: OutputCaller,
        streams: tuple[str, ...],
        every: float,
        state: Callable[[], str],
        saw: Callable[[dict[str, Any]], None],
        changed: threading.Condition,
    ) -> None:
        self._job_id, self._client, self._every = job_id, client, every
        self._state, self._saw, self._changed = state, saw, changed
        self._offsets = {stream: 0 if stream in streams else NOTHING for stream in STREAMS}
        self._events: deque[dict[str, Any]] = deque(maxlen=KEPT)

    def take(self, event: dict[str, Any]) -> None:
        """Take an event in; under `changed`."""
        self._events.append(event)

    def pieces(self) -> Iterator[tuple[str, str]]:
        """Yield ``(stream, text)``."""
        self._begin()
        try:
            ended = False
            while True:
                yield from self._asked()
                if ended:
                    return
                while not (ended := self._state() in FINAL):
                    event = self._next()
                    if event is None:  # none came in that time
                        break
                    stream = event["stream"]
                    if event["offset"] > self._offsets[stream]:
                        break  # something is missing
                    if event["offset"] == self._offsets[stream]:
                        self._offsets[stream] = event["next_offset"]
                        yield stream, event["text"]
        finally:
            self._end()

    def _next(self) -> dict[str, Any] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._events or self._state() in FINAL, self._every)
            return self._events.popleft() if self._events else None

    def _asked(self) -> Iterator[tuple[str, str]]:
        """Ask for all that there is."""
        while True:
            try:
                status = self._client.get_job_status(
                    self._job_id, self._offsets["stdout"], self._offsets["stderr"]
                )
            except OrbitError as error:
                if not error.transient:
                    raise
                return
            more = False
            for stream in STREAMS:
                if self._offsets[stream] == NOTHING:
                    continue
                self._offsets[stream] = max(self._offsets[stream], status[f"{stream}_offset"])
                if status[stream]:
                    more = True
                    yield stream, status[stream]
            self._saw(status)
            if not more:
                return

    def _begin(self) -> None:
        try:
            self._client.follow_job(self._job_id)
        except OrbitError:  # an older endpoint, or one that is busy: then it is asked
            self._every = min(self._every, 0.5)

    def _end(self) -> None:
        if self._state() not in FINAL:
            try:
                self._client.unfollow_job(self._job_id)
            except OrbitError:
                return  # the endpoint forgets it with the session


def lines_of(pieces: Iterator[tuple[str, str]]) -> Iterator[str]:
    """Yield the lines of one stream, without their ends; the last one also where it has none."""
    rest = ""
    for _, text in pieces:
        *lines, rest = (rest + text).split("\n")
        yield from lines
    if rest:
        yield rest
