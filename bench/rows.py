"""The rows of the table: what each figure is, what it is beside, and what it should reach."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

from .steps import Found, Sizes

OTHERS = ("0.2.0", "0.7.0")
"""Releases of radical.orbit; their figures' names begin so."""


@dataclass(frozen=True)
class Target:
    """A bound of a figure, or of its ratio to others'.

    Parameters
    ----------
    of
        Names of the figures that it is a ratio to, the better one where there are two; empty: it is absolute.
    at_most
        Whether it is an upper bound. What has one is the better the smaller it is.
    """

    bound: float
    of: tuple[str, ...] = ()
    at_most: bool = False

    def judge(self, values: list[float], found: Found, titles: dict[str, str]) -> dict[str, Any]:
        """Return the target in words and whether it is reached; None where what it depends on is missing."""
        told: dict[str, Any] = {"target": f"{'≤' if self.at_most else '≥'} {self.bound:,g}", "reached": None}
        if self.of:
            names = [titles[one] for one in self.of]
            told["target"] += f" \u00d7 {'the better of ' if len(names) > 1 else ''}{' and '.join(names)}"
            if any(one not in found.series for one in self.of):
                return told
            best = min if self.at_most else max
            others = [best(round_) for round_ in zip(*(found.series[one] for one in self.of), strict=True)]
            judged = ratio(values, others)
        else:
            judged = statistics.median(values)
        return {**told, "reached": bool(judged <= self.bound if self.at_most else judged >= self.bound)}


def ratio(values: list[float], others: list[float]) -> float:
    """Return the median of each round's own ratio, which a machine that drifts disturbs least."""
    return statistics.median(one / other for one, other in zip(values, others, strict=True))


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Parameters
    ----------
    title
        May hold ``{mib}`` and the like, fields of `Sizes`.
    beside, beside_title
        Figure that it is compared with, and what that is; empty: none.
    other
        What the figures of the other releases are called, behind their version; empty: they have none.
    """

    group: str
    title: str
    figure: str
    unit: str
    digits: int
    beside: str = ""
    beside_title: str = ""
    other: str = ""
    targets: tuple[Target, ...] = ()

    def columns(self) -> dict[str, str]:
        """Return the figures that it is compared with, each with what that is."""
        beside = {self.beside: self.beside_title} if self.beside else {}
        return beside | ({f"{one}.{self.other}": one for one in OTHERS} if self.other else {})

    def result(self, found: Found, sizes: Sizes) -> dict[str, Any]:
        """Return the row's medians, ratios and judgements, or why there are none."""
        titles = self.columns()
        told: dict[str, Any] = {
            "group": self.group,
            "title": self.title.format(**vars(sizes)),
            "unit": self.unit,
            "digits": self.digits,
        }
        values = found.series.get(self.figure)
        if values is None:
            told["missing"] = found.missing[self.figure]
        else:
            told |= {"value": statistics.median(values), "rounds": values}
        told["beside"] = {}
        for name, title in titles.items():
            others = found.series.get(name)
            if others is None:
                told["beside"][title] = {"missing": found.missing[name]}
                continue
            told["beside"][title] = {"value": statistics.median(others), "rounds": others}
            if values is not None:
                told["beside"][title]["ratio"] = ratio(values, others)
        told["targets"] = [target.judge(values or [], found, titles) for target in self.targets if values]
        return told


RELAY, EMPTY, IDLE = "relay", "empty handler", "idle"

