"""What is public can be had and is in the reference; an endpoint doesn't pay for what only a notebook needs."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from types import ModuleType

import pytest
from pages import ROOT

import orbit_jupyter
from orbit_jupyter.protocol.errors import ERRORS

MODULES = (
    *("orbit_jupyter", "orbit_jupyter.client.aio", "orbit_jupyter_widgets"),
    *("orbit_jupyter.plugin", "orbit_jupyter.plugin.testing"),
)
ENTRY = re.compile(r"^\.\. auto\w+:: orbit_jupyter(?:_widgets)?\.(?:\w+\.)*(\w+)(?:\(.*\))?$", re.MULTILINE)
REFERENCE = (ROOT / "docs/sdk.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_is_there(module: str) -> None:
    found = importlib.import_module(module)
    assert [name for name in found.__all__ if not hasattr(found, name)] == []


def test_names_that_are_looked_up_late_are_the_public_ones() -> None:
    assert orbit_jupyter._HOMES.keys() == set(orbit_jupyter.__all__) - {"__version__", "version"}


@pytest.mark.parametrize("module", MODULES[:3])
def test_the_reference_has_every_name_of_the_client(module: str) -> None:
    named = set(ENTRY.findall(REFERENCE))
    found = importlib.import_module(module)
    public = {name for name in found.__all__ if not isinstance(getattr(found, name), ModuleType)}
    versions = {"__version__", "version"}
    assert public - named - versions - {error.__name__ for error in ERRORS} == set()


def test_importing_the_package_imports_none_of_its_layers() -> None:
    code = "import sys, orbit_jupyter; print([name for name in sys.modules if name.startswith('orbit_jupyter.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "['orbit_jupyter._version']"
