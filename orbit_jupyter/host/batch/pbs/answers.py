r"""PBS's answers as trees: its JSON, also where it is invalid, and its text.

What PBS calls JSON may not be: releases differ in what they escape of a job's variables and comments (``\'``,
``\,``, a quote, ``005`` as a number), repeat keys, or repeat ``"Jobs": {`` without closing it. Yet it is always
one value a line, indented by tabs, and that is enough to read it by.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

Tree = dict[str, Any]

_ENTRY = re.compile(r'(\t*)"((?:[^"\\]|\\.)*)":\t*(.*)', re.DOTALL)
_RECORD = re.compile(r"(Job Id|Queue|Server): ?(\S+)\s*")
_ATTRIBUTE = re.compile(r" {4,}([A-Za-z_][\w.-]*) = (.*)", re.DOTALL)

DEEPEST = 6
"""Levels in an answer; PBS has four."""


def from_json(text: str) -> Tree:
    """Return the tree in what ``-F json`` prints.

    Raises
    ------
    ValueError
        If it isn't that, not even nearly.
    """
    try:
        tree = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        tree = _line_by_line(text)
    if not isinstance(tree, dict) or "timestamp" not in tree:
        raise ValueError("no answer of PBS's in JSON")
    return tree


def branch(tree: Tree, name: str) -> dict[str, Tree]:
    """Return the records under a key, by name; none where PBS leaves the key out."""
    records = tree.get(name, {})
    if not isinstance(records, dict) or not all(isinstance(record, dict) for record in records.values()):
        raise ValueError(f"{name!r} holds something else than records")
    return records


def from_text(text: str) -> dict[str, Tree]:
    """Return the records in what ``qstat -f`` prints, by name; ``a.b = c`` is a branch, as in the JSON.

    Raises
    ------
    ValueError
        If it begins with something else.
    """
    records: dict[str, Tree] = {}
    record: Tree | None = None
    for line in text.replace("\n\t", "").split("\n"):  # a long value goes on after a line break and a tab
        head = _RECORD.fullmatch(line)
        if head is not None:
            record = records.setdefault(head[2], {})
            continue
        attribute = _ATTRIBUTE.fullmatch(line)
        if attribute is not None and record is not None:
            name, dot, rest = attribute[1].partition(".")
            if dot:
                inner = record.setdefault(name, {})
                if isinstance(inner, dict):
                    inner[rest] = attribute[2]
            else:
                record[name] = attribute[2]
        elif record is None and line.strip():
            raise ValueError("no text of qstat's")
    return records


def _line_by_line(text: str) -> Tree:
    root: Tree = {}
    path: list[Tree] = [root]  # the branch that is open at each level; an entry with n tabs belongs to path[n - 1]
    for line in text.splitlines():
        entry = _ENTRY.fullmatch(line.rstrip())
        if entry is None:
            continue
        depth, name, said = len(entry[1]), entry[2], entry[3]
        if not 1 <= depth <= min(len(path), DEEPEST):
            continue
        inside = path[depth - 1]
        if said == "{":
            opened = inside.setdefault(name, {})
            path[depth:] = [opened if isinstance(opened, dict) else {}]
        else:
            del path[depth:]
            inside[name] = _value(said.removesuffix(","))
    return root


def _value(said: str) -> Any:
    try:
        return msgspec.json.decode(said)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        quoted = len(said) > 1 and said[0] == said[-1] == '"'
        return re.sub(r"\\(.)", r"\1", said[1:-1]) if quoted else said
