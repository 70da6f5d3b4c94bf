"""`jupyter orbit` as a process: its options, its certificate, its URL, and its own plugins."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import trustme
from stage import Server, endpoint, environment, server, wait_until

from orbit_jupyter.client import BridgeClient

TOKEN = "the-token"


@pytest.fixture
def cert(tmp_path: Path) -> Path:
    """Return a certificate; its key lies beside it."""
    issued = trustme.CA().issue_cert("localhost", "127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    (tmp_path / "key.pem").chmod(0o600)
    return tmp_path / "cert.pem"


def bridge(home: Path, *arguments: str) -> contextlib.AbstractContextManager[Server]:
    """Run ``jupyter orbit`` on a free port."""
    return server(home, *arguments, command=("jupyter", "orbit"), listen=())


@contextlib.contextmanager
def http(alone: Server, verify: Any = False) -> Iterator[httpx.Client]:
    scheme = "https" if alone.info["secure"] else "http"
    base = f"{scheme}://127.0.0.1:{alone.port}/orbit"
    with httpx.Client(base_url=base, headers={"Authorization": f"token {TOKEN}"}, verify=verify) as client:
        yield client


def listens_on(alone: Server) -> set[str]:
    connections = psutil.Process(alone.process.pid).net_connections("tcp")
    return {one.laddr.ip for one in connections if one.status == psutil.CONN_LISTEN}


def test_with_the_options_of_the_seed_it_serves_endpoints_over_tls(home: Path, tmp_path: Path, cert: Path) -> None:
    key = cert.with_name("key.pem")
    with bridge(home, "--cert", str(cert), "--key", str(key), "--host", "127.0.0.1", "-p", "sysinfo") as alone:
        url = f"https://127.0.0.1:{alone.port}/orbit"
        joins = f"[Bridge] Then, on its machine:  orbit-endpoint --name NAME --url {url} --cert {cert}\n"
        said = alone.log.read_text()
        assert f"[Bridge] URL: {url}\n" in said
        assert joins in said
        assert TOKEN not in said
        assert listens_on(alone) == {"127.0.0.1"}

        left = home / ".radical" / "orbit" / "bridge.url"
        assert left.read_text().strip() == url
        assert stat.S_IMODE(left.stat().st_mode) == 0o644

        token = alone.endpoint_token("hpc1")
        with (
            endpoint(url, "hpc1", token, tmp_path / "hpc1", "--cert", str(cert), "-p", "sysinfo"),
            BridgeClient(url, str(cert), TOKEN) as client,
        ):
            client.wait_for_endpoint("hpc1", 30)
            assert client.list_endpoints() == ["bridge", "hpc1"]
            assert client["bridge"].call("GET", "/sysinfo/host_role")["role"] == "bridge"
        (child,) = alone.children()
        with http(alone) as asked:
            assert asked.post("/endpoint/disconnect/bridge").status_code == 400
            assert asked.post("/bridge/terminate").json()["status"] == "terminating"
        assert alone.process.wait(20) == 0
        assert not child.is_running()


def test_without_a_certificate_only_this_machine_reaches_it(home: Path) -> None:
    left = home / ".radical" / "orbit" / "bridge.url"
    left.parent.mkdir(parents=True)
    left.write_text("https://elsewhere.example.org:8000/orbit\n")
    with bridge(home, "-p", "") as alone:
        said = alone.log.read_text()
        assert "only this machine can reach it" in said
        assert "--cert FILE --key FILE" in said
        assert listens_on(alone) == {"127.0.0.1"}
        # Of this start there is no trace in a file that somebody made before, and no process for no plugins.
        assert left.read_text() == "https://elsewhere.example.org:8000/orbit\n"
        assert "leads to https://elsewhere.example.org:8000/orbit, not to this bridge" in said
        with http(alone) as asked:
            assert asked.get("/endpoints").json()["total"] == 0
            assert asked.get("/bridge/sysinfo/version").json()["code"] == "endpoint-not-found"
        assert alone.children() == []


def test_a_certificate_in_its_place_opens_it_to_all(home: Path, cert: Path) -> None:
    folder = home / ".radical" / "orbit"
    folder.mkdir(parents=True)
    cert.with_name("key.pem").rename(folder / "bridge_key.pem")
    there = cert.rename(folder / "bridge_cert.pem")
    with bridge(home, "--plugins=") as alone:
        assert listens_on(alone) & {"0.0.0.0", "::"}
        assert "only this machine" not in alone.log.read_text()
        left = (folder / "bridge.url").read_text().strip()
        assert left.startswith("https://")
        assert left.endswith(f":{alone.port}/orbit")
        with BridgeClient(f"https://127.0.0.1:{alone.port}/orbit", str(there), TOKEN) as client:
            assert client.list_endpoints() == []


def test_its_killed_plugin_host_comes_back(home: Path, tmp_path: Path) -> None:
    with bridge(home) as alone:
        url = f"http://127.0.0.1:{alone.port}/orbit"
        with (
            BridgeClient(url, token=TOKEN) as client,
            endpoint(url, "hpc1", alone.endpoint_token("hpc1"), tmp_path / "hpc1", "-p", "sysinfo"),
        ):
            client.wait_for_endpoint("hpc1", 30)
            assert client["bridge"].call("GET", "/sysinfo/version")
            (child,) = alone.children()
            child.kill()
            wait_until(lambda: [other for other in alone.children() if other.pid != child.pid], "another child")
            # A call in between waits for it, and in the list it is the first again.
            assert client["bridge"].call("GET", "/sysinfo/version")
            assert client.list_endpoints() == ["bridge", "hpc1"]
        (again,) = alone.children()
    assert not again.is_running()


REFUSED = {
    "a key that others can read": (("--cert={cert}", "--key={open_key}"), "run: chmod 600 '{open_key}'"),
    "a certificate that isn't there": (("--cert={cert}.gone", "--key={key}"), "{cert}.gone isn't there"),
    "plugins that aren't installed": (("--plugins=no-such-plugin",), "no plugin 'no-such-plugin' is installed"),
}


@pytest.mark.parametrize(("arguments", "says"), REFUSED.values(), ids=REFUSED)
def test_what_it_cannot_start_with_ends_it_before_it_listens(
    home: Path, tmp_path: Path, cert: Path, arguments: tuple[str, ...], says: str
) -> None:
    key, open_key = cert.with_name("key.pem"), tmp_path / "open key.pem"
    open_key.write_bytes(key.read_bytes())
    open_key.chmod(0o640)
    paths = {"cert": cert, "key": key, "open_key": open_key}
    words = [argument.format(**paths) for argument in arguments]
    ended = subprocess.run(
        [sys.executable, "-m", "jupyter", "orbit", "--allow-root", "--port=0", *words],
        env=environment(home, PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}"),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 1
    assert says.format(**paths) in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""
    assert not (home / ".radical" / "orbit" / "bridge.url").exists()


def test_none_of_this_applies_within_a_jupyter_server(home: Path, cert: Path) -> None:
    folder = home / ".radical" / "orbit"
    folder.mkdir(parents=True)
    cert.rename(folder / "bridge_cert.pem")  # to trust a bridge elsewhere; it isn't this server's
    with server(home, "--OrbitExtension.local_endpoint=off") as lab:
        assert lab.url.startswith("http://")
        assert "[Bridge]" not in lab.log.read_text()
        assert not (folder / "bridge.url").exists()
        assert lab.children() == []
        with http(lab) as asked:
            assert asked.get("/bridge/sysinfo/version").json()["code"] == "endpoint-not-found"
