"""Where a verb speaks: a notebook's cell, a terminal with IPython in it, a shell."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Literal, Protocol

Tell = Callable[[str], None]
"""Takes what is going on just now, in place of what it took before."""

Stream = Literal["stdout", "stderr"]


class Face(Protocol):
    """What a verb asks of the place where it was typed."""

    @property
    def prog(self) -> str:
        """What stands before a verb there: ``%orbit`` or ``jupyter orbit``."""

    def say(self, text: str) -> None:
        """Make a remark to the user."""

    def write(self, text: str, stream: Stream = "stdout") -> None:
        """Pass on what a job has written."""

    def progress(self) -> AbstractContextManager[Tell]:
        """Show for as long as the block runs what it is waiting for."""


@contextlib.contextmanager
def terminal_progress() -> Iterator[Tell]:
    """Show what is going on in one line of the terminal, with a spinner; nothing where stderr is a file."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.markup import escape

    with Console(file=sys.stderr, force_jupyter=False).status("") as status:
        yield lambda text: status.update(escape(text))
