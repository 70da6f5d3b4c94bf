"""The page for users, held against the code; its examples are run, one after another."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from pages import ROOT, blocks

from orbit_jupyter.plugin import Plugin, ui_config_to_dict
from orbit_jupyter.plugin.testing import StarClient
from orbit_plugins.staging import StagingPlugin, plugin, wants
from orbit_plugins.staging.digests import HEADER
from orbit_plugins.staging.roots import LIMIT, ROOTS, SCRATCH

PAGE = "docs/plugins/staging.md"
TEXT = (ROOT / PAGE).read_text(encoding="utf-8")


def first_cells(heading: str) -> list[str]:
    """Return what is in backquotes in the first column of the tables below a heading."""
    section = TEXT.split(f"\n{heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\|([^|]*`[^|]*)\|", section, re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


def test_examples_do_what_the_page_says(
    hpc: StarClient, here: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(here)
    (here / "input.csv").write_bytes(bytes(1000))
    for folder in ("mesh", "parts"):
        (here / folder).mkdir()
        for name in ("a", "b") if folder == "mesh" else ("c", "d", "e"):
            (here / folder / f"{name}.dat").write_bytes(bytes(1000))
    names: dict[str, object] = {"bridge": hpc.bridge}
    examples = [block for block in blocks(PAGE) if block.is_run]
    for block in examples:
        *first, last = ast.parse(block.code).body
        exec(compile(ast.Module(first, []), PAGE, "exec"), names)
        assert isinstance(last, ast.Expr)
        shown = repr(eval(compile(ast.Expression(last.value), PAGE, "eval"), names))
        assert block.prints is None or block.printed(shown), f"{PAGE}:{block.line} returns {shown}"
    assert sum(block.prints is not None for block in examples) == 3
    assert (here / "copy.csv").read_bytes() == (home / "run1" / "input.csv").read_bytes()


def test_page_has_each_route(hpc: StarClient) -> None:
    every_plugin_s = {route.path for route in Plugin(hpc.plugin("staging")._app).routes}
    routes = hpc.plugin("staging").routes
    own = {f"{one.method} {one.path.replace(':path}', '}')}" for one in routes if one.path not in every_plugin_s}
    section = [cell.partition("?")[0] for cell in first_cells("## Routes")]
    assert {cell for cell in section if " " in cell} == own


def test_page_has_each_header_and_variable() -> None:
    headers = {HEADER, wants.OFFSET, wants.PREFIX, wants.SIZE, wants.MODE, wants.MTIME}
    assert {cell for cell in first_cells("## Routes") if cell.startswith("x-")} == headers
    assert first_cells("## Where files may be") == [ROOTS, LIMIT]
    for name in SCRATCH:
        assert f"`${name}`" in TEXT


def test_the_page_in_the_explorer_fits() -> None:
    page = ui_config_to_dict(StagingPlugin.ui_config)
    assert [form["id"] for form in page["forms"]] == ["browse", "upload", "download"]
    assert page["notifications"] == {"topic": "transfer", "id_field": "id"}
    assert plugin.PluginStaging is StagingPlugin
