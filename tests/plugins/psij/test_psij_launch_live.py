"""A real bridge, a real endpoint, and another that the first one starts as a job."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import trustme
from stage import Server, endpoint, server, wait_until

from orbit_jupyter.client import BridgeClient
from orbit_jupyter.plugin import ConflictError, InvalidFieldError
from orbit_plugins.psij import PSIJClient

TOKEN = re.compile(r"orbit_[0-9a-f]{12}_")
PLUGINS = ("--plugins", "psij,sysinfo")


@pytest.fixture
def cert(tmp_path: Path) -> Path:
    """Return a certificate; its key lies beside it."""
    issued = trustme.CA().issue_cert("localhost", "127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    return tmp_path / "cert.pem"


@pytest.fixture
def bridge(home: Path, cert: Path) -> Iterator[Server]:
    key = cert.with_name("key.pem")
    secure = (f"--ServerApp.certfile={cert}", f"--ServerApp.keyfile={key}")
    with server(home / "server", "--OrbitExtension.local_endpoint=off", *secure) as running:
        yield running


@pytest.fixture
def client(bridge: Server, cert: Path) -> Iterator[BridgeClient]:
    with bridge.client(str(cert)) as client:
        yield client


def jobs_client(client: BridgeClient, name: str) -> PSIJClient:
    plugin = client[name].get_plugin("psij")
    assert isinstance(plugin, PSIJClient)
    return plugin


def processes_of(name: str, home: Path) -> list[psutil.Process]:
    """Return the endpoint processes of that name that a test has started."""
    return [
        process
        for process in psutil.process_iter(["cmdline", "environ"])
        if "orbit_jupyter.endpoint" in (command := process.info["cmdline"] or [])
        and name in command
        and (process.info["environ"] or {}).get("HOME") == str(home)
        and "bash" not in command[0]  # PSI/J's launcher has the whole command line in its own
    ]


def test_endpoint_launches_another_and_ends_it(
    bridge: Server, client: BridgeClient, cert: Path, tmp_path: Path
) -> None:
    far = tmp_path / "far"
    with endpoint(bridge.url, "hpc1", bridge.endpoint_token("hpc1"), far, *PLUGINS, "--cert", str(cert)):
        client.wait_for_endpoint("hpc1", 30, poll=0.2)
        jobs = jobs_client(client, "hpc1")
        job = jobs.launch("hpc2", plugins="sysinfo")
        try:
            assert job["endpoint_name"] == "hpc2"
            client.wait_for_endpoint("hpc2", 30, poll=0.2)
            assert client["hpc2"].sysinfo.homedir() == str(far)
            assert client.list_endpoints() == ["hpc1", "hpc2"]

            with pytest.raises(ConflictError, match="is endpoint hpc2 already"):
                jobs.launch("hpc2")
            with pytest.raises(InvalidFieldError, match="this endpoint itself"):
                jobs.launch("hpc1")
            # Each launch has a token made; those of the refused ones are taken back.
            assert [token["name"] for token in client.call("GET", "/tokens")["tokens"]] == ["hpc2", "hpc1"]

            (process,) = processes_of("hpc2", far)
            token = (far / ".radical" / "orbit" / "endpoints" / "hpc2.token").read_text()
            assert TOKEN.match(token)
            for shown in (*process.cmdline(), *process.environ().values()):
                assert not TOKEN.search(shown)
        finally:
            job.cancel()
        assert job.wait(30) == "CANCELED"
        assert job.exit_code == 0, job.stderr
        wait_until(lambda: client.list_endpoints() == ["hpc1"], "hpc2 is gone")
        assert processes_of("hpc2", far) == []
