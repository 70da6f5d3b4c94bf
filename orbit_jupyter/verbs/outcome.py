"""What came of a verb."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from .grid import Grid


class Ending(Enum):
    """How a verb ended that didn't raise."""

    DONE = "done"
    FAILED = "failed"
    """The job that was waited for failed, or was cancelled."""
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Outcome:
    """What came of a verb.

    Attributes
    ----------
    value
        What Python gets.
    data
        The same as JSON.
    text
        What a terminal shows; None: nothing, or all has been written already.
    note
        A remark for a terminal, beside it.
    """

    value: Any
    data: Any
    text: Grid | str | None = None
    note: str = ""
    ending: Ending = Ending.DONE
