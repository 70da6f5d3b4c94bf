"""Which Pythons a login node has, and which of them is taken."""

from __future__ import annotations

import platform
import shlex
import sys

import msgspec

from .errors import JoinError

OLDEST = (3, 10)
NEWEST = 20
"""Minor versions that are looked for by name."""

_FACTS = (
    "import sys, os, json, platform, importlib.util as u;"
    "c = dict(version=sys.version_info[:2], implementation=sys.implementation.name, executable=sys.executable,"
    " system=sys.platform, machine=platform.machine(), libc=os.confstr('CS_GNU_LIBC_VERSION') or ''"
    " if 'CS_GNU_LIBC_VERSION' in getattr(os, 'confstr_names', {}) else '', venv=bool(u.find_spec('venv')));"
    "print('MARKpython:' + json.dumps(c))"
)

_SEARCH = """
PATH="$PATH:$("${SHELL:-/bin/sh}" -l -c 'echo "MARKpath:$PATH"' </dev/null 2>/dev/null | sed -n 's/^MARKpath://p')"
look() { [ -x "$1" ] && "$1" -c 'FACTS' </dev/null 2>/dev/null; }
for name in GIVEN; do
  look "$(command -v "$name" 2>/dev/null)"
  for folder in FOLDERS; do look "$folder/$name"; done
done
echo MARKend
"""

_FOLDERS = ("/usr/bin", "/usr/local/bin", '"$HOME/.local/bin"', '"$HOME/miniconda3/bin"', '"$HOME/miniforge3/bin"')

_MODULES = """
"${SHELL:-/bin/sh}" -l -c 'module -t avail' </dev/null 2>&1 | grep -i python | head -12 | sed 's/^/MARKmodule:/'
echo MARKend
"""


class Python(msgspec.Struct, frozen=True):
    """A Python of the far side."""

    version: tuple[int, int]
    implementation: str
    executable: str
    system: str
    machine: str
    libc: str
    venv: bool

    @property
    def usable(self) -> bool:
        """Whether an endpoint can run with it."""
        return self.version >= OLDEST and self.implementation == "cpython" and self.venv

    @property
    def name(self) -> str:
        """As people call it."""
        return f"{self.executable} ({'.'.join(map(str, self.version))})"


def search(mark: str, given: str | None) -> str:
    """Return the shell script that looks for Pythons, or at the one that was given."""
    names = [f"python3.{minor}" for minor in range(NEWEST, OLDEST[1] - 1, -1)] + ["python3", "python"]
    if given is not None:
        names = [shlex.quote(given) if not given.startswith("~/") else f'"$HOME"/{shlex.quote(given[2:])}']
    script = _SEARCH.replace("GIVEN", " ".join(names)).replace("FACTS", _FACTS.replace("'", '"'))
    return script.replace("FOLDERS", " ".join(_FOLDERS if given is None else ())).replace("MARK", mark)


def modules(mark: str) -> str:
    """Return the shell script that looks for environment modules with a Python in them."""
    return _MODULES.replace("MARK", mark)


def found_in(said: str, mark: str) -> list[Python]:
    """Return what a search has found, each once, in its order."""
    found: dict[str, Python] = {}
    for line in said.splitlines():
        if line.startswith(f"{mark}python:"):
            python = msgspec.json.decode(line.partition(":")[2], type=Python)
            found.setdefault(python.executable, python)
    return list(found.values())


def modules_in(said: str, mark: str) -> list[str]:
    """Return the modules that were listed."""
    return [line.partition(":")[2] for line in said.splitlines() if line.startswith(f"{mark}module:")]


def choose(host: str, pythons: list[Python], given: str | None, modules: list[str]) -> Python:
    """Return the Python to take: one like ours, since what is compiled here runs there, else the newest.

    Raises
    ------
    JoinError
        None will do; the message says what was found, and what to do.
    """
    usable = [python for python in pythons if python.usable]
    if usable:
        return max(usable, key=lambda python: (python.version == sys.version_info[:2], python.version))
    wanted = f"Python {OLDEST[0]}.{OLDEST[1]} or newer, with its module venv"
    if given is not None:
        what = pythons[0].name if pythons else "no Python"
        raise JoinError(f"an endpoint needs {wanted}; {given} on {host} is {what}")
    there = ", ".join(python.name for python in pythons) or "no Python at all"
    hint = "Ask the site for one, or install one in your home (miniforge, uv python install)"
    if modules:
        hint = (
            f"It has modules: {', '.join(modules)}. See with 'module load … && which python3' there where one is"
        )
    raise JoinError(f"an endpoint needs {wanted}; {host} has {there}. {hint}, and give its path as python=")


def here() -> Python:
    """Return this side's own, in the same words."""
    libc = " ".join(platform.libc_ver())
    return Python(
        version=(sys.version_info[0], sys.version_info[1]),
        implementation=sys.implementation.name,
        executable=sys.executable,
        system=sys.platform,
        machine=platform.machine(),
        libc=libc,
        venv=True,
    )
