"""The table of ``make bench``: what is judged, and what is told where something couldn't be measured."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import pytest

from bench.bulk import Bulk
from bench.events import Events
from bench.fleet import Idle
from bench.jobs import Jobs
from bench.kernel import Kernel
from bench.measure import Relay, orbit_steps, relay_steps, release_steps
from bench.orbit import Orbit
from bench.processes import Certificate
from bench.releases import RELEASES, OtherRelease
from bench.rows import GROUPS, OTHERS, ROWS, Row, Target
from bench.screen import Screen
from bench.start import Start
from bench.steps import Figures, Found, Sizes, Step
from bench.table import report, table

NOT_STARTED = cast("Any", None)
SIZES = Sizes(1.0)
BETTER = Target(1.2, ("0.2.0.http", "0.7.0.http"))
HTTP = Row("http", "HTTP", "tls.http", "/s", 0, other="http", targets=(BETTER,))


def all_steps() -> Iterable[Step]:
    """Return every step that there is, with nothing running behind it."""
    certificate = Certificate(Path("chain"), Path("key"), Path("authority"))
    plain, secure = (Orbit(kind, SIZES, *[NOT_STARTED] * 6) for kind in ("plain", "tls"))
    parts = [relay_steps(Relay(SIZES, NOT_STARTED, plain)), orbit_steps(plain), orbit_steps(secure)]
    parts += [release_steps(OtherRelease(one, NOT_STARTED, SIZES, certificate)) for one in RELEASES]
    for part in parts:
        for group in part.values():
            yield from group
    yield from Bulk(NOT_STARTED, SIZES, NOT_STARTED, plain).steps()
    yield from Events(SIZES, plain).steps()
    yield from Jobs(NOT_STARTED, plain, SIZES).steps()
    yield from Idle(NOT_STARTED, SIZES).steps()
    yield from Kernel(NOT_STARTED, SIZES, plain, Found()).steps()
    yield from Screen(SIZES, plain).steps()
    yield from Start(NOT_STARTED, plain).steps()


def test_every_figure_of_the_table_comes_from_a_step() -> None:
    measured = [name for step in all_steps() for name in step.figures]
    wanted = {name for row in ROWS for name in (row.figure, *row.columns())}
    wanted |= {name for row in ROWS for target in row.targets for name in target.of}
    assert len(measured) == len(set(measured))
    assert wanted <= set(measured)
    assert [one.version for one in RELEASES] == list(OTHERS)


def test_the_page_says_what_the_figures_of_each_group_are() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/performance.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == GROUPS


def test_the_better_of_two_releases_counts_in_each_round() -> None:
    found = Found({"tls.http": [120.0, 120.0], "0.2.0.http": [100.0, 50.0], "0.7.0.http": [50.0, 100.0]})
    (told,) = HTTP.result(found, SIZES)["targets"]
    assert told == {"target": "≥ 1.2 \u00d7 the better of 0.2.0 and 0.7.0", "reached": True}
    found.series["0.7.0.http"] = [101.0, 101.0]
    assert HTTP.result(found, SIZES)["targets"][0]["reached"] is False


def test_an_upper_bound_is_reached_below_it() -> None:
    row = Row("kernel", "p99", "loaded", "ms", 3, "idle", "idle", targets=(Target(2, ("idle",), at_most=True),))
    told = row.result(Found({"loaded": [3.0], "idle": [2.0]}), SIZES)
    assert (told["beside"]["idle"]["ratio"], told["targets"][0]["reached"]) == (1.5, True)
    assert row.result(Found({"loaded": [5.0], "idle": [2.0]}), SIZES)["targets"][0]["reached"] is False


def test_a_release_that_cant_run_leaves_a_reason_and_no_judgement() -> None:
    found = Found({"tls.http": [120.0], "0.7.0.http": [10.0]}, {"0.2.0.http": "there is no network"})
    told = HTTP.result(found, SIZES)
    assert told["beside"]["0.2.0"] == {"missing": "there is no network"}
    assert told["targets"][0]["reached"] is None
    text = table({"machine": report(found, [], SIZES, 1)["machine"], "rounds": 1, "rows": [told]})
    assert "not measured [1]" in text
    assert text.endswith("[1] there is no network")


@pytest.mark.asyncio
async def test_a_step_that_fails_is_told_once_and_stops_no_other() -> None:
    runs: list[str] = []

    async def fails_later() -> Figures:
        runs.append("fails later")
        if runs.count("fails later") == 2:
            raise RuntimeError("it broke")
        return {"broken": 1.0}

    async def works() -> Figures:
        runs.append("works")
        return {"fine": 2.0}

    found = Found()
    await found.rounds([Step(fails_later, ("broken",)), Step(works, ("fine",))], 4, "test")
    assert found == Found({"fine": [2.0] * 4}, {"broken": "it broke"})
    assert runs.count("fails later") == 2
