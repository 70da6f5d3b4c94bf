"""``jupyter orbit`` as a process, on a real bridge with a real local endpoint."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from stage import Server, bridge_with_local, environment


@dataclass
class Ran:
    """A command that has ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, and it printed nothing else."""
        return json.loads(self.out)


class Terminal:
    """Runs ``jupyter orbit`` as its user would, in a home of its own."""

    def __init__(self, lab: Server, home: Path) -> None:
        self.environment = environment(
            home, RADICAL_ORBIT_BRIDGE_URL=lab.url, RADICAL_ORBIT_CLIENT_TOKEN=lab.info["token"], COLUMNS="120"
        )

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command. An interrupt reaches it also where this run was started in the background."""
        return subprocess.Popen(
            [sys.executable, "-m", "orbit_jupyter.terminal", *words],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - it is all it does
        )

    def __call__(self, *words: str) -> Ran:
        """Run a command to its end."""
        process = self.start(*words)
        out, err = process.communicate(timeout=60)
        return Ran(process.returncode, out, err)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A bridge with the endpoint local."""
    with bridge_with_local(tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture
def terminal(lab: Server, home: Path) -> Terminal:
    """A terminal that knows that bridge."""
    return Terminal(lab, home)
