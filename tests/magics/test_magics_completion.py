"""What Tab offers behind ``%orbit``, through IPython's own completer with Jedi on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.magics.conftest import Cells


VERBS = [
    *("cancel", "endpoints", "help", "jobs", "join", "launch", "leave", "output"),
    *("plugins", "queues", "status", "submit", "sysinfo", "token", "use"),
]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("%orbit su", ["submit"]),
        ("%orbit ", VERBS),
        ("%%orbit submit --que", ["--queue"]),
        ("job = %orbit st", ["status"]),
        ("%orbit use l", ["local"]),
        ("%orbit submit --on lo", ["local"]),
        ("%orbit plugins --on l", ["local"]),
        ("%orbit launch x -p sys", ["sysinfo"]),
        ("%orbit token ", ["create", "list", "revoke"]),
        ("import os\n%orbit use lo", ["local"]),
    ],
)
def test_tab_offers_what_fits_and_no_python(cells: Cells, line: str, offered: list[str]) -> None:
    assert cells.shell.Completer.use_jedi
    cells.run("%config OrbitMagics.completion_time = 20")
    assert cells.completions(line) == offered


def test_a_jobs_id_is_offered(cells: Cells) -> None:
    cells.run("%config OrbitMagics.completion_time = 20\njob = %orbit submit --wait -- true")
    id = cells["job"].id[:8]
    assert cells.completions(f"%orbit status {id[:6]}") == [id]


def test_the_module_of_the_same_name_is_left_to_python(cells: Cells) -> None:
    cells.run("import orbit_jupyter as orbit")
    assert "submit" not in cells.completions("orbit su")
    assert any("connect" in match for match in cells.completions("orbit.conn"))
