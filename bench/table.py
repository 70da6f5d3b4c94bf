"""What has been found: as a table for people, and as JSON."""

from __future__ import annotations

import os
import platform
from typing import Any

import psutil

from .rows import OTHERS, ROWS
from .steps import Found, Sizes

HEAD = ["figure", "Orbit", "beside", "ratio", *(cell for one in OTHERS for cell in (one, "ratio")), "to reach", ""]


def machine() -> dict[str, Any]:
    """Return what the figures depend on; never the machine's name."""
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


def report(found: Found, groups: list[str], sizes: Sizes, rounds: int) -> dict[str, Any]:
    """Return the figures of a run, as ``--json`` writes them."""
    rows = [row.result(found, sizes) for row in ROWS if row.group in groups]
    return {"machine": machine(), "rounds": rounds, "rows": rows}


class _Notes:
    """Footnotes: one number for each reason why something is missing."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def mark(self, reason: str) -> str:
        if reason not in self.reasons:
            self.reasons.append(reason)
        return f"not measured [{self.reasons.index(reason) + 1}]"


def _cells(told: dict[str, Any] | None, row: dict[str, Any], title: str, notes: _Notes) -> list[str]:
    if told is None:
        return ["", ""]
    if "missing" in told:
        return [notes.mark(told["missing"]), ""]
    return [
        f"{told['value']:,.{row['digits']}f} {title}".strip(),
        f"{told['ratio']:.2f}" if "ratio" in told else "",
    ]


def _line(row: dict[str, Any], notes: _Notes) -> list[str]:
    besides = dict(row["beside"])
    others = [cell for one in OTHERS for cell in _cells(besides.pop(one, None), row, "", notes)]
    title, beside = next(iter(besides.items()), ("", None))
    reached = {True: "reached", False: "missed", None: "not known"}
    return [
        row["title"],
        *_cells(row, row, row["unit"], notes)[:1],
        *_cells(beside, row, title, notes),
        *others,
        "; ".join(one["target"] for one in row["targets"]),
        "; ".join(reached[one["reached"]] for one in row["targets"]),
    ]


def table(told: dict[str, Any]) -> str:
    """Return a report for people."""
    about, notes = told["machine"], _Notes()
    lines = [HEAD, *(_line(row, notes) for row in told["rows"])]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    text = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    ]
    rule = "-" * max(len(line) for line in text)
    head = (
        f"{about['cores']} cores, {about['memory_gib']} GiB, Python {about['python']}, load {about['load']}; "
        f"medians of {told['rounds']} rounds, of fewer where it takes long; {' and '.join(OTHERS)}: radical.orbit"
    )
    reasons = [f"[{number}] {reason}" for number, reason in enumerate(notes.reasons, 1)]
    return "\n".join([head, rule, text[0], rule, *text[1:], *reasons])
