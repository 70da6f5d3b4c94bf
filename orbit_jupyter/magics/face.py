"""The cell, and the terminal that IPython runs in."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from IPython.core.interactiveshell import InteractiveShell
from IPython.display import DisplayHandle

from orbit_jupyter.verbs import Stream, Tell, terminal_progress


class CellFace:
    """Speaks in the cell that runs.

    Parameters
    ----------
    shell
        IPython; with a kernel around it, it is a notebook's.
    """

    prog = "%orbit"

    def __init__(self, shell: InteractiveShell) -> None:
        self._in_notebook = getattr(shell, "kernel", None) is not None

    def say(self, text: str) -> None:
        print(text, flush=True)

    def write(self, text: str, stream: Stream = "stdout") -> None:
        print(text, end="", file=sys.stdout if stream == "stdout" else sys.stderr, flush=True)

    def progress(self) -> AbstractContextManager[Tell]:
        return _one_line() if self._in_notebook else terminal_progress()


@contextlib.contextmanager
def _one_line() -> Iterator[Tell]:
    """Show one line below the cell that changes in its place."""
    line = DisplayHandle()  # type: ignore[no-untyped-call]
    shows: Callable[..., None] = line.display

    def tell(text: str) -> None:
        nonlocal shows
        shows({"text/plain": text}, raw=True)
        shows = line.update

    yield tell
