"""Other releases, each in an environment of its own, made once and kept beside the project's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

RELEASE = "0.2.0"


@pytest.fixture(scope="session")
def seed_python() -> Path:
    """Return the Python of an environment with that radical.orbit; the first call makes it, from PyPI."""
    folder = Path(sys.prefix) / "interop" / f"radical.orbit-{RELEASE}"
    made, python = folder / "made", folder / "bin" / "python"
    if not made.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", f"radical.orbit=={RELEASE}"]
        subprocess.run(install, check=True, timeout=300)
        made.touch()
    return python
