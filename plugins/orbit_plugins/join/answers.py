"""What the routes answer. Times are in seconds since the epoch."""

from __future__ import annotations

from typing import Literal, TypedDict

State = Literal["running", "asking", "cancelling", "done", "failed", "cancelled"]
QuestionKind = Literal["password", "passphrase", "second factor", "host key", "yes-no"]


class StepShown(TypedDict):
    """One step: of which kind, how it is, and in words; `lines` is what ssh and the host have said meanwhile."""

    step: str
    state: Literal["running", "done", "failed"]
    detail: str
    lines: list[str]
    time: float


class Question(TypedDict):
    """What ssh asks; `echo` says whether the answer may be seen while it is typed."""

    id: str
    kind: QuestionKind
    prompt: str
    echo: bool


class Joining(TypedDict):
    """A join or a leave that is under way, or has ended.

    `mine`: it was begun by the session that asks, which alone may answer its `question`. `spent`: ids of tokens
    that nobody needs any more, for the caller to revoke.
    """

    join_id: str
    what: Literal["join", "leave"]
    target: str
    name: str
    state: State
    message: str | None
    steps: list[StepShown]
    question: Question | None
    mine: bool
    spent: list[str]
    time: float


class Cluster(TypedDict):
    """A cluster that was joined from this machine and not left since."""

    name: str
    target: str


class Joins(TypedDict):
    """Of ``joins/{sid}``: the oldest first."""

    joins: list[Joining]
    joined: list[Cluster]


class Started(TypedDict):
    """Of ``start/{sid}`` and ``leave/{sid}``."""

    join_id: str
    name: str


class Answered(TypedDict):
    """Of ``answer/{sid}/{join_id}``."""

    question: str


class Cancelled(TypedDict):
    """Of ``cancel/{sid}/{join_id}``: it was asked for; the join's state says when all is taken back."""

    join_id: str
    status: Literal["cancelling"]


class Hosts(TypedDict):
    """Of ``hosts/{sid}``: those that the user's ssh configuration names."""

    hosts: list[str]