ROWS = (
    Row(
        "roundtrip",
        "SDK round trip, p50",
        "plain.ms",
        "ms",
        3,
        "relay.ms",
        RELAY,
        targets=(Target(1.5, ("relay.ms",), at_most=True),),
    ),
    Row("roundtrip", "  blocking", "plain.blocking", "ms", 3, "relay.ms", RELAY),
    Row(
        "roundtrip",
        "  over TLS",
        "tls.ms",
        "ms",
        3,
        other="ms",
        targets=(Target(0.7, ("0.7.0.ms",), at_most=True),),
    ),
    Row("roundtrip", "  blocking, over TLS", "tls.blocking", "ms", 3, other="ms"),
    Row(
        "calls",
        "SDK calls a second, 32 in flight",
        "plain.rate",
        "/s",
        0,
        "relay.rate",
        RELAY,
        targets=(Target(0.5, ("relay.rate",)),),
    ),
    Row("calls", "  over TLS", "tls.rate", "/s", 0, other="rate", targets=(Target(3, ("0.7.0.rate",)),)),
    Row("calls", "  from 32 threads, over TLS", "tls.threads", "/s", 0, other="rate"),
    Row("calls", "  of a core for the client", "plain.own", "", 2, "relay.own", RELAY),
    Row(
        "http",
        "HTTP through the proxy, 16 connections",
        "plain.http",
        "/s",
        0,
        "empty.http",
        EMPTY,
        targets=(Target(0.6, ("empty.http",)),),
    ),
    Row(
        "http",
        "  over TLS",
        "tls.http",
        "/s",
        0,
        other="http",
        targets=(Target(1.2, ("0.2.0.http", "0.7.0.http")),),
    ),
    Row("http", "  of a core for the load generator", "plain.http_own", "", 2, "empty.http_own", EMPTY),
    Row(
        "events",
        "events end to end, a burst of {events:,}",
        "events.rate",
        "/s",
        0,
        targets=(Target(40_000),),
    ),
    Row("events", "  delivered", "events.delivered", "", 4, targets=(Target(1),)),
    Row("events", "  the same to ten subscribers, together", "many.rate", "/s", 0),
    Row("events", "  delivered", "many.delivered", "", 4, targets=(Target(1),)),
    Row("events", "  of a core for the ten", "many.own", "", 2),
    Row("start", "endpoint's start, until it is listed", "start.s", "s", 2, targets=(Target(1, at_most=True),)),
    Row("start", "  its memory", "start.mib", "MiB", 1, targets=(Target(57.2, at_most=True),)),
    Row(
        "bulk",
        "{mib:,} MiB up through the bridge",
        "bulk.up_rate",
        "MiB/s",
        0,
        "relay.up",
        RELAY,
        targets=(Target(0.4, ("relay.up",)),),
    ),
    Row(
        "bulk",
        "  small calls meanwhile, p99",
        "bulk.up_p99",
        "ms",
        3,
        "bulk.idle",
        IDLE,
        targets=(Target(2, ("bulk.idle",), at_most=True),),
    ),
    Row("bulk", "  bridge memory up by", "bulk.up_mib", "MiB", 1, targets=(Target(32, at_most=True),)),
    Row(
        "bulk",
        "{mib:,} MiB down through the bridge",
        "bulk.down_rate",
        "MiB/s",
        0,
        "relay.down",
        RELAY,
        targets=(Target(0.4, ("relay.down",)),),
    ),
    Row(
        "bulk",
        "  small calls meanwhile, p99",
        "bulk.down_p99",
        "ms",
        3,
        "bulk.idle",
        IDLE,
        targets=(Target(2, ("bulk.idle",), at_most=True),),
    ),
    Row("bulk", "  bridge memory up by", "bulk.down_mib", "MiB", 1, targets=(Target(32, at_most=True),)),
    Row(
        "fleet",
        "{endpoints:,} idle endpoints, memory of the bridge for each",
        "fleet.kib",
        "KiB",
        1,
        targets=(Target(60, at_most=True),),
    ),
    Row("fleet", "  of a core", "fleet.core", "%", 1, targets=(Target(8, at_most=True),)),
    Row("fleet", "  until all are welcome", "fleet.join", "s", 1),
    Row(
        "jobs",
        "10,000 jobs listed from the endpoint's disk",
        "jobs.list",
        "ms",
        0,
        targets=(Target(300, at_most=True),),
    ),
    Row("jobs", "  their listing", "jobs.mib", "MiB", 1),
    Row(
        "jobs",
        "1,000 jobs in a queue watched every 5 s, of a core",
        "jobs.core",
        "%",
        2,
        targets=(Target(2, at_most=True),),
    ),
    Row("jobs", "  queries an interval", "jobs.queries", "", 2, targets=(Target(1.5, at_most=True),)),
    Row(
        "kernel",
        "kernel_info of a kernel, p99, half of all calls beside it",
        "kernel.loaded",
        "ms",
        3,
        "kernel.idle",
        IDLE,
        targets=(Target(2, ("kernel.idle",), at_most=True),),
    ),
    Row("kernel", "  p50", "kernel.loaded_p50", "ms", 3, "kernel.idle_p50", IDLE),
    Row("kernel", "  calls a second meanwhile", "kernel.carried", "/s", 0, "kernel.asked", "asked for"),
    Row(
        "screen",
        "frames a second while 100,000 tasks scroll by",
        "screen.fps",
        "/s",
        0,
        targets=(Target(30),),
    ),
    Row("screen", "  their rows in the page", "screen.rows", "", 0, targets=(Target(200, at_most=True),)),
    Row(
        "screen",
        "a click while {events:,} events come, the slowest",
        "screen.click",
        "ms",
        0,
        targets=(Target(100, at_most=True),),
    ),
    Row("screen", "  memory of the tab", "screen.mib", "MiB", 0, targets=(Target(400, at_most=True),)),
)
"""A target of 60 MB is 57.2 MiB."""

GROUPS = list(dict.fromkeys(row.group for row in ROWS))
