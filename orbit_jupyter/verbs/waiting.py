"""Waiting for a job: with its progress shown, and cancelling it where the user loses patience."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from orbit_jupyter.protocol import ConflictError

from .context import Job, short
from .face import Face
from .times import clock

T = TypeVar("T")

END_TIME = 10.0
"""Seconds that a cancelled job is waited for."""


def wait_for(job: Job, endpoint: str, face: Face) -> str:
    """Wait until a job has ended, show how it is doing, and return its last state."""
    began = time.monotonic()
    with face.progress() as tell:
        while True:
            waited = time.monotonic() - began
            tell(f"job {short(job.id)} on {endpoint}: {last_state(job)}, {clock(waited)}")
            try:
                # How it ends comes as an event and is known at once; the clock may grow slower.
                state = job.wait(min(5.0, 1.0 + waited / 30))
            except TimeoutError:
                continue
            tell(f"job {short(job.id)} on {endpoint}: {state}, {clock(time.monotonic() - began)}")
            return state


def last_state(job: Job) -> str:
    """Return the last state that a job is known to have reached, without asking."""
    return job.states[-1] if job.states else "NEW"


def cancel(job: Job, endpoint: str, face: Face) -> None:
    """Cancel a job since its user interrupted, and say so."""
    face.say(f"interrupted: job {short(job.id)} on {endpoint} is being cancelled")
    with contextlib.suppress(ConflictError):  # it has just ended by itself
        job.cancel()
    with contextlib.suppress(TimeoutError):
        job.wait(END_TIME)
    face.say(f"job {short(job.id)} is {job.state}")


def to_its_end(call: Callable[[], T], face: Face) -> tuple[T, bool]:
    """Make a call and return its result, and whether it was interrupted.

    Who is interrupted in the middle of a submit doesn't know whether there is a job now. So the first interrupt
    waits for the answer; the second gives up.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    thread = threading.Thread(target=run, name="orbit submit", daemon=True)
    try:
        thread.start()
        return future.result(), False
    except KeyboardInterrupt:
        face.say("interrupted while the job was being submitted: waiting for its id; interrupt again to give up")
        return future.result(), True
