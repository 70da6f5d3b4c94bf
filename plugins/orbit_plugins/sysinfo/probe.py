"""What the parts of the metrics tree have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any


class PartialReadingError(Exception):
    """A part of what was asked for could not be read.

    Attributes
    ----------
    value
        The rest.
    """

    def __init__(self, value: Any, reason: str) -> None:
        super().__init__(reason)
        self.value = value


class Probe(ABC):
    """Reads one branch of the metrics tree.

    Attributes
    ----------
    name
        The branch.
    deadline
        Seconds that `read` may take before its branch is given up.
    """

    name: str
    deadline: float = 2.0

    @abstractmethod
    def read(self) -> Any:
        """Return the branch.

        Raises
        ------
        PartialReadingError
            If some of it is missing.
        """

    def empty(self) -> Any:
        """Return what stands in the tree where `read` failed."""
        return {}

    def warm(self) -> None:  # noqa: B027 - most have nothing to prepare
        """Read ahead of the first call what doesn't change."""

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """End what still runs."""
