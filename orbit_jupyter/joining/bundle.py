"""What an endpoint needs, packed out of this installation: no index and no internet over there.

A distribution's RECORD lists its files, and the tags in its WHEEL say where they run. What is compiled for another
system or Python is fetched by pip, here if that works, else over there.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag, compatible_tags, cpython_tags, parse_tag, platform_tags
from packaging.utils import canonicalize_name

from .pythons import Python, here

OURS = "orbit-jupyter"
PACKAGES = ("orbit_jupyter", "orbit_plugins")
NEEDS = ("msgspec", "websockets", "uvloop", "tenacity", "psutil", "psij-python")
"""What the endpoint imports of our dependencies; the rest is for the bridge and the notebook."""

OPTIONAL = frozenset({"uvloop"})
"""What an endpoint can do without, a little slower."""


class Bundle:
    """Files for a ``site-packages``, and what is missing in them.

    Attributes
    ----------
    files
        Content by path.
    missing
        Requirements, as pip has them, of what doesn't run over there or isn't here.
    """

    def __init__(self, files: dict[str, bytes], missing: list[str]) -> None:
        self.files, self.missing = files, missing

    def digest(self, python: Python) -> str:
        """Return what an environment with these files for that Python is called."""
        whole = hashlib.sha256(json.dumps([python.executable, python.version, sorted(self.missing)]).encode())
        for name in sorted(self.files):
            whole.update(f"{name}\0{len(self.files[name])}\0".encode())
            whole.update(self.files[name])
        return whole.hexdigest()[:12]

    def archive(self) -> bytes:
        """Return the files as a compressed tar archive."""
        written = io.BytesIO()
        with tarfile.open(fileobj=written, mode="w:gz", compresslevel=3) as archive:
            for name, content in self.files.items():
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(content), 0o644
                archive.addfile(member, io.BytesIO(content))
        return written.getvalue()


def pack(python: Python, packages: Sequence[str] = (), *, compiled: bool = True) -> Bundle:
    """Return what an endpoint with that Python needs.

    Parameters
    ----------
    packages
        More distributions to bring along, such as those with plugins of one's own.
    compiled
        Whether compiled files of this side may be among it.
    """
    files: dict[str, bytes] = dict(_own_files())
    missing: list[str] = []
    tags = _tags(python)
    ours = (Requirement(text) for text in distribution(OURS).requires or ())
    wanted = [one for one in ours if canonicalize_name(one.name) in NEEDS] + [
        Requirement(name) for name in packages
    ]
    for requirement, found in _closure(wanted, python):
        if found is None or not _supports(found, python):
            missing.append(requirement)
        elif _fits(found, tags, compiled=compiled):
            files.update(_files(found))
        elif canonicalize_name(found.name) not in OPTIONAL:
            missing.append(f"{canonicalize_name(found.name)}=={found.version}")
    return Bundle(files, sorted(missing))


def _own_files() -> Iterator[tuple[str, bytes]]:
    """Yield this package's files, from wherever it is imported: in an editable installation RECORD has none."""
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
            for path in sorted(Path(folder).rglob("*")):
                if path.is_file() and _wanted(path):
                    yield f"{package}/{path.relative_to(folder).as_posix()}", path.read_bytes()
    ours = distribution(OURS)
    for name in ("METADATA", "entry_points.txt"):
        text = ours.read_text(name)
        if text is not None:
            yield f"{OURS.replace('-', '_')}-{ours.version}.dist-info/{name}", text.encode()


def _closure(wanted: list[Requirement], python: Python) -> list[tuple[str, Distribution | None]]:
    """Return what has to be there on the far side's system: these, and what they require in turn."""
    environment = {
        "python_version": ".".join(map(str, python.version)),
        "python_full_version": ".".join(map(str, python.version)) + ".0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "sys_platform": python.system,
        "platform_system": {"linux": "Linux", "darwin": "Darwin"}.get(python.system, ""),
        "platform_machine": python.machine,
        "os_name": "posix",
        "extra": "",
    }
    found: dict[str, tuple[str, Distribution | None]] = {}
    waiting = list(wanted)
    while waiting:
        one = waiting.pop()
        name = canonicalize_name(one.name)
        if name in found or name == OURS or (one.marker and not one.marker.evaluate(environment)):
            continue
        there: Distribution | None = None
        with contextlib.suppress(PackageNotFoundError):
            there = distribution(one.name)
            waiting += [Requirement(text) for text in there.requires or ()]
        found[name] = (f"{name}{one.specifier}", there)
    return list(found.values())


def _tags(python: Python) -> frozenset[Tag]:
    ours = here()
    if (python.system, python.machine, python.libc) == (ours.system, ours.machine, ours.libc):
        platforms = list(platform_tags())
    elif python.system == "linux" and python.libc.startswith("glibc "):
        newest = int(python.libc.partition(".")[2].partition(".")[0])
        names = [f"manylinux_2_{minor}" for minor in range(newest, 4, -1)]
        names += [
            old
            for old, minor in (("manylinux2014", 17), ("manylinux2010", 12), ("manylinux1", 5))
            if minor <= newest
        ]
        platforms = [f"{name}_{python.machine}" for name in names]
    else:
        platforms = []
    interpreter = f"cp{python.version[0]}{python.version[1]}"
    tags = {*cpython_tags(python.version, platforms=platforms)} if platforms else set()
    return frozenset(tags | {*compatible_tags(python.version, interpreter, platforms or ["any"])})


def _supports(found: Distribution, python: Python) -> bool:
    wanted: str | None = found.metadata["Requires-Python"]
    return wanted is None or SpecifierSet(wanted).contains(".".join(map(str, python.version)) + ".99")


def _fits(found: Distribution, tags: frozenset[Tag], *, compiled: bool) -> bool:
    listed = [str(file) for file in found.files or ()]
    if not listed or any(name.endswith(".pth") or "__editable__" in name for name in listed):
        return False  # its files are elsewhere, or nobody knows where
    has_compiled = any(name.endswith((".so", ".dylib", ".pyd")) or ".so." in name for name in listed)
    if not has_compiled:
        return True
    wheel = (found.read_text("WHEEL") or "").splitlines()
    own = [tag for line in wheel if line.startswith("Tag:") for tag in parse_tag(line.partition(":")[2].strip())]
    return compiled and any(tag in tags for tag in own)


def _files(found: Distribution) -> Iterator[tuple[str, bytes]]:
    for file in found.files or ():
        path = Path(str(found.locate_file(file)))
        if ".." not in file.parts and not file.is_absolute() and _wanted(path) and path.is_file():
            yield file.as_posix(), path.read_bytes()


def _wanted(path: Path) -> bool:
    return "__pycache__" not in path.parts and path.suffix != ".pyc"
