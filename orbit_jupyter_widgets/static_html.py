"""Tables as HTML that is saved with a notebook.

Everything that comes from an endpoint is escaped: it is a foreign machine.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from orbit_jupyter.verbs import Facts, Table


def table(title: str, heads: Iterable[str], rows: Iterable[Iterable[object]], empty: str = "") -> str:
    """Return a table; without heads its first column are names.

    Parameters
    ----------
    title
        What stands above.
    heads, rows
        Texts, or what becomes one; None: nothing.
    empty
        What is said where there is no row.
    """
    cells = "".join(f"<th style='text-align:left'>{escape(text)}</th>" for text in heads)
    head = f"<thead><tr>{cells}</tr></thead>" if cells else ""
    body = "".join("<tr>" + "".join(_cell(cell) for cell in row) + "</tr>" for row in rows)
    content = f"<table>{head}<tbody>{body}</tbody></table>" if body else f"<p>{escape(empty)}</p>"
    return f"<div><b>{escape(title)}</b>{content}</div>"


def grid(shown: Table | Facts) -> str:
    """Return what a verb has returned."""
    texts = shown.grid
    return table(texts.title, texts.heads, texts.rows, texts.empty)


def preformatted(title: str, text: str) -> str:
    """Return lines as they are."""
    return f"<div><b>{escape(title)}</b><pre>{escape(text)}</pre></div>"


def _cell(value: object) -> str:
    return f"<td style='text-align:left'>{'' if value is None else escape(str(value))}</td>"
