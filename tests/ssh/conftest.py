"""A program in ssh's place, for what doesn't need a server: which options it gets, what it says, how it ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Put = Callable[[str], Path]

HEAD = """\
#!/bin/sh
for word in "$@"; do
  if [ "$word" = -G ]; then cat {folder}/config; exit; fi
done
printf '%s\\n' "$@" >{folder}/words
"""


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Put:
    """Put a script in ssh's place; return the folder with its words then, and with its configuration."""

    def put(script: str) -> Path:
        (tmp_path / "config").touch()
        program = tmp_path / "ssh"
        program.write_text(HEAD.format(folder=tmp_path) + script)
        program.chmod(0o755)
        monkeypatch.setenv("RADICAL_ORBIT_SSH", f"{program} -F {tmp_path / 'mine'} -o StrictHostKeyChecking=no")
        return tmp_path

    return put
