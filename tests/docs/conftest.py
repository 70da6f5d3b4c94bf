"""The plugins of the page about plugins, as files and as classes."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pages import write_files

from orbit_jupyter.plugin import Plugin

CLASSES = {
    "hello": "Hello",
    "tally": "TallyPlugin",
    "heavy": "Heavy",
    "station": "Station",
    "order": "Order",
    "shelf": "Shelf",
    "kiln": "Kiln",
}
"""Module and class."""


@pytest.fixture(scope="module")
def page_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the page's files."""
    made = tmp_path_factory.mktemp("page")
    write_files("docs/write-a-plugin.md", made)
    return made


@pytest.fixture(scope="module")
def page_plugins(page_folder: Path) -> Iterator[dict[str, type[Plugin]]]:
    """Import the page's plugins, by the names of their modules."""
    known = dict(Plugin._registry)
    found = {}
    for name, cls in CLASSES.items():
        spec = importlib.util.spec_from_file_location(name, page_folder / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        # In sys.modules, since the types of a handler are looked up there.
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found[name] = getattr(module, cls)
    yield found
    for name in CLASSES:
        sys.modules.pop(name)
    Plugin._registry.clear()
    Plugin._registry.update(known)
