"""The page for users, held against the code."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import msgspec
import pytest

from orbit_jupyter.plugin import Plugin
from orbit_plugins.psij import PSIJClient
from orbit_plugins.psij.endpoints import Launch
from orbit_plugins.psij.offers import executors, launchers
from orbit_plugins.psij.spec import Attributes, JobSpec, Resources

if TYPE_CHECKING:
    from tests.plugins.psij.conftest import Host

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "plugins" / "psij.md").read_text()


def first_cells(heading: str) -> list[str]:
    """Return what is in backquotes in the first column of the tables below a heading."""
    section = PAGE.split(f"\n{heading}\n", 1)[1].split("\n#", 1)[0]
    rows = re.findall(r"^\|([^|]*`[^|]*)\|", section, re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


@pytest.mark.parametrize(
    ("heading", "struct", "more"),
    [
        ("## The job", JobSpec, {"stdin", "stdout", "stderr"}),
        ("### `attributes`", Attributes, set()),
        ("### `resources`", Resources, set()),
    ],
)
def test_page_has_each_field_and_no_other(heading: str, struct: type, more: set[str]) -> None:
    fields = {field.name for field in msgspec.structs.fields(struct)}
    assert set(first_cells(heading)) == fields | more


def test_page_has_each_executor_and_launcher() -> None:
    section = PAGE.split("\n## Executors and launchers\n")[1].split("\n## ")[0]
    for offer in (*executors(), *launchers()):
        assert f"`{offer.name}`" in section


@pytest.mark.asyncio
async def test_page_has_each_route(host: Host) -> None:
    every_plugin_s = {route.path for route in Plugin(host.app).routes}
    routes = {f"{route.method} {route.path}" for route in host.plugin.routes if route.path not in every_plugin_s}
    assert {cell.partition("?")[0] for cell in first_cells("## Routes")} == routes


def test_page_has_each_field_of_a_launch() -> None:
    (row,) = (line for line in PAGE.splitlines() if line.startswith("| `POST launch/"))
    for field in msgspec.structs.fields(Launch):
        assert f'"{field.name}"' in row


def test_first_example_runs(client: PSIJClient) -> None:
    example = PAGE.split("```python\n", 1)[1].split("```", 1)[0]
    names: dict[str, object] = {"hpc": SimpleNamespace(psij=client)}
    exec(example, names)
    job = names["job"]
    assert repr(job).startswith(f"<Job {job['job_id']} COMPLETED: 'hello': /bin/sh")  # type: ignore[index]
