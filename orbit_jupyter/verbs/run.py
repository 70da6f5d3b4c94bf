"""From the words that were typed to what came of them."""

from __future__ import annotations

import argparse
import difflib
import shlex

from .context import Context
from .grammar import verbs_of
from .outcome import Outcome
from .usage import UsageMistake


def split(line: str) -> list[str]:
    """Return the words of a line, quoted as in a shell.

    Raises
    ------
    UsageMistake
        If a quote isn't closed.
    """
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageMistake(f"the line can't be read: {error}") from None


def check_verb(parser: argparse.ArgumentParser, word: str) -> None:
    """Check that a word is a verb; argparse would only list all there are.

    Raises
    ------
    UsageMistake
        If it isn't; with the verb that was probably meant.
    """
    verbs = verbs_of(parser)
    if word not in verbs:
        near = difflib.get_close_matches(word, verbs, 1)
        hint = f"did you mean {near[0]}?" if near else f"there is {', '.join(verbs)}"
        raise UsageMistake(f"there is no verb {word!r}; {hint}")


def parse(parser: argparse.ArgumentParser, words: list[str], cell: str | None = None) -> argparse.Namespace:
    """Return what was asked for.

    Raises
    ------
    UsageMistake
        If the words don't fit.
    HelpAsked
        If help was asked for.
    """
    if words and not words[0].startswith("-"):
        check_verb(parser, words[0])
    # What stands behind the first `--` is a command. argparse's own treatment of it differs between Pythons.
    at = words.index("--") if "--" in words else len(words)
    given, unknown = parser.parse_known_args(words[:at])
    if unknown:
        raise UsageMistake(f"{given.prog} doesn't take {' '.join(unknown)}; {given.prog} --help says more")
    given.cell = cell
    if at < len(words):
        if not hasattr(given, "command"):
            raise UsageMistake(f"{given.prog} takes no command behind --; submit does")
        given.command += words[at + 1 :]
    if cell is not None and not hasattr(given, "command"):
        raise UsageMistake("only submit takes what is in the cell")
    return given


def run(parser: argparse.ArgumentParser, words: list[str], context: Context, cell: str | None = None) -> Outcome:
    """Do what the words say.

    Parameters
    ----------
    parser
        The `grammar`.
    words
        A verb and its options.
    context
        Where.
    cell
        What stands below the line, in a notebook: the script to submit.

    Raises
    ------
    UsageMistake, HelpAsked
        See `parse`.
    ValueError
        If no bridge or no token is known.
    OrbitError
        As the verb failed.
    """
    given = parse(parser, words, cell)
    outcome: Outcome = given.run(context, given)
    return outcome
