"""A Python with this project, for users who may not look into the folder of the tests' own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from service_folder import ServiceFolder
from session_accounts import Account, as_user

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("orbit_jupyter", "orbit_jupyter_widgets", "plugins/orbit_plugins")
SCRIPT = "#!{python}\nimport sys\nfrom {module} import {function}\nsys.exit({function}())\n"


@dataclass(frozen=True)
class UserPython:
    """The environment; `bin` is its folder of programs, ``orbit-endpoint`` among them."""

    folder: Path

    @property
    def bin(self) -> Path:
        """For ``PATH``."""
        return self.folder / "bin"

    @property
    def python(self) -> Path:
        """The interpreter."""
        return self.bin / "python"


def make_user_python(services: ServiceFolder, owner: Account) -> UserPython:
    """Make the environment: an interpreter that the user can run, the project as it is now, what it depends on."""
    made = UserPython(services.path / "python")
    made.folder.mkdir(mode=0o755)
    os.chown(made.folder, owner.uid, owner.gid)
    command = [_interpreter(owner), "-m", "venv", "--without-pip", str(made.folder)]
    as_owner = as_user(owner.name)
    environment = services.environment(owner)
    subprocess.run(command, env=environment, cwd=owner.home, check=True, timeout=60, **as_owner)
    (packages,) = made.folder.glob("lib/python*/site-packages")
    project = metadata.distribution("orbit-jupyter")
    for distribution in _needed(project):
        for file in distribution.files or []:
            # Outside lie scripts; a .pth points at the folder of the checkout.
            if ".." not in file.parts and file.suffix != ".pth" and Path(str(file.locate())).exists():
                _copy(Path(str(file.locate())), packages / file)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, packages / Path(name).name, dirs_exist_ok=True)
    for script in project.entry_points.select(group="console_scripts"):
        text = SCRIPT.format(python=made.python, module=script.module, function=script.attr)
        (made.bin / script.name).write_text(text)
        (made.bin / script.name).chmod(0o755)
    for path in (made.folder, *made.folder.rglob("*")):
        os.chown(path, owner.uid, owner.gid, follow_symlinks=False)  # who may then keep its compiled modules
    return made


def _interpreter(owner: Account) -> str:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    candidates = [str(Path(sys.base_prefix) / "bin" / f"python{version}"), f"/usr/bin/python{version}"]
    for candidate in candidates:
        if _runs(candidate, owner):
            return candidate
    raise RuntimeError(
        f"an ordinary user can run neither {' nor '.join(candidates)}: install the system's python{version},"
        " or make the environment with the one there is: make clean; make PYTHON=/usr/bin/python3 test-services"
    )


def _runs(python: str, owner: Account) -> bool:
    try:
        return (
            subprocess.run([python, "-c", ""], cwd="/", timeout=30, check=False, **as_user(owner.name)).returncode
            == 0
        )
    except OSError:
        return False


def _needed(project: metadata.Distribution) -> list[metadata.Distribution]:
    """Return the project and what it needs without extras, all the way down."""
    found = {"orbit-jupyter": project}
    waiting = [project]
    while waiting:
        for line in waiting.pop().requires or []:
            requirement = Requirement(line)
            name = canonicalize_name(requirement.name)
            if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
                continue
            found[name] = metadata.distribution(name)
            waiting.append(found[name])
    return list(found.values())


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)
