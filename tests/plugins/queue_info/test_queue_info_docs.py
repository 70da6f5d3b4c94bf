"""The page for users, held against the code; its examples are run, one after another."""

from __future__ import annotations

import ast
import contextlib
import io
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, get_type_hints

import pytest
from pages import ROOT, blocks
from told_batch import ToldBatch, job

from orbit_jupyter.plugin import Plugin, ui_config_to_dict
from orbit_plugins.queue_info import QueueInfoPlugin, answers, scheduler, watch

if TYPE_CHECKING:
    from tests.plugins.queue_info.conftest import Open, Site

PAGE = "docs/plugins/queue_info.md"
TEXT = (ROOT / PAGE).read_text(encoding="utf-8")


def tables(heading: str) -> list[list[str]]:
    """Return of each table below a heading what is in backquotes in its first column."""
    section = TEXT.split(f"\n{heading}\n", 1)[1].split("\n## ", 1)[0]
    found = re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE)
    rows = [re.findall(r"^\|([^|]*`[^|]*)\|", table, re.MULTILINE) for table in found]
    return [[name for row in table for name in re.findall(r"`([^`]+)`", row)] for table in rows]


@pytest.mark.parametrize(
    ("heading", "number", "kind"),
    [
        ("## Queues", 0, answers.QueueEntry),
        ("## Jobs", 0, answers.JobEntry),
        ("## Jobs", 1, answers.Accounting),
        ("## Allocations", 0, answers.Allocation),
        ("## The endpoint's own allocation", 0, answers.AllocationEntry),
        ("## Events", 0, watch.QueueState),
    ],
)
def test_page_has_each_field_and_no_other(heading: str, number: int, kind: Any) -> None:
    assert sorted(tables(heading)[number]) == sorted(get_type_hints(kind))


def test_page_has_each_route_and_no_other(site: Site) -> None:
    plugin = site.endpoint.plugin("queue_info")
    every_plugin_s = {route.path for route in Plugin(plugin._app).routes}
    own = {f"{one.method} {one.path}" for one in plugin.routes if one.path not in every_plugin_s}
    assert set(tables("## Routes")[0]) == own


def test_page_has_the_numbers() -> None:
    assert f"once in {scheduler.QUEUES_GOOD_FOR:g} s, jobs at most once in {scheduler.JOBS_GOOD_FOR:g} s" in TEXT
    assert f"a call waits {scheduler.PATIENCE:g} s at most" in TEXT
    assert (scheduler.QUERIES, scheduler.ACTIONS) == (4, 4)
    assert f"`{watch.TOPIC}`" in TEXT


def test_examples_do_what_the_page_says(open_site: Open) -> None:
    batch = ToldBatch()
    waiting = job("19", partition="debug", state="QUEUED", native_state="PENDING", reason="Resources")
    batch.all_jobs = [job("17"), waiting]
    names: dict[str, Any] = {"bridge": open_site(batch).endpoint.bridge}
    examples = [block for block in blocks(PAGE) if block.is_run]
    for block in examples:
        shown = ran(ast.parse(block.code).body, names)
        assert block.prints is None or block.printed(shown), f"{PAGE}:{block.line} shows {shown}"
    assert sum(block.prints is not None for block in examples) == 4
    assert [action for action, _ in batch.done] == ["hold", "release", "cancel"]


def ran(code: Iterable[ast.stmt], names: dict[str, Any]) -> str:
    """Return what a cell shows: what it prints, and the value of its last line."""
    *first, last = code
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(ast.Module(first, []), PAGE, "exec"), names)
        if isinstance(last, ast.Expr):
            print(repr(eval(compile(ast.Expression(last.value), PAGE, "eval"), names)))
        else:
            exec(compile(ast.Module([last], []), PAGE, "exec"), names)
    return printed.getvalue()


def test_the_page_in_the_explorer_begins_with_radical_orbit_s_monitor() -> None:
    page = ui_config_to_dict(QueueInfoPlugin.ui_config)
    assert page["monitors"][0] == {
        "id": "partitions",
        "title": "Partitions / Queues",
        "type": "table",
        "css_class": "queueinfo-content",
        "empty_text": "The batch system has no queues for you.",
        "auto_load": "get_info/{sid}",
    }
    assert [monitor["id"] for monitor in page["monitors"]] == ["partitions", "jobs", "allocations"]
    assert page["notifications"]["topic"] == watch.TOPIC
