"""Fake tools: programs on PATH that replay what real ones printed; see recorded/README.md."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

RECORDED = Path(__file__).parent / "recorded"

Recorded = Callable[[str], str]
Replay = Callable[..., Path]

SAYS = """\
import sys
for words, out, err, code in {answers!r}:
    if words in " ".join(sys.argv[1:]):
        sys.stdout.write(out)
        sys.stderr.write(err)
        sys.exit(code)
sys.exit("fake: nothing was recorded for " + " ".join(sys.argv[1:]))
"""

TABLE = """\
import sys
header, *rows = [[field.strip() for field in line.split(",")] for line in {text!r}.splitlines()]
columns = dict((name.split(" [")[0], place) for place, name in enumerate(header))
asked = next(word for word in sys.argv if word.startswith("--query-gpu=")).split("=")[1].split(",")
for row in rows:
    known = [row[columns[name]] if name in columns else "[N/A]" for name in asked]
    print(", ".join(value.removesuffix(" MiB").removesuffix(" %") for value in known))
"""


@pytest.fixture
def recorded() -> Recorded:
    """Return what a file in recorded/ holds."""
    return lambda name: (RECORDED / name).read_text()


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that is all of PATH, with none of the vendors' variables set."""
    for name in list(os.environ):
        if name.endswith("_SMI_PATH"):
            monkeypatch.delenv(name)
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def replay(tools: Path) -> Replay:
    """Return a function that puts a fake program on PATH.

    It takes the program's name and, in the order in which they are tried, what it answers where its arguments hold
    certain words: words, output, complaints, exit code.
    """

    def make(program: str, *answers: tuple[str, str, str, int]) -> Path:
        return _write(tools / program, SAYS.format(answers=answers))

    return make


@pytest.fixture
def replay_table(tools: Path, recorded: Recorded) -> Callable[[str], Path]:
    """Return a function that puts a fake nvidia-smi on PATH, which answers from a recorded table."""
    return lambda name: _write(tools / "nvidia-smi", TABLE.format(text=recorded(name)))


def _write(path: Path, program: str) -> Path:
    path.write_text(f"#!{sys.executable} -IS\n{program}")
    path.chmod(0o755)
    return path
