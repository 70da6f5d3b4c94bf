"""Who waits for which answer, and that each call gets exactly one. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from orbit_jupyter.protocol import Fail, OverloadedError, Reply

Answer = Callable[[Reply | Fail], None]
"""Takes the one answer of a call; a second one is dropped."""

Canceller = Callable[[str], None]
"""Tells a handler that nobody waits any more, and why."""

T = TypeVar("T")


class Outgoing(Generic[T]):
    """Calls that this side has made and that have no answer yet.

    Parameters
    ----------
    limit
        How many may be open at once; one more is refused.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._last = 0
        self._open: dict[int, T] = {}

    def __len__(self) -> int:
        return len(self._open)

    def __getitem__(self, id: int) -> T:
        return self._open[id]

    def open(self, entry: T) -> int:
        """Note `entry` and return its id.

        Raises
        ------
        OverloadedError
            If as many as allowed are open.
        """
        if len(self._open) >= self._limit:
            raise OverloadedError(
                f"{self._limit} calls are under way on this link; wait for some to end",
                data={"retry_after": 1},
            )
        self._last += 1
        self._open[self._last] = entry
        return self._last

    def close(self, id: int) -> T | None:
        """Take out the entry that an answer belongs to; None for a late or foreign one."""
        return self._open.pop(id, None)

    def close_all(self) -> list[T]:
        """Take out all."""
        entries = list(self._open.values())
        self._open.clear()
        return entries


class Incoming:
    """Calls of the far side that this side is working on.

    Parameters
    ----------
    limit
        How many may be under way at once; one more is refused.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: dict[int, Canceller | None] = {}

    def __len__(self) -> int:
        return len(self._open)

    def refusal(self, id: int) -> Fail | None:
        """Return why call `id` can't begin, or None and note it."""
        if id in self._open:
            return Fail(id=id, code="protocol-error", message=f"call {id} is already under way", status=502)
        if len(self._open) >= self._limit:
            return Fail(
                id=id,
                code=OverloadedError.code,
                message=f"{self._limit} calls are under way here; try again soon",
                transient=True,
                status=OverloadedError.default_status,
                data={"retry_after": 1},
            )
        self._open[id] = None
        return None

    def set_canceller(self, id: int, canceller: Canceller | None) -> None:
        """Note how to cancel call `id`, unless it was answered meanwhile."""
        if id in self._open:
            self._open[id] = canceller

    def answered(self, id: int) -> bool:
        """Return whether this is the first answer to call `id`, and so the one to send."""
        return self._open.pop(id, _MISSING) is not _MISSING

    def cancel(self, id: int, reason: str) -> None:
        """Tell the handler of call `id`. It still owes its one answer."""
        canceller = self._open.get(id)
        if canceller is not None:
            canceller(reason)

    def cancel_all(self, reason: str) -> None:
        """Tell every handler and forget them: there is nobody left to answer."""
        cancellers = list(self._open.values())
        self._open.clear()
        for canceller in cancellers:
            if canceller is not None:
                canceller(reason)


def _missing(_reason: str) -> None:
    raise AssertionError("not a canceller")


_MISSING: Canceller = _missing
