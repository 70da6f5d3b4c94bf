"""radical.orbit 0.2.0's own client, unmodified, against this bridge and endpoint over TLS."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from stage import Server, endpoint, server

SCRIPT = Path(__file__).with_name("seed_client.py")


@pytest.fixture
def lab(home: Path, tmp_path: Path) -> Iterator[Server]:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    issued.cert_chain_pems[0].write_to_path(cert)
    issued.private_key_pem.write_to_path(key)
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    tls = (f"--ServerApp.certfile={cert}", f"--ServerApp.keyfile={key}")
    with server(home, "--OrbitExtension.local_endpoint=off", *tls) as running:
        yield running


@pytest.mark.timeout(400)  # the first run installs that release from PyPI
def test_its_client_works_unmodified(lab: Server, tmp_path: Path, seed_python: Path) -> None:
    url = lab.url.replace("https://", "https://orbit:the-token@")
    token, cert = lab.endpoint_token("hpc1"), str(tmp_path / "cert.pem")
    with endpoint(lab.url, "hpc1", token, tmp_path / "hpc1", "--cert", cert) as process:
        with lab.client(cert) as ours:
            ours.wait_for_endpoint("hpc1", 30)
        client = subprocess.Popen(
            [str(seed_python), str(SCRIPT), url, str(tmp_path / "authority.pem")],
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert client.stdout is not None
        # Before ours that release prints lines of its own.
        first = next((line for line in client.stdout if line.startswith("{")), "")
        process.terminate()
        rest, complaints = client.communicate(timeout=60)
    assert client.returncode == 0, complaints
    check(json.loads(first))
    assert json.loads(rest.splitlines()[-1]) == []


def check(saw: dict[str, Any]) -> None:
    assert saw["endpoints"] == ["hpc1"]
    assert saw["plugins"] == {"psij": "/hpc1/psij", "sysinfo": "/hpc1/sysinfo"}
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
