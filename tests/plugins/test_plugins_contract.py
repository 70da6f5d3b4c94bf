"""Every plugin that this project brings fulfils the contract that it offers to strangers' plugins."""

from __future__ import annotations

import pytest

from orbit_jupyter.host import installed_plugins, load_plugin_class
from orbit_jupyter.plugin.testing import CONTRACT, Check

OWN = sorted(name for name, point in installed_plugins().items() if point.value.startswith("orbit_plugins."))


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
def test_own_plugin_fulfils_the_contract(name: str, check: Check) -> None:
    check(load_plugin_class(name))


def test_there_are_plugins_of_our_own() -> None:
    assert {"psij", "queue_info", "staging", "sysinfo"} <= set(OWN)
