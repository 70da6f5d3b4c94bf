"""What is packed out of this installation, and for whom it will do."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import version
from pathlib import Path

import msgspec
import pytest

from orbit_jupyter.joining.bundle import Bundle, pack
from orbit_jupyter.joining.fetch import fetch
from orbit_jupyter.joining.pythons import Python, here

HERE = here()


def other(**changed: object) -> Python:
    return msgspec.structs.replace(HERE, **changed)


def test_for_this_python_all_is_here() -> None:
    bundle = pack(HERE)
    assert bundle.missing == []
    assert {
        "orbit_jupyter/joining/there/answering.py",
        "orbit_plugins/psij/__init__.py",
        "psij/__init__.py",
    } <= set(bundle.files)
    assert not [name for name in bundle.files if "__pycache__" in name or ".." in name or name.startswith("/")]
    # A server and a notebook aren't needed there.
    foreign = ("jupyter_server/", "tornado/", "IPython/", "orbit_jupyter_widgets/", "anywidget/", "ipywidgets/")
    assert not [name for name in bundle.files if name.startswith(foreign)]
    # Nor what people see: the page, the scripts, Lab's extension.
    assert not [name for name in bundle.files if name.endswith((".js", ".css", ".ts")) or "labextension" in name]


def test_what_is_packed_is_enough_for_every_plugin(tmp_path: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(pack(HERE).archive())) as archive:
        archive.extractall(tmp_path / "site", filter="data")
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import importlib.metadata, orbit_jupyter.endpoint.command\n"
        "for one in importlib.metadata.entry_points(group='orbit_jupyter.plugins'): one.load()\n"
        "files = [str(getattr(module, '__file__', '')) for module in sys.modules.values()]\n"
        "print([file for file in files if 'site-packages' in file])\n"
    )
    # -S: without this environment's own packages.
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, str(tmp_path / "site")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, "[]\n"), ran.stderr


@pytest.mark.parametrize(
    ("python", "missing"),
    [
        (other(machine="riscv64"), True),
        (other(version=(3, HERE.version[1] + 1)), True),
        (other(system="darwin", libc=""), True),
        (other(libc=""), HERE.system == "linux"),  # musl
        (other(executable="/elsewhere/python3"), False),
    ],
)
def test_what_is_compiled_for_another_system_or_python_is_missing(python: Python, missing: bool) -> None:
    bundle = pack(python)
    assert [name for name in bundle.missing if name.startswith("msgspec")] == (
        [f"msgspec=={version('msgspec')}"] if missing else []
    )
    assert not [name for name in bundle.missing if name.startswith("uvloop")]  # one can do without
    assert "psij/__init__.py" in bundle.files


def test_an_older_libc_than_a_wheel_needs_is_seen() -> None:
    missing = pack(other(system="linux", libc="glibc 2.3")).missing
    assert [name for name in missing if name.startswith("msgspec")]


def test_nothing_compiled_here_is_taken_where_that_has_failed() -> None:
    assert {name.partition("==")[0] for name in pack(HERE, compiled=False).missing} >= {"msgspec", "psutil"}


def test_more_packages_come_along_with_what_they_need() -> None:
    bundle = pack(HERE, ["pytest"])
    assert {"pytest/__init__.py", "iniconfig/__init__.py"} <= set(bundle.files)
    assert "no-such-distribution" in pack(HERE, ["no-such-distribution"]).missing


def test_digest_is_of_content_and_python() -> None:
    one = Bundle({"a.py": b"1", "b.py": b"2"}, [])
    assert one.digest(HERE) == Bundle({"b.py": b"2", "a.py": b"1"}, []).digest(HERE)
    assert one.digest(HERE) != Bundle({"a.py": b"12", "b.py": b""}, []).digest(HERE)
    assert one.digest(HERE) != one.digest(other(executable="/elsewhere/python3"))


def wheel(folder: Path, name: str, tag: str) -> None:
    folder.mkdir(exist_ok=True)
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1.0-{tag}.whl", "w") as archive:
        archive.writestr(f"{name}/__init__.py", "here = True\n")
        archive.writestr(f"{name}-1.0.data/platlib/{name}/fast.py", "fast = True\n")
        archive.writestr(f"{name}-1.0.data/scripts/{name}", "#!python\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n")
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have pip look into a folder, and nowhere else."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    return tmp_path / "wheels"


def test_what_is_missing_is_fetched_for_the_other_system(index: Path) -> None:
    far = other(system="linux", machine="riscv64", libc="glibc 2.31", version=(3, 12))
    wheel(index, "fastthing", "cp312-cp312-manylinux_2_17_riscv64")
    fetched = fetch(Bundle({"a.py": b""}, ["fastthing==1.0"]), far)
    assert fetched.missing == []
    assert {"a.py", "fastthing/__init__.py", "fastthing/fast.py"} <= set(fetched.files)
    assert not [name for name in fetched.files if ".data" in name]


def test_what_cannot_be_fetched_stays_missing(index: Path) -> None:
    far = other(system="linux", machine="riscv64", libc="glibc 2.16", version=(3, 12))
    wheel(index, "fastthing", "cp312-cp312-manylinux_2_17_riscv64")
    bundle = Bundle({}, ["fastthing==1.0"])
    assert fetch(bundle, far) is bundle
