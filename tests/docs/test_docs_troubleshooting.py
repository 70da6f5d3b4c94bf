"""What the page on troubleshooting quotes is what the source says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest
from pages import ROOT, Block, blocks

PAGE = "docs/troubleshooting.md"
PACKAGES = ("orbit_jupyter", "orbit_jupyter_widgets", "plugins/orbit_plugins")
PLACEHOLDER = "\0"
COVERED = 0.6
"""Of what a page quotes, how much must be one text of the source; short ones are part of many messages."""

_PERCENT = re.compile(r"%(?:\.\d+)?[sdrfg]")

QUOTES = [block for block in blocks(PAGE) if block.language == "text"]


def texts(node: ast.AST) -> Iterator[str]:
    """Yield the texts of a module, with a placeholder for each value that is put in."""
    if isinstance(node, ast.JoinedStr):
        yield "".join(one.value if isinstance(one, ast.Constant) else PLACEHOLDER for one in node.values)  # type: ignore[misc]
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield _PERCENT.sub(PLACEHOLDER, node.value)
    else:
        for child in ast.iter_child_nodes(node):
            yield from texts(child)


@cache
def patterns() -> list[tuple[int, re.Pattern[str]]]:
    """Return what each text of the source can look like, and how many characters of it are fixed."""
    found = {
        text
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        for text in texts(ast.parse(path.read_text(encoding="utf-8")))
    }
    return [
        (len(text.replace(PLACEHOLDER, "")), re.compile(".+".join(map(re.escape, text.split(PLACEHOLDER)))))
        for text in found
    ]


def is_said(message: str) -> bool:
    enough = COVERED * len(message.replace("…", ""))
    return any(fixed >= enough and pattern.search(message) for fixed, pattern in patterns())


@pytest.mark.parametrize("quote", QUOTES, ids=lambda quote: str(quote.line))
def test_each_quoted_message_is_in_the_source(quote: Block) -> None:
    message = " ".join(quote.code.split())
    assert is_said(message), f"{PAGE}:{quote.line}: the source doesn't say {message!r}"


def test_a_message_that_nobody_says_is_found_out() -> None:
    assert QUOTES
    assert not is_said("the endpoint … is in a bad mood; give it a moment")
