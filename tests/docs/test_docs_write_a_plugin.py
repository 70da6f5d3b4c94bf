"""The plugins of the page about plugins: its own test, and the contract for each of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pages import blocks

from orbit_jupyter.plugin import Plugin
from orbit_jupyter.plugin.testing import CONTRACT, Check

PAGE = "docs/write-a-plugin.md"
NAMES = ("hello", "tally", "heavy", "station", "order", "shelf", "kiln")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
def test_plugin_of_the_page_fulfils_the_contract(
    page_plugins: dict[str, type[Plugin]], name: str, check: Check
) -> None:
    check(page_plugins[name])


def test_every_file_of_the_page_is_one_of_these() -> None:
    files = {block.file for block in blocks(PAGE) if block.file is not None}
    assert files == {f"{name}.py" for name in NAMES} | {"test_tally.py"}


def test_the_pages_own_test_passes(page_folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_tally.py"],
        cwd=page_folder,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
