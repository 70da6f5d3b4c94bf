"""An endpoint's parent process is small: it has to be on the air within a second, on any login node."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

PROGRAM = """
import asyncio, json, psutil, sys
import orbit_jupyter.endpoint.command
from orbit_jupyter.host import PluginHost
from orbit_jupyter.plugin import App, AppState
from pathlib import Path

async def main():
    state = AppState(endpoint_name="hpc1", role="standalone", folder=Path(sys.argv[1]))
    host = PluginHost(App(state), on_event=lambda _: None)
    await host.load(["default"])
    plugins = [name for name, info in host.infos().items() if info.enabled]
    modules = sorted(sys.modules)
    await host.close()
    memory = psutil.Process().memory_info().rss / 2**20
    print(json.dumps({"plugins": plugins, "modules": modules, "memory": memory}))

asyncio.run(main())
"""


class Parent(msgspec.Struct):
    """What a parent process says about itself once its plugins are loaded; memory in MiB."""

    plugins: list[str]
    modules: list[str]
    memory: float


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Parent:
    home: Path = tmp_path_factory.mktemp("home")
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(home / "state")],
        env={**os.environ, "HOME": str(home)},
        capture_output=True,
        check=True,
        timeout=60,
    )
    return msgspec.json.decode(ran.stdout, type=Parent)


def test_default_plugins_are_there(parent: Parent) -> None:
    assert {"sysinfo", "psij", "staging"} <= set(parent.plugins)
    assert "orbit_plugins.psij" in parent.modules


@pytest.mark.parametrize(
    "heavy",
    [
        "jupyter_server",
        "ipywidgets",
        "anywidget",
        "IPython",
        "rhapsody",
        "dragon",
        "dask",
        "numpy",
        "orbit_jupyter.bridge",
        "orbit_jupyter.client",
    ],
)
def test_parent_process_of_an_endpoint_imports_nothing_heavy(parent: Parent, heavy: str) -> None:
    assert not [module for module in parent.modules if module == heavy or module.startswith(f"{heavy}.")]


def test_parent_process_of_an_endpoint_takes_less_than_60_mib(parent: Parent) -> None:
    assert parent.memory < 60
