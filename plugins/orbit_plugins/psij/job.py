"""A submitted job, as its submitter holds it."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from orbit_jupyter.plugin import DeadlineError, OrbitError
from orbit_jupyter.plugin.views import render

from .jobs import FINAL, RANK
from .live import NOTHING as _NOTHING
from .live import STREAMS, LiveOutput, lines_of

REREAD = 10.0
"""Seconds without an event after which a waiting job asks for its state, in case one was missed."""

POLL = 0.5
"""The same for a client that gets no events."""


class JobCaller(Protocol):
    """What a job asks of its client."""

    def get_job_status(self, job_id: str, stdout_offset: int = 0, stderr_offset: int = 0) -> dict[str, Any]: ...

    def cancel_job(self, job_id: str) -> dict[str, Any]: ...

    def follow_job(self, job_id: str) -> dict[str, Any]: ...

    def unfollow_job(self, job_id: str) -> dict[str, Any]: ...


class Job(dict[str, Any]):
    """A job on an endpoint: the dict that submitting it returned, and what can be done with it.

    It lives on the endpoint: dropping this, or interrupting `wait`, leaves it running.

    Parameters
    ----------
    answer
        ``job_id`` and ``native_id``.
    client
        How to reach the endpoint's plugin.
    command, name
        What `repr` shows; the name, if it has one.
    told
        Whether events come in; without them `wait` asks every half second.
    """

    def __init__(
        self,
        answer: dict[str, Any],
        *,
        client: JobCaller,
        command: str = "",
        name: str | None = None,
        told: bool = False,
    ) -> None:
        super().__init__(answer)
        self._client = client
        self._command = command
        self._name = name
        self._every = REREAD if told else POLL
        self._changed = threading.Condition()
        self._states: list[str] = []
        self._exit_code: int | None = None
        self._live: list[LiveOutput] = []

    def __repr__(self) -> str:
        command = self._command if len(self._command) <= 60 else self._command[:59] + "…"
        name = "" if self._name is None else f"{self._name!r}: "
        return f"<Job {self.id} {self._last}: {name}{command}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any] | None:
        return render(self)

    @property
    def id(self) -> str:
        """PSI/J's id of it, unique everywhere."""
        return str(self["job_id"])

    @property
    def native_id(self) -> str:
        """The scheduler's id of it; for `local` a process id."""
        return str(self["native_id"])

    @property
    def name(self) -> str | None:
        """The name that its spec gives it."""
        return self._name

    @property
    def states(self) -> list[str]:
        """The states that it is known to have reached, in their order."""
        with self._changed:
            return list(self._states)

    @property
    def state(self) -> str:
        """The state that it is in now; asks the endpoint unless it is known to have ended."""
        return self._last if self._last in FINAL else str(self._ask()["state"])

    @property
    def exit_code(self) -> int | None:
        """Its exit code, 128 + N where signal N ended it; None while it runs, and where it ended without one."""
        if self._last not in FINAL:
            self._ask()
        return self._exit_code

    @property
    def stdout(self) -> str:
        """All that it has written to its standard output so far."""
        return self._whole("stdout")

    @property
    def stderr(self) -> str:
        """All that it has written to its standard error so far."""
        return self._whole("stderr")

    @property
    def output(self) -> str:
        """The same as `stdout`."""
        return self.stdout

    def status(self) -> dict[str, Any]:
        """Ask the endpoint for all that it knows of the job, with the first 1 MiB of its output."""
        status = self._client.get_job_status(self.id)
        self._saw(status)
        return status

    def cancel(self) -> dict[str, Any]:
        """Ask for its end; `wait` says when that has come.

        Raises
        ------
        ConflictError
            It has ended already.
        """
        return self._client.cancel_job(self.id)

    def wait(self, timeout: float | None = None) -> str:
        """Wait until it has ended and return its final state: ``COMPLETED``, ``FAILED`` or ``CANCELED``.

        Parameters
        ----------
        timeout
            Seconds; None: as long as it takes.

        Raises
        ------
        DeadlineError
            It hasn't ended by then, and goes on. A `TimeoutError`.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            with self._changed:
                left = self._every if deadline is None else min(self._every, deadline - time.monotonic())
                self._changed.wait_for(lambda: self._last in FINAL, max(0.0, left))
                if self._last in FINAL:
                    return self._last
            try:
                self._ask()
            except OrbitError as error:
                if not error.transient:
                    raise
            if self._last not in FINAL and deadline is not None and time.monotonic() >= deadline:
                raise DeadlineError(
                    f"job {self.id} is {self._last} after {timeout:g} s and goes on; wait() again, or cancel() it"
                )

    def follow(self, stream: str | None = None) -> Iterator[tuple[str, str]]:
        """Yield what it writes, piece by piece, from the beginning on and until it has ended.

        Parameters
        ----------
        stream
            ``stdout`` or ``stderr``; None: both, as they come.

        Yields
        ------
        tuple
            The stream, and the text.
        """
        if stream is not None and stream not in STREAMS:
            raise ValueError(f"stream must be one of {', '.join(STREAMS)}, not {stream!r}")
        streams = STREAMS if stream is None else (stream,)
        live = LiveOutput(
            self.id, self._client, streams, self._every, lambda: self._last, self._saw, self._changed
        )
        with self._changed:
            self._live.append(live)
        try:
            yield from live.pieces()
        finally:
            with self._changed:
                self._live.remove(live)

    def lines(self, stream: str = "stdout") -> Iterator[str]:
        """Yield the lines of its output, without their ends, as they come and until it has ended."""
        return lines_of(self.follow(stream))

    def tail(self, show: Callable[[str], object] | None = None) -> str:
        """Show what it writes as it comes, both streams, and return its final state.

        Parameters
        ----------
        show
            Called with each piece of text; None: stdout and stderr of this process get it.
        """
        for stream, text in self.follow():
            if show is not None:
                show(text)
            else:
                print(text, end="", flush=True, file=sys.stdout if stream == "stdout" else sys.stderr)
        return self.state

    @property
    def _last(self) -> str:
        with self._changed:
            return self._states[-1] if self._states else "NEW"

    def _ask(self) -> dict[str, Any]:
        status = self._client.get_job_status(self.id, _NOTHING, _NOTHING)
        self._saw(status)
        return status

    def _saw(self, data: dict[str, Any]) -> None:
        """Take in an event or a status; they can overtake each other."""
        state = str(data.get("state"))
        with self._changed:
            if state not in RANK or state == "NEW" or any(state == s or {state, s} <= FINAL for s in self._states):
                return
            self._states = sorted([*self._states, state], key=RANK.__getitem__)
            if state in FINAL:
                self._exit_code = data.get("exit_code")
            self._changed.notify_all()

    def _wrote(self, data: dict[str, Any]) -> None:
        """Take in an event of its output."""
        with self._changed:
            for live in self._live:
                live.take(data)
            self._changed.notify_all()

    def _whole(self, stream: str) -> str:
        offset, parts = 0, []
        while True:
            out, err = (offset, _NOTHING) if stream == "stdout" else (_NOTHING, offset)
            status = self._client.get_job_status(self.id, out, err)
            parts.append(status[stream])
            if status[f"{stream}_offset"] <= offset:
                return "".join(parts)
            offset = status[f"{stream}_offset"]
