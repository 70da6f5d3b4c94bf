"""What a verb gives back to Python: lists, dicts and texts that also look well in a cell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from orbit_jupyter.plugin.views import render

from .grid import Grid, printable, text_of

Row = dict[str, Any]
Shown = str | Callable[[Row], object]
"""What of a row a column shows: a key of it, or what a function makes of it."""


class Table(list[Row]):
    """Rows, each a dict; in a cell a table of what matters in them.

    Parameters
    ----------
    rows
        The rows, with all that is known.
    columns
        Head and what is shown under it.
    title, empty
        What stands above, and what is said where there is no row.
    """

    def __init__(self, rows: Iterable[Row], columns: Mapping[str, Shown], title: str, empty: str = "") -> None:
        super().__init__(rows)
        self._columns, self._title, self._empty = columns, title, empty

    @property
    def grid(self) -> Grid:
        """The rows as texts."""
        rows = tuple(tuple(_cell(row, shown) for shown in self._columns.values()) for row in self)
        return Grid(self._title, tuple(self._columns), rows, self._empty)

    def __repr__(self) -> str:
        return text_of(self.grid)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any] | None:
        return render(self)


class Facts(Row):
    """One dict; in a cell its facts, one under the other.

    Parameters
    ----------
    facts
        All that is known.
    lines
        Name and what is shown beside it.
    title
        What stands above.
    """

    def __init__(self, facts: Row, lines: Mapping[str, Shown], title: str) -> None:
        super().__init__(facts)
        self._lines, self._title = lines, title

    @property
    def grid(self) -> Grid:
        """The facts as texts; those that aren't known are left out."""
        rows = ((name, _cell(self, shown)) for name, shown in self._lines.items())
        return Grid(self._title, (), tuple(row for row in rows if row[1]))

    def __repr__(self) -> str:
        return text_of(self.grid)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any] | None:
        return render(self)


class Output(str):
    """A text that a cell shows as it is, with its lines; or not at all, where it has been written already.

    Parameters
    ----------
    text
        The text.
    written
        Whether its reader has seen it.
    """

    written: bool

    def __new__(cls, text: str, *, written: bool = False) -> Output:
        made = super().__new__(cls, text)
        made.written = written
        return made

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))

    def _ipython_display_(self) -> None:
        if self.written:
            return
        raise NotImplementedError  # as IPython asks for it: show it in the usual way


def _cell(row: Row, shown: Shown) -> str:
    value = shown(row) if callable(shown) else row.get(shown)
    if isinstance(value, list | tuple):
        value = ", ".join(str(one) for one in value)
    return "" if value is None else printable(value)
