"""`GET /plugins/{file}`: JavaScript of plugins installed beside the bridge, which doesn't import them."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from bridge_stage import Bridge, Start
from stage import wait_until

from orbit_jupyter.bridge import plugin_modules
from orbit_jupyter.bridge.plugin_modules import PluginModules

SCRIPT = "export const greeting = 'grüezi';\n"

PLUGIN = """
import os, sys, time
print("noise of an import")
with open({looked!r}, "a") as file:
    file.write("x")
{more}
from orbit_jupyter.plugin import Plugin

class Scripted(Plugin):
    plugin_name = {name!r}
    ui_module = {module}
"""

Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a plugin as pip would: a module and its entry point; return the file that its imports write to."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)

    def install_as(name: str, module: str = "", more: str = "") -> Path:
        script, looked, of_test = site / "page.js", tmp_path / "looked", f"{name}_of_test"
        script.write_text(SCRIPT, encoding="utf-8")
        code = PLUGIN.format(name=name, module=module or repr(str(script)), more=more, looked=str(looked))
        (site / f"{of_test}.py").write_text(code)
        info = site / f"{of_test}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {of_test}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[orbit_jupyter.plugins]\n{name} = {of_test}:Scripted\n")
        return looked

    return install_as


async def test_a_module_is_served_as_javascript_and_as_nothing_else(bridge: Bridge, install: Install) -> None:
    install("scripted")
    async with bridge.http() as http:
        answer = await http.get("/plugins/scripted.js")
        head = await http.head("/plugins/scripted.js")
    assert answer.status_code == 200
    assert answer.content == SCRIPT.encode()
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (head.status_code, head.content) == (200, b"")


async def test_the_plugins_code_stays_out_of_the_bridge_and_is_imported_once(
    bridge: Bridge, install: Install
) -> None:
    looked = install("scripted")
    async with bridge.http() as http:
        answers = await asyncio.gather(*(http.get("/plugins/scripted.js") for _ in range(4)))
        answers.append(await http.get("/plugins/scripted.js"))
    assert [answer.status_code for answer in answers] == [200] * 5
    assert looked.read_text() == "x"
    assert "scripted_of_test" not in sys.modules


async def test_an_unchanged_module_is_not_sent_again_and_a_changed_one_is(
    bridge: Bridge, install: Install, tmp_path: Path
) -> None:
    install("scripted")
    async with bridge.http() as http:
        tag = (await http.get("/plugins/scripted.js")).headers["etag"]
        again = await http.get("/plugins/scripted.js", headers={"If-None-Match": tag})
        (tmp_path / "site" / "page.js").write_text("changed")
        changed = await http.get("/plugins/scripted.js", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert (changed.status_code, changed.text) == (200, "changed")
    assert changed.headers["etag"] != tag


@pytest.mark.parametrize(
    "file",
    [
        *("Scripted.js", "1scripted.js", ".js", "scripted.mjs", "scripted", "scripted.js.map", "scri-pted.js"),
        *("..%2Fscripted.js", "%2Fetc%2Fpasswd", "scripted.js%0A", "scripted%00.js", "scri%C3%BCpted.js"),
    ],
)
async def test_a_name_outside_the_rule_is_not_found(bridge: Bridge, install: Install, file: str) -> None:
    looked = install("scripted")
    async with bridge.http() as http:
        answer = await http.get(f"/plugins/{file}")
    assert answer.status_code == 404
    assert "is no plugin's module" in answer.json()["detail"]
    assert not looked.exists()


async def test_a_plugin_of_an_endpoint_alone_is_not_found(bridge: Bridge, start_endpoint: Start) -> None:
    await start_endpoint("hpc1")
    async with bridge.http() as http:
        assert (await http.get("/hpc1/sample/version")).status_code == 200
        answer = await http.get("/plugins/sample.js")
    assert (answer.status_code, answer.json()["code"]) == (404, "resource-not-found")
    assert "no plugin 'sample' is installed beside this bridge; there is" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("module", "more", "says"),
    [
        ("None", "", "has no JavaScript of its own"),
        ("os.path.relpath(__file__)", "", "must be the absolute path of a file"),
        ("'/nowhere/page.js'", "", "must be the absolute path of a file"),
        ("None", "raise ImportError('no libcuda')", "can't be loaded: ImportError: no libcuda"),
        ("None", "sys.exit(3)", "can't be loaded: SystemExit: 3"),
        ("None", "os._exit(3)", "ended its process with status 3"),
    ],
)
async def test_a_module_that_is_not_to_be_had_says_why(
    bridge: Bridge, install: Install, module: str, more: str, says: str
) -> None:
    looked = install("scripted", module, more)
    async with bridge.http() as http:
        answers = [await http.get("/plugins/scripted.js") for _ in range(2)]
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (404, "resource-not-found")
        assert says in answer.json()["detail"]
    assert looked.read_text() == "x"


async def test_an_import_without_end_is_ended_and_tried_again_later(
    bridge: Bridge, install: Install, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    install("scripted", more=f"if not os.path.exists({str(go)!r}): time.sleep(600)")
    monkeypatch.setattr(plugin_modules, "LOOK_TIME", 0.1)
    async with bridge.http() as http:
        late = await http.get("/plugins/scripted.js")
        assert "wasn't imported within 0.1 s" in late.json()["detail"]
        go.touch()
        monkeypatch.setattr(plugin_modules, "LOOK_TIME", 30.0)
        assert (await http.get("/plugins/scripted.js")).status_code == 200


async def test_a_module_that_has_gone_or_is_too_large_is_not_found(
    bridge: Bridge, install: Install, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install("scripted")
    async with bridge.http() as http:
        assert (await http.get("/plugins/scripted.js")).status_code == 200
        monkeypatch.setattr(plugin_modules, "MAX_BODY", 10)
        assert "more than 10 bytes" in (await http.get("/plugins/scripted.js")).json()["detail"]
        (tmp_path / "site" / "page.js").unlink()
        gone = await http.get("/plugins/scripted.js")
    assert gone.status_code == 404
    assert "can't be read: No such file" in gone.json()["detail"]


async def test_the_bridges_end_ends_a_look_and_its_process(install: Install, tmp_path: Path) -> None:
    importing = tmp_path / "importing"
    install("scripted", more=f"os.symlink(str(os.getpid()), {str(importing)!r}); time.sleep(600)")
    modules = PluginModules()
    asked = asyncio.ensure_future(modules.read("scripted"))
    await asyncio.to_thread(wait_until, importing.is_symlink, "the plugin is being imported")
    await asyncio.wait_for(modules.close(), 10)
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert modules._looks == {}
    assert not psutil.pid_exists(int(os.readlink(importing)))
