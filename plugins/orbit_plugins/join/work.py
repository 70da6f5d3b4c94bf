"""One join or leave: a thread that works, what it has said so far, and the question that it waits with."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any, Literal

from orbit_jupyter.plugin import (
    CallCancelledError,
    ConflictError,
    ForbiddenError,
    OrbitError,
    ResourceNotFoundError,
)

from .answers import Joining, Question, State, StepShown
from .questions import kind_of

log = logging.getLogger("orbit.join")

PATIENCE = 300.0
"""Seconds that a question waits for its answer: whoever is to give it may have gone."""

MOST_STEPS, MOST_LINES, LONGEST = 200, 200, 2000
"""Steps and lines that are kept of one join, and characters of each: a host may say what it likes."""

Tell = Callable[[str, dict[str, Any]], None]
"""(topic, data): from any thread."""


class Work:
    """A join or a leave, from any thread.

    Parameters
    ----------
    what, target, name
        What is done, and to whom.
    sid
        The session that has begun it, which alone may answer.
    tell
        Sends an event.
    patience
        Seconds that a question waits.
    """

    def __init__(
        self,
        what: Literal["join", "leave"],
        target: str,
        name: str,
        sid: str,
        tell: Tell,
        patience: float = PATIENCE,
    ) -> None:
        self.id, self.what, self.target, self.name = secrets.token_hex(8), what, target, name
        self._sid, self._tell, self._patience = sid, tell, patience
        self._changed = threading.Condition()
        self._steps: list[StepShown] = []
        self._question: Question | None = None
        self._reply: str | None = None
        self._cancelled = self._undoing = self._late = False
        self._state: State = "running"
        self._message: str | None = None
        self._spent: list[str] = []
        self._began = time.time()
        self._thread: threading.Thread | None = None

    def __repr__(self) -> str:
        return f"Work({self.what!r}, {self.target!r}, {self.name!r})"

    # -- the thread's side -----------------------------------------------------------------------------------

    def begin(self, do: Callable[[], object], end: Callable[[], None]) -> None:
        """Do it, in a thread of its own, and `end` whatever comes of it."""
        self._thread = threading.Thread(
            target=self._run, args=(do, end), name=f"orbit-join-{self.name}", daemon=True
        )
        self._thread.start()

    def _run(self, do: Callable[[], object], end: Callable[[], None]) -> None:
        state: State = "done"
        message = None
        try:
            do()
        except Exception as error:
            if not isinstance(error, OrbitError):
                log.exception("%s of %s failed", self.what, self.target)
            state, message = "cancelled" if self._cancelled else "failed", self._why(error)
        try:
            end()
        finally:  # last: who is told looks at once which tokens are spent
            self._ended(state, message)

    def _why(self, error: Exception) -> str:
        if self._late:
            return f"nobody answered for {self._patience / 60:.0f} min, so it was given up. {error}"
        return str(error) or type(error).__name__

    def _ended(self, state: State, message: str | None) -> None:
        with self._changed:
            self._state, self._message, self._question, self._reply = state, message, None, None
            self._close_step("done" if state == "done" or self._undoing else "failed")
        self._tell_step("end", "done" if state == "done" else "failed", message or "")

    def on_step(self, step: Any) -> None:
        """Take in a step as it begins; with a cancel it goes no further, but for taking back what was done."""
        kind, text = str(step.kind), str(step.text)[:LONGEST]
        with self._changed:
            if kind == "undo" and not self._undoing:
                self._undoing = True
                self._close_step("failed")
        if self.what == "join":  # a leave that is broken off would leave more behind
            self.check()
        with self._changed:
            if kind == "ssh":
                if not self._said(text):
                    return
            else:
                self._close_step("done")
                self._add(kind, text, "done" if kind == "done" else "running")
        self._tell_step(kind, "done" if kind == "done" else "running", text)

    def check(self) -> None:
        """Go no further where it was cancelled.

        Raises
        ------
        CallCancelledError
            It was.
        """
        if self._cancelled and not self._undoing:
            raise CallCancelledError(f"cancelled: {self.target} wasn't joined")

    def ask(self, prompt: str, echo: bool) -> str | None:
        """Have a question answered; None: nobody did, or it was cancelled."""
        with self._changed:
            if self._cancelled:
                return None
            question: Question = {
                "id": secrets.token_hex(8),
                "kind": kind_of(prompt),
                "prompt": prompt.strip()[:LONGEST],
                "echo": echo,
            }
            self._question, self._state, self._reply = question, "asking", None
        self._tell("join_question", {"join_id": self.id, **question})
        with self._changed:
            if not self._changed.wait_for(lambda: self._cancelled or self._reply is not None, self._patience):
                self._cancelled = self._late = True
            reply, self._reply, self._question = self._reply, None, None
            self._state = "cancelling" if self._cancelled else "running"
        self._tell_step("answered", "done", "")
        return None if self._cancelled else reply

    def spend(self, token_id: str) -> None:
        """Note a token that nobody needs any more."""
        with self._changed:
            if token_id not in self._spent:
                self._spent.append(token_id)

    # -- the page's side -------------------------------------------------------------------------------------

    @property
    def is_over(self) -> bool:
        """Whether nothing goes on any more."""
        return self._state in ("done", "failed", "cancelled")

    def answer(self, sid: str, question: str, reply: str) -> None:
        """Take an answer.

        Raises
        ------
        ForbiddenError
            Another session has begun it.
        ResourceNotFoundError
            It doesn't ask that, or no longer.
        """
        if sid != self._sid:
            raise ForbiddenError("another window has begun this; answer there, or cancel it and begin anew")
        with self._changed:
            if self._question is None or self._question["id"] != question or self._reply is not None:
                raise ResourceNotFoundError("this isn't asked any more; see what is asked now")
            self._reply = reply
            self._changed.notify_all()

    def cancel(self) -> None:
        """Ask for its end.

        Raises
        ------
        ConflictError
            It has ended already.
        """
        with self._changed:
            if self.is_over:
                raise ConflictError(f"it has ended already: {self._state}")
            self._cancelled = True
            self._state = "cancelling"
            self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        """Wait until it is over."""
        if self._thread is not None:
            self._thread.join(seconds)

    def shown(self, sid: str) -> Joining:
        """Return how it is, as a session may see it."""
        with self._changed:
            return {
                "join_id": self.id,
                "what": self.what,
                "target": self.target,
                "name": self.name,
                "state": self._state,
                "message": self._message,
                "steps": [{**step, "lines": list(step["lines"])} for step in self._steps],
                "question": self._question,
                "mine": sid == self._sid,
                "spent": list(self._spent),
                "time": self._began,
            }

    # -- steps -----------------------------------------------------------------------------------------------

    def _add(self, kind: str, text: str, state: Literal["running", "done", "failed"]) -> None:
        if len(self._steps) < MOST_STEPS:
            self._steps.append({"step": kind, "state": state, "detail": text, "lines": [], "time": time.time()})

    def _said(self, line: str) -> bool:
        kept = bool(self._steps) and sum(len(step["lines"]) for step in self._steps) < MOST_LINES
        if kept:
            self._steps[-1]["lines"].append(line)
        return kept

    def _close_step(self, state: Literal["done", "failed"]) -> None:
        if self._steps and self._steps[-1]["state"] == "running":
            self._steps[-1]["state"] = state

    def _tell_step(self, kind: str, state: str, text: str) -> None:
        about = {"join_id": self.id, "target": self.target, "name": self.name}
        self._tell("join_step", {**about, "step": kind, "state": state, "detail": text, "time": time.time()})
