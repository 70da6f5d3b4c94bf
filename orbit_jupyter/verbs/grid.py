"""A table of short texts, as a terminal and a cell show it."""

from __future__ import annotations

import io
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class Grid:
    """Rows under heads; without heads, names on the left and values on the right.

    Attributes
    ----------
    empty
        What is said where there is no row.
    """

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    empty: str = ""


def printable(value: object) -> str:
    """Return one line of text without control characters.

    What an endpoint says is a foreign machine's: an escape sequence in it could rewrite the reader's terminal.
    """
    text = " ".join(str(value).split())
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def text_of(grid: Grid, width: int | None = None) -> str:
    """Return a grid as plain text.

    Parameters
    ----------
    width
        Columns; None: those of the terminal, 120 where there is none.
    """
    from rich.console import Console

    columns = width or shutil.get_terminal_size((120, 24)).columns
    written = io.StringIO()
    # force_jupyter: in a kernel rich would show the table itself instead of writing it here.
    console = Console(file=written, width=columns, color_system=None, force_jupyter=False, force_terminal=False)
    console.print(rich_table(grid))
    return "\n".join(line.rstrip() for line in written.getvalue().splitlines()).strip("\n")


def rich_table(grid: Grid) -> Table | str:
    """Return a grid as `rich` prints it; the text for an empty one."""
    # Tables are wanted seldom where an endpoint or a completion imports this package.
    from rich import box
    from rich.table import Table
    from rich.text import Text

    if not grid.rows:
        return grid.empty
    table = Table(
        title=Text(grid.title),
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD if grid.heads else None,
        show_header=bool(grid.heads),
        pad_edge=False,
    )
    for number in range(len(grid.heads or grid.rows[0])):
        head = grid.heads[number] if grid.heads else ""
        table.add_column(Text(head), overflow="fold", no_wrap=number == 0)
    for row in grid.rows:
        # As Text: a plain string would be read as rich's markup.
        table.add_row(*(Text(cell) for cell in row))
    return table
