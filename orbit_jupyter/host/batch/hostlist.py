"""Names of nodes as batch systems shorten them: ``n[1-4,07-10],gpu[1-2]-ib``.

Written anew, since the library for it, python-hostlist, is under the GPL.
"""

from __future__ import annotations

import itertools
import re

MOST = 1_000_000
"""Names that a list may have when it is expanded; the largest machines have a tenth of that."""

_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_RANGE = re.compile(r"([0-9]{1,18})(?:-([0-9]{1,18}))?")


def expand(text: str) -> list[str]:
    """Return the names that a shortened list stands for, in its order, each once.

    Parameters
    ----------
    text
        Such as ``n[1-4,7],login``; a number keeps its leading zeros, and a name may have several brackets.

    Raises
    ------
    ValueError
        If it can't be read, or stands for more than a million names.
    """
    names: dict[str, None] = {}
    left = MOST
    for part in _parts(text):
        choices = [[part]] if "[" not in part else _choices(part)
        left -= _product(choices)
        if left < 0:
            raise ValueError(f"{text[:80]!r} stands for more than {MOST} nodes")
        names.update(dict.fromkeys("".join(pieces) for pieces in itertools.product(*choices)))
    return list(names)


def numbers(text: str, most: int = MOST) -> list[str]:
    """Return the numbers of a list of ranges such as ``1-4,07-10`` or ``0-20:5``, as they are written.

    Parameters
    ----------
    text
        The list, without brackets.
    most
        Numbers that it may stand for.

    Raises
    ------
    ValueError
        If it can't be read, or stands for more.
    """
    found: list[str] = []
    for part in text.split(","):
        span, _, step = part.strip().partition(":")
        match = _RANGE.fullmatch(span)
        if match is None or (step and not (step.isascii() and step.isdigit() and int(step[:18]) > 0)):
            raise ValueError(f"{part[:80]!r} is no range of numbers")
        first, last = match[1], match[2] or match[1]
        span_ = range(int(first), int(last) + 1, int(step[:18] or 1))
        if not span_:
            raise ValueError(f"{part[:80]!r} is no range of numbers")
        if len(span_) + len(found) > most:
            raise ValueError(f"{text[:80]!r} stands for more than {most} numbers")
        found.extend(str(number).zfill(len(first)) for number in span_)
    return found


def _parts(text: str) -> list[str]:
    """Split at the commas that are outside of brackets."""
    parts, depth, begin = [], 0, 0
    for at, letter in enumerate(text):
        if letter == "[":
            depth += 1
        elif letter == "]":
            depth -= 1
        elif letter == "," and depth == 0:
            parts.append(text[begin:at])
            begin = at + 1
        if depth not in {0, 1}:
            raise ValueError(f"the brackets of {text[:80]!r} don't match")
    if depth != 0:
        raise ValueError(f"the brackets of {text[:80]!r} don't match")
    parts.append(text[begin:])
    return [part.strip() for part in parts if part.strip()]


def _choices(part: str) -> list[list[str]]:
    """Return what can stand at each place of a name, one after another."""
    choices: list[list[str]] = []
    for index, piece in enumerate(_BRACKETS.split(part)):
        choices.append([piece] if index % 2 == 0 else numbers(piece))
        if _product(choices) > MOST:
            raise ValueError(f"{part[:80]!r} stands for more than {MOST} nodes")
    return choices


def _product(choices: list[list[str]]) -> int:
    count = 1
    for choice in choices:
        count *= len(choice)
    return count
