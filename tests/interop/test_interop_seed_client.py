"""radical.orbit 0.2.0's own client, unmodified, against this bridge and endpoint over TLS."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("seed_client.py")


@pytest.mark.timeout(400)  # the first run installs that release from PyPI
def test_its_client_works_unmodified(
    hpc1: subprocess.Popen[bytes], seed_python: Path, seed_environment: dict[str, str]
) -> None:
    where = [seed_environment[f"RADICAL_ORBIT_BRIDGE_{name}"] for name in ("URL", "CERT")]
    client = subprocess.Popen(
        [str(seed_python), str(SCRIPT), *where],
        env=seed_environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert client.stdout is not None
    # Before ours that release prints lines of its own.
    first = next((line for line in client.stdout if line.startswith("{")), "")
    hpc1.terminate()
    rest, complaints = client.communicate(timeout=60)
    assert client.returncode == 0, complaints
    check(json.loads(first))
    assert json.loads(rest.splitlines()[-1]) == []


def check(saw: dict[str, Any]) -> None:
    assert saw["endpoints"] == ["hpc1"]
    assert saw["plugins"] == {name: f"/hpc1/{name}" for name in ("psij", "staging", "sysinfo")}
    assert saw["listener"] is True
    assert saw["homedir"].startswith("/")
    assert saw["role"]["psij_executor"] == "local"
    assert saw["metrics"] == ["cpu", "disks", "gpus", "memory", "network", "system"]
    failed = saw["failed"]
    assert saw["failed in time"] is True
    assert (failed["state"], failed["exit_code"]) == ("FAILED", 3)
    assert (failed["stdout"], failed["stderr"], failed["stdout_offset"]) == ("out\n", "err\n", 4)
    assert saw["from offset"] == "t\n"
    assert saw["cancel"]["status"] == "canceled"
    assert saw["cancelled in time"] is True
    assert saw["jobs"] == saw["ids"]
    # Each state once, the terminal ones above all: that release's own endpoint tells them twice.
    assert saw["states"] == [["QUEUED", "ACTIVE", "FAILED"], ["QUEUED", "ACTIVE", "CANCELED"]]
    assert saw["unknown job"].startswith("HTTP 404")
    assert "no_such_plugin" in saw["unknown plugin"]
    assert saw["topologies"][0] == ["hpc1"]
