"""The table of errors that the pages refer to has all of them."""

from __future__ import annotations

import re

import pytest
from pages import ROOT

from orbit_jupyter.protocol import OrbitError
from orbit_jupyter.protocol.errors import ERRORS

ROWS = {
    name: (code, int(status))
    for name, code, status in re.findall(
        r"^\| `(\w+Error)` \| `([a-z-]+)` \| (\d+) \|", (ROOT / "docs/architecture.md").read_text(), re.MULTILINE
    )
}


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_table_of_errors_has_it_with_code_and_status(error: type[OrbitError]) -> None:
    assert ROWS.get(error.__name__) == (error.code, error.default_status)


def test_table_of_errors_has_no_other() -> None:
    assert ROWS.keys() == {error.__name__ for error in ERRORS}
