"""The terminal: results on stdout, everything else on stderr."""

from __future__ import annotations

import contextlib
import json
import sys
from contextlib import AbstractContextManager

from orbit_jupyter.verbs import Grid, Outcome, Stream, Tell, rich_table, terminal_progress, text_of

PROG = "jupyter orbit"

_UNCUT = 10_000
"""Columns of a table that goes into a file or a pipe: each row stays one line."""


class TerminalFace:
    """Speaks on stderr, and hands results to stdout.

    Parameters
    ----------
    json
        Print results as JSON, and nothing else on stdout.
    """

    prog = PROG

    def __init__(self, *, json: bool = False) -> None:
        self._json = json

    def say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def write(self, text: str, stream: Stream = "stdout") -> None:
        if not self._json:
            (sys.stdout if stream == "stdout" else sys.stderr).write(text)
            sys.stdout.flush()

    def progress(self) -> AbstractContextManager[Tell]:
        return contextlib.nullcontext(lambda _: None) if self._json else terminal_progress()

    def show(self, outcome: Outcome) -> None:
        """Print what came of a verb."""
        if self._json:
            print(json.dumps(outcome.data, ensure_ascii=False), flush=True)
            return
        if outcome.note:
            self.say(outcome.note)
        if isinstance(outcome.text, Grid):
            self._show_grid(outcome.text)
        elif outcome.text is not None:
            sys.stdout.write(outcome.text)
            if outcome.text and not outcome.text.endswith("\n"):
                sys.stdout.write("\n")
            sys.stdout.flush()

    def _show_grid(self, grid: Grid) -> None:
        if not grid.rows:
            self.say(grid.empty)
        elif sys.stdout.isatty():
            from rich.console import Console

            Console(force_jupyter=False).print(rich_table(grid))
        else:
            print(text_of(grid, _UNCUT), flush=True)
