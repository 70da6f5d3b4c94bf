"""What a join is doing, said while it does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "connect", "ssh", "python", "install", "tunnel", "token", "start", "wait", "done", "undo", "stop", "remove"
]


@dataclass(frozen=True)
class Step:
    """One step, as it begins; ``done`` is the last one.

    Attributes
    ----------
    kind
        Which: for programs. ``ssh`` is what ssh or the server itself has said, ``undo`` what a failure takes back.
    text
        The same for people.
    """

    kind: Kind
    text: str

    def __str__(self) -> str:
        return self.text


OnStep = Callable[[Step], None]


def print_step(step: Step) -> None:
    """Print a step: what `join` does unless it is told otherwise."""
    print(step.text, flush=True)
