from __future__ import annotations

import subprocess
import sys

import pytest

from orbit_jupyter.plugin import App, AppState, ui_config_to_dict
from orbit_plugins.psij import PluginPSIJ, PSIJPlugin


@pytest.mark.parametrize(("role", "there"), [("bridge", False), ("login", True), ("standalone", True)])
def test_plugin_is_everywhere_but_on_the_bridge(role: str, there: bool) -> None:
    assert PSIJPlugin.is_enabled(App(AppState(role=role))) is there
    assert PluginPSIJ is PSIJPlugin


def test_importing_the_plugin_does_not_import_psij() -> None:
    code = "import sys, orbit_plugins.psij; assert not {'psij', 'psutil', 'typeguard'} & set(sys.modules), 'heavy'"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_page_has_the_names_of_old() -> None:
    page = ui_config_to_dict(PSIJPlugin.ui_config)
    (form,) = page["forms"]
    assert [field["name"] for field in form["fields"]] == [
        *("exec", "args", "executor", "queue", "account", "duration", "node_count", "custom")
    ]
    assert (form["id"], form["layout"]) == ("submit", "grid2")
    assert page["monitors"][0]["type"] == "task_list"
    assert page["notifications"] == {"topic": "job_status", "id_field": "job_id"}
