"""What one can tell Orbit to do, written once for the notebook and the terminal."""

from .completion import Candidates, complete
from .context import Choice, Context
from .face import Face, Stream, Tell, terminal_progress
from .grammar import grammar
from .grid import Grid, rich_table, text_of
from .outcome import Ending, Outcome
from .run import check_verb, parse, run, split
from .usage import HelpAsked, UsageMistake
from .values import Facts, Output, Table

__all__ = [
    "Candidates",
    "Choice",
    "Context",
    "Ending",
    "Face",
    "Facts",
    "Grid",
    "HelpAsked",
    "Outcome",
    "Output",
    "Stream",
    "Table",
    "Tell",
    "UsageMistake",
    "check_verb",
    "complete",
    "grammar",
    "parse",
    "rich_table",
    "run",
    "split",
    "terminal_progress",
    "text_of",
]
