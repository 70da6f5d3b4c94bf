"""What a verb gives back: data for Python, a table for people."""

from __future__ import annotations

from typing import Any

import pytest

from orbit_jupyter.verbs import Facts, Grid, Output, Table, text_of

COLUMNS: dict[str, Any] = {"job": "id", "twice": lambda row: row["n"] * 2, "many": "names"}


def table(*ids: str) -> Table:
    return Table([{"id": id, "n": 2, "names": ["a", "b"]} for id in ids], COLUMNS, "Jobs", "there is no job")


def test_a_table_is_a_list_of_dicts_and_reads_as_text() -> None:
    made = table("j1", "j2")
    assert made[0] == {"id": "j1", "n": 2, "names": ["a", "b"]}
    lines = repr(made).splitlines()
    assert lines[0] == "Jobs"
    assert lines[-1].split() == ["j2", "4", "a,", "b"]


def test_an_empty_table_says_so() -> None:
    assert repr(table()) == "there is no job"
    bundle = table()._repr_mimebundle_()
    assert bundle is not None
    assert "<p>there is no job</p>" in bundle["text/html"]


def test_in_a_notebook_a_table_is_html_with_everything_escaped() -> None:
    bundle = table("<script>alert(1)</script>")._repr_mimebundle_()
    assert bundle is not None
    assert "<th style='text-align:left'>job</th>" in bundle["text/html"]
    assert "&lt;script&gt;" in bundle["text/html"]
    assert "<script>" not in bundle["text/html"]


@pytest.mark.parametrize("hostile", ["\x1b[2Jgone", "[red]mark[/red]", "two\nlines\x07", "a\u202eb"])
def test_what_an_endpoint_says_cannot_rewrite_the_terminal(hostile: str) -> None:
    shown = repr(table(hostile))
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "\u202e" not in shown
    assert "[red]" in shown or "[red]" not in hostile
    assert len(shown.splitlines()) == len(repr(table("harmless")).splitlines())


def test_facts_are_a_dict_and_leave_out_what_is_not_known() -> None:
    facts = Facts({"a": 1, "b": None}, {"first": "a", "second": "b"}, "Facts")
    assert facts["b"] is None
    assert repr(facts).splitlines() == ["Facts", "first  1"]


def test_a_wide_table_stays_one_line_a_row_where_there_is_room() -> None:
    grid = Grid("", ("a", "b"), (("x" * 200, "y" * 200),))
    assert f"{'x' * 200}   {'y' * 200}" in text_of(grid, 1000)


def test_an_output_is_a_text() -> None:
    assert Output("a\nb") == "a\nb"
    assert not Output("a").written
    assert Output("a", written=True).written
