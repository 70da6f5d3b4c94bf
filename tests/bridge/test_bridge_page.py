"""The Explorer page and its files, as a browser asks for them; tests/ui has what they do there."""

from __future__ import annotations

from pathlib import Path

import pytest
from bridge_stage import Bridge, Start

from orbit_jupyter.bridge.handlers import page as handlers
from orbit_jupyter.protocol import PluginInfo


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in for what Node builds; return its folder."""
    folder = tmp_path / "static"
    folder.mkdir()
    (folder / "explorer.js").write_text("export {};")
    (folder / "explorer-style.css").write_text("html{}")
    (folder / "secret.txt").write_text("no")
    monkeypatch.setattr(handlers, "_folder", lambda: folder)
    return folder


async def test_the_page_runs_its_own_scripts_alone(bridge: Bridge, built: Path) -> None:
    async with bridge.http() as http:
        answer = await http.get("/")
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert (policy["script-src"], policy["style-src"], policy["connect-src"]) == ("'self'",) * 3
    assert answer.text.count("<script") == 1
    assert '<script type="module" src="static/explorer.js"></script>' in answer.text
    assert "style=" not in answer.text
    assert "isn't built" not in answer.text


async def test_nothing_that_an_endpoint_says_is_in_the_page(
    bridge: Bridge, built: Path, start_endpoint: Start
) -> None:
    await start_endpoint("hpc1")
    entry = bridge.extension.hub.registry.get("hpc1")
    assert entry is not None
    entry.plugins["bad"] = PluginInfo(type="bad", namespace="/x", enabled=False, error="<script>alert(1)</script>")
    async with bridge.http() as http:
        answer = await http.get("/")
    assert "hpc1" not in answer.text
    assert "alert" not in answer.text


async def test_its_files_are_asked_for_anew_and_sent_once(bridge: Bridge, built: Path) -> None:
    async with bridge.http() as http:
        first = await http.get("/static/explorer.js")
        again = await http.get("/static/explorer.js", headers={"If-None-Match": first.headers["etag"]})
        (built / "explorer.js").write_text("export const newer = 1;")
        newer = await http.get("/static/explorer.js", headers={"If-None-Match": first.headers["etag"]})
        style = await http.get("/static/explorer-style.css")
    assert (first.status_code, first.text) == (200, "export {};")
    assert first.headers["content-type"] == "text/javascript; charset=utf-8"
    assert first.headers["x-content-type-options"] == "nosniff"
    assert (again.status_code, again.text) == (304, "")
    assert (newer.status_code, newer.text) == (200, "export const newer = 1;")
    assert style.headers["content-type"] == "text/css; charset=utf-8"


@pytest.mark.parametrize("name", ["nothing.js", "secret.txt", "..%2Fview.py", "%2e%2e", "explorer.js%00"])
async def test_nothing_else_is_served_there(bridge: Bridge, built: Path, name: str) -> None:
    async with bridge.http() as http:
        answer = await http.get(f"/static/{name}")
    assert (answer.status_code, answer.json()["error"]) == (404, True)


async def test_a_checkout_without_javascript_says_how_to_get_it(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(handlers, "_folder", lambda: tmp_path / "none")
    async with bridge.http() as http:
        answer = await http.get("/")
    assert answer.status_code == 200
    assert "isn't built here" in answer.text
    assert "ORBIT_SKIP_JS" in answer.text
