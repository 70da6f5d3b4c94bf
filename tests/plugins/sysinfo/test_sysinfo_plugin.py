"""The plugin on this machine: its routes, and the tree that it promises."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from called import through

from orbit_jupyter.plugin import App, AppState, Request, SessionNotFoundError
from orbit_jupyter.protocol import Call
from orbit_plugins.sysinfo import PluginSysInfo, SysInfoClient, SysInfoPlugin
from orbit_plugins.sysinfo.cpu import CpuProbe
from orbit_plugins.sysinfo.disks import DiskProbe
from orbit_plugins.sysinfo.gpus import GpuProbe
from orbit_plugins.sysinfo.memory import MemoryProbe
from orbit_plugins.sysinfo.network import NetworkProbe
from orbit_plugins.sysinfo.probe import Probe
from orbit_plugins.sysinfo.provider import SysInfoProvider
from orbit_plugins.sysinfo.system import SystemProbe

BRANCHES: dict[str, dict[str, type | tuple[type, ...]]] = {
    "system": {"hostname": str, "user": str, "uptime": float, "kernel": str, "arch": str},
    "cpu": {
        "model": str,
        "vendor": str,
        "cores_physical": (int, type(None)),
        "cores_logical": int,
        "percent": float,
        "load_avg": list,
        "freq_mhz": (float, type(None)),
    },
    "memory": {"total": int, "available": int, "used": int, "percent": float},
}
LISTS: dict[str, dict[str, type | tuple[type, ...]]] = {
    "disks": {
        "mount": str,
        "device": str,
        "fstype": str,
        "type": str,
        "total": (int, type(None)),
        "used": (int, type(None)),
        "percent": (float, type(None)),
    },
    "network": {
        "interface": str,
        "ip": str,
        "mac": str,
        "rx_bytes": int,
        "tx_bytes": int,
        "speed_mbps": int,
    },
}


def make(role: str = "standalone") -> tuple[App, SysInfoPlugin]:
    app = App(AppState(endpoint_name="ep", role=role))
    return app, SysInfoPlugin(app)


def request(app: App, **path_params: str) -> Request:
    return Request(Call(id=1, endpoint="ep", method="GET", path="/sysinfo/x"), path_params, app)


async def metrics(app: App, plugin: SysInfoPlugin) -> dict[str, Any]:
    sid = (await plugin.register_session(request(app)))["sid"]
    tree: dict[str, Any] = await through(plugin, "GET", "metrics/{sid}", request(app, sid=sid))
    return tree


def fits(branch: dict[str, Any], fields: dict[str, type | tuple[type, ...]]) -> None:
    assert fields.keys() <= branch.keys()
    for name, kind in fields.items():
        assert isinstance(branch[name], kind), (name, branch[name])


@pytest.mark.asyncio
async def test_metrics_of_this_machine_have_the_promised_fields_and_types() -> None:
    tree = await metrics(*make())
    assert tree.keys() - {"errors"} == {"system", "cpu", "memory", "disks", "network", "gpus"}
    for name, fields in BRANCHES.items():
        fits(tree[name], fields)
        assert tree[name].keys() == fields.keys()
    for name, fields in LISTS.items():
        for entry in tree[name]:
            fits(entry, fields)
    assert isinstance(tree["gpus"], list)
    assert len(tree["cpu"]["load_avg"]) == 3


class Broken(Probe):
    """Fails, as any other does."""

    def __init__(self, other: Probe) -> None:
        self.name, self.empty = other.name, other.empty  # type: ignore[method-assign]

    def read(self) -> Any:
        raise OSError("it is broken")


def this_machine() -> list[Probe]:
    return [SystemProbe(), CpuProbe(), MemoryProbe(), DiskProbe(), NetworkProbe(), GpuProbe()]


@pytest.mark.asyncio
@pytest.mark.parametrize("broken", [False, True])
async def test_answers_are_as_the_routes_declare_them(broken: bool) -> None:
    app = App(AppState(endpoint_name="ep"))
    probes = [Broken(probe) if broken else probe for probe in this_machine()]
    plugin = SysInfoPlugin(app, provider=SysInfoProvider(probes))
    plugin._history.tick()
    sid = (await plugin.register_session(request(app)))["sid"]
    own = [one for one in plugin.routes if one.path.partition("/")[0] not in ("register_session", "openapi.json")]
    assert {"metrics/{sid}", "history/{sid}", "subscribe/{sid}", "host_role"} <= {one.path for one in own}
    for one in sorted(own, key=lambda one: one.path.startswith("unregister")):
        answer = await through(plugin, one.method, one.path, request(app, sid=sid))
        assert one.about is not None
        assert msgspec.convert(answer, one.about.answer) == answer
        if one.path == "metrics/{sid}":
            assert ("errors" in answer) == broken
    await plugin.close()


@pytest.mark.asyncio
async def test_metrics_of_this_machine_are_those_of_this_machine() -> None:
    tree = await metrics(*make())
    assert tree["system"]["kernel"] == f"{platform.system()} {platform.release()}"
    assert tree["system"]["hostname"] == platform.node()
    assert tree["system"]["uptime"] > 0
    assert 0 < tree["memory"]["used"] < tree["memory"]["total"]
    assert 0 <= tree["cpu"]["percent"] <= 100
    root = next(disk for disk in tree["disks"] if disk["mount"] == "/")
    assert 0 < root["used"] <= root["total"]
    assert "lo" not in [interface["interface"] for interface in tree["network"]]


@pytest.mark.asyncio
async def test_metrics_can_be_sent_as_json() -> None:
    tree = await metrics(*make())
    assert msgspec.json.decode(msgspec.json.encode(tree)) == tree


@pytest.mark.asyncio
async def test_metrics_of_an_unknown_session_are_refused() -> None:
    app, plugin = make()
    with pytest.raises(SessionNotFoundError):
        await through(plugin, "GET", "metrics/{sid}", request(app, sid="session.none"))


def test_homedir_is_that_of_the_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    _, plugin = make()
    assert plugin.homedir() == {"homedir": str(tmp_path)}


def test_host_role_joins_the_role_with_the_batch_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    squeue = tmp_path / "squeue"
    squeue.write_text("#!/bin/sh\n")
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    monkeypatch.delenv("RADICAL_ORBIT_BATCH")
    _, plugin = make(role="compute")
    assert plugin.host_role() == {
        "role": "compute",
        "scheduler": "slurm",
        "psij_executor": "slurm",
        "job_id": "4711",
        "python_version": platform.python_version(),
    }


def test_host_role_of_a_machine_without_a_scheduler_is_local(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    _, plugin = make(role="bridge")
    answer = plugin.host_role()
    assert (answer["role"], answer["scheduler"], answer["psij_executor"], answer["job_id"]) == (
        "bridge",
        "none",
        "local",
        None,
    )


def test_routes_are_those_of_the_interface() -> None:
    _, plugin = make()
    routes = {(route.method, route.path) for route in plugin.routes}
    assert {("GET", "homedir"), ("GET", "host_role"), ("GET", "metrics/{sid}"), ("GET", "history/{sid}")} <= routes
    assert {("POST", "subscribe/{sid}"), ("POST", "unsubscribe/{sid}")} <= routes
    assert {("POST", "register_session"), ("GET", "health")} <= routes


@pytest.mark.asyncio
async def test_page_shows_the_metrics_and_can_be_refreshed() -> None:
    app, plugin = make()
    page = (await plugin.get_ui_config(request(app)))["ui"]
    assert page["title"] == "System Info"
    assert page["icon"] == "🖥️"
    assert page["refresh_button"] is True
    assert [(monitor["id"], monitor["type"], monitor["auto_load"]) for monitor in page["monitors"]] == [
        ("metrics", "metrics", "metrics/{sid}"),
        ("history", "chart", "history/{sid}"),
    ]


def test_plugin_goes_by_its_old_name_too_and_has_its_client() -> None:
    assert PluginSysInfo is SysInfoPlugin
    assert SysInfoPlugin.client_class is SysInfoClient


def test_import_brings_no_jupyter_along() -> None:
    program = (
        "import sys, orbit_plugins.sysinfo\n"
        "heavy = ('jupyter_server', 'tornado', 'IPython', 'httpx', 'orbit_jupyter.host')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert answer.stdout.strip() == "[]", answer.stderr
