"""The rows: what each figure is, what it is beside, what it should reach; as a table and as JSON."""

from __future__ import annotations

import os
import platform
import statistics
from dataclasses import dataclass
from typing import Any

import psutil

Series = dict[str, list[float]]
"""By the name of a figure, its value in each round."""


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Parameters
    ----------
    beside
        Name of the figure that it is compared with in the same round; empty: none.
    target
        Bound of the ratio where there is one beside, else of the figure itself; None: there is none.
    at_most
        Whether the target is an upper bound.
    """

    group: str
    title: str
    figure: str
    unit: str
    digits: int
    beside: str = ""
    beside_title: str = ""
    target: float | None = None
    at_most: bool = False

    def result(self, series: Series) -> dict[str, Any]:
        """Return the row's medians over the rounds; the ratio is the median of each round's own."""
        values = series[self.figure]
        found: dict[str, Any] = {"title": self.title, "unit": self.unit, "value": statistics.median(values)}
        found["rounds"] = values
        judged = found["value"]
        if self.beside:
            others = series[self.beside]
            judged = statistics.median(one / other for one, other in zip(values, others, strict=True))
            found |= {"beside": statistics.median(others), "beside_title": self.beside_title, "ratio": judged}
        if self.target is not None:
            found["target"] = f"{'≤' if self.at_most else '≥'} {self.target:,g}"
            found["reached"] = bool(judged <= self.target if self.at_most else judged >= self.target)
        return found


ROWS = (
    Row("roundtrip", "SDK round trip, p50", "sdk.ms", "ms", 3, "relay.ms", "relay", 1.5, True),
    Row("roundtrip", "  the same, blocking", "blocking.ms", "ms", 3, "relay.ms", "relay"),
    Row("calls", "SDK calls a second, 32 in flight", "sdk.rate", "/s", 0, "relay.rate", "relay", 0.5),
    Row(
        "http", "HTTP through the proxy, 16 connections", "proxy.rate", "/s", 0, "empty.rate", "empty handler", 0.6
    ),
    Row("events", "events end to end, a burst of 20,000", "events.rate", "/s", 0, target=40_000),
    Row("events", "  delivered", "events.delivered", "", 2, target=1.0),
    Row("start", "endpoint's start, until it is listed", "start.s", "s", 2, target=1.0, at_most=True),
    Row("start", "  its memory", "start.mib", "MiB", 1, target=57.2, at_most=True),
    Row("calls", "  of a core for the client: SDK, relay", "sdk.own", "", 2, "relay.own", "relay"),
    Row("http", "  of a core for the load generator", "proxy.own", "", 2, "empty.own", "empty handler"),
)
"""A target of 60 MB is 57.2 MiB."""


def machine() -> dict[str, Any]:
    """Return what the figures depend on; never the machine's name."""
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


def report(series: Series, rounds: int) -> dict[str, Any]:
    """Return the figures of a run, as ``--json`` writes them."""
    rows = [row.result(series) for row in ROWS if row.figure in series]
    return {"machine": machine(), "rounds": rounds, "rows": rows}


def table(found: dict[str, Any]) -> str:
    """Return the same for people."""
    about = found["machine"]
    digits = {row.title: row.digits for row in ROWS}
    lines = [["figure", "Orbit", "beside", "ratio", "to reach", ""]]
    for row in found["rows"]:
        places = digits[row["title"]]
        beside = f"{row['beside']:,.{places}f} {row['beside_title']}" if "beside" in row else ""
        lines.append(
            [
                row["title"],
                f"{row['value']:,.{places}f} {row['unit']}".strip(),
                beside,
                f"{row['ratio']:.2f}" if "ratio" in row else "",
                row.get("target", ""),
                {True: "reached", False: "missed"}.get(row.get("reached"), ""),
            ]
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    text = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    ]
    rule = "-" * max(len(line) for line in text)
    head = (
        f"{about['cores']} cores, {about['memory_gib']} GiB, Python {about['python']}, load {about['load']}; "
        f"medians of {found['rounds']} rounds"
    )
    return "\n".join([head, rule, text[0], rule, *text[1:]])
