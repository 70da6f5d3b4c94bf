"""What a join that fails takes back, the last first."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from types import TracebackType

from orbit_jupyter.protocol import OrbitError

log = logging.getLogger("orbit.joining")


class Undo:
    """Takes back at the end of its block what was done in it; what can't be is added to the error.

    Parameters
    ----------
    say
        Is told what is taken back, as it begins.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._stack = contextlib.ExitStack()
        self._failed: list[str] = []

    def by(self, what: str, do: Callable[..., object], *values: object) -> None:
        """Note how something is taken back that is about to be done."""
        self._stack.callback(self._take_back, what, do, *values)

    def forget(self) -> None:
        """Let all stay as it is."""
        self._stack.pop_all()

    def __enter__(self) -> Undo:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        if isinstance(error, OrbitError) and self._failed:
            error.message = f"{error}. Left behind, since it couldn't be removed: {'; '.join(self._failed)}"
            error.args = (error.message,)

    def _take_back(self, what: str, do: Callable[..., object], *values: object) -> None:
        self._say(what)
        try:
            do(*values)
        except (OrbitError, OSError) as error:
            log.warning("%s couldn't be taken back: %s", what, error)
            self._failed.append(f"{what} ({error})")
