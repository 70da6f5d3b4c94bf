"""How far a transfer is: a bar, a callback, or nothing. For the client's side."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any

OnProgress = Callable[[int, int, str], None]
"""Called with the bytes that have been moved, the bytes of all files, and the file that has just got on."""


class Progress:
    """The files of one transfer, together.

    Parameters
    ----------
    show
        True: a bar, in a notebook or in a terminal; False: nothing; a function: that is called.
    what
        Stands beside the bar.
    """

    def __init__(self, show: bool | OnProgress, what: str) -> None:
        self._call = show if callable(show) else None
        self._bar: Any = _bar(what) if show is True else None
        self._at: dict[str, int] = {}
        self.moved = 0
        self.total = 0

    def expect(self, size: int) -> None:
        """Note how many bytes there will be."""
        self.total = size
        if self._bar is not None:
            self._bar.reset(size)

    def at(self, path: str, position: int) -> None:
        """Note how many bytes of a file are where they should be."""
        step = position - self._at.get(path, 0)
        self._at[path] = position
        self.moved += step
        if self._bar is not None:
            self._bar.update(step)
        if self._call is not None and step:
            self._call(self.moved, self.total, path)

    def close(self, note: str = "") -> None:
        """Leave the bar as it is; `note` is written below it."""
        if self._bar is not None:
            self._bar.close()
            if note:
                self._bar.write(note, file=sys.stderr)


def _bar(what: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # without ipywidgets it is a bar of text, which needs no warning
        from tqdm.auto import tqdm

    class Bar(tqdm):  # type: ignore[type-arg]
        """A bar that needs no thread of its own to be drawn anew."""

        monitor_interval = 0

    # disable=None: no bar in a log file
    return Bar(total=0, unit="B", unit_scale=True, unit_divisor=1024, desc=what, disable=None)
