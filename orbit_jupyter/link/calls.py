"""Who waits for which answer, and that each call gets exactly one. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from orbit_jupyter.protocol import WINDOW, Cancel, Credit, Data, Fail, OverloadedError, Reply

from .pump import Pump

Answer = Callable[[Reply | Fail | Data | Credit], None]
"""Takes what the handler's side says: credit for the body, then one `Reply` or `Fail`.

After a `Reply` with `more` come `Data` frames, the last of them with `end`, or a `Fail`. What follows the end is
dropped. The frames' ids don't matter: each hop puts its own.
"""

Onward = Callable[[Cancel | Data | Credit], None]
"""Takes what the caller's side says after the call: the rest of its body, credit, that nobody waits any more."""

T = TypeVar("T")


def ends_call(frame: Reply | Fail | Data | Credit) -> bool:
    """Whether this is the last that a handler's side says in a call."""
    if isinstance(frame, Reply):
        return not frame.more
    return isinstance(frame, Fail) or (isinstance(frame, Data) and frame.end)


class Outgoing(Generic[T]):
    """Calls that this side has made and that haven't ended.

    Parameters
    ----------
    limit
        How many may be open at once; one more is refused.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._last = 0
        self._open: dict[int, T] = {}
        self.get = self._open.get

    def __len__(self) -> int:
        return len(self._open)

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


class Begun:
    """A call of the far side that this side is working on."""

    __slots__ = ("onward", "pump", "streaming", "window")

    def __init__(self) -> None:
        self.onward: Onward | None = None
        self.streaming = False
        """Whether its answer has begun."""
        self.window = WINDOW
        """Bytes of its body that may still come."""
        self.pump: Pump | None = None
        """Sends a long answer, once the handler is done."""


class Incoming:
    """Calls of the far side that this side is working on.

    Parameters
    ----------
    limit
        How many may be under way at once; one more is refused.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: dict[int, Begun] = {}
        self.get = self._open.get

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
        self._open[id] = Begun()
        return None

    def set_onward(self, id: int, onward: Onward | None) -> None:
        """Note who takes what the caller says, unless the call has ended meanwhile."""
        begun = self._open.get(id)
        if begun is not None:
            begun.onward = onward

    def end(self, id: int) -> bool:
        """Take the call out; return whether it was there, so that this is its one end."""
        return self._open.pop(id, None) is not None

    def cancel(self, id: int, reason: str) -> None:
        """Tell the handler of call `id`. It still owes its one answer."""
        begun = self._open.get(id)
        if begun is not None and begun.onward is not None:
            begun.onward(Cancel(0, reason))

    def cancel_all(self, reason: str) -> None:
        """Tell every handler and forget them: there is nobody left to answer."""
        open = list(self._open.values())
        self._open.clear()
        for begun in open:
            if begun.onward is not None:
                begun.onward(Cancel(0, reason))
