"""What every test has: a home of its own, and nothing of the developer's environment."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest

pytest_plugins = ["pytest_jupyter.jupyter_server"]

FOREIGN = ("RADICAL_", "JUPYTER", "JPY_", "SLURM_", "PBS_")


def pytest_configure() -> None:
    """Forget the developer's environment, before any fixture starts a process with it."""
    for name in list(os.environ):
        if name.startswith(FOREIGN):
            del os.environ[name]
    # The machine may have the programs of a batch system: only the tests in tests/services have one that runs.
    os.environ["RADICAL_ORBIT_BATCH"] = "none"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Have a report say what a test has logged in Unicode proper: one process sends it to another."""
    report = yield
    report.sections = [(name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections]
    return report


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test a home folder of its own; return it."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(folder / "runtime"))
    return folder
