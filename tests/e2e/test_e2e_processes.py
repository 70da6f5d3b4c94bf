"""Server, endpoint and client as processes, and what happens when one of them dies."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import trustme
from stage import Server, endpoint, environment, server, wait_until

from orbit_jupyter.client import BridgeClient
from orbit_jupyter.protocol import DeadlineError, EndpointDisconnectedError, EndpointNotFoundError

PLUGINS = ("--plugins", "sysinfo,psij,sample_plugin:SamplePlugin")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    options = ("--OrbitExtension.local_endpoint=off", "--OrbitExtension.lost_after=3")
    with server(tmp_path_factory.mktemp("home"), *options) as running:
        yield running


@pytest.fixture
def client(lab: Server) -> Iterator[BridgeClient]:
    with lab.client() as connected:
        yield connected


def test_a_job_runs_on_an_endpoint_and_its_states_arrive(
    lab: Server, client: BridgeClient, tmp_path: Path
) -> None:
    states: list[str] = []
    ended = threading.Event()

    def on_status(endpoint_id: str, plugin: str, topic: str, data: dict[str, Any]) -> None:
        states.append(data["state"])
        if data["state"] == "COMPLETED":
            ended.set()

    with endpoint(lab.url, "hpc1", lab.endpoint_token("hpc1"), tmp_path / "hpc1", *PLUGINS):
        client.wait_for_endpoint("hpc1", 30)
        client.register_callback("hpc1", "psij", "job_status", on_status)
        job = client["hpc1"].psij.submit_job(
            {
                "executable": "/bin/sh",
                "arguments": ["-c", "echo hello; env | grep -c ORBIT_ENDPOINT_TOKEN; sleep 0.2"],
            }
        )
        assert job.wait(30) == "COMPLETED"
        # The endpoint's own token came through its environment; a job must not inherit it.
        assert job.output == "hello\n0\n"
        assert ended.wait(10)
    assert states == ["QUEUED", "ACTIVE", "COMPLETED"]
    assert job.states == states


def test_a_call_to_a_killed_endpoint_fails_once_it_is_given_up(
    lab: Server, client: BridgeClient, tmp_path: Path
) -> None:
    waiting = threading.Event()
    result: queue.Queue[Exception] = queue.Queue()

    def call() -> None:
        try:
            client["hpc1"].call("GET", "/sample/wait")
        except Exception as error:
            result.put(error)

    with endpoint(lab.url, "hpc1", lab.endpoint_token("hpc1"), tmp_path / "hpc1", *PLUGINS) as process:
        client.wait_for_endpoint("hpc1", 30)
        client.register_callback("hpc1", "sample", "waiting", lambda *_: waiting.set())
        threading.Thread(target=call, daemon=True).start()
        assert waiting.wait(20)
        process.kill()
        error = result.get(timeout=10)
    assert isinstance(error, EndpointDisconnectedError)
    assert error.transient
    with pytest.raises(EndpointNotFoundError, match="there is none"):
        client["hpc1"].call("GET", "/sample/version")


def test_an_endpoint_finds_its_bridge_again(home: Path, tmp_path: Path) -> None:
    with server(home, "--OrbitExtension.local_endpoint=off") as first:
        port = first.port
        token = first.endpoint_token("hpc1")
        with endpoint(first.url, "hpc1", token, tmp_path / "hpc1", *PLUGINS) as process, first.client() as client:
            client.wait_for_endpoint("hpc1", 30)
            sid = client["hpc1"].get_plugin("sample").sid
            first.stop(signal.SIGKILL)
            with server(home, "--OrbitExtension.local_endpoint=off", port=port):
                # The same client goes on, and so do the endpoint's process and its sessions.
                assert client.wait_for_endpoint("hpc1", 40) == "hpc1"
                assert client["hpc1"].call("GET", "/sample/list_sessions")["sessions"] == [sid]
            assert process.poll() is None


def test_an_endpoint_that_blocks_answers_pings_all_the_same(
    lab: Server, client: BridgeClient, tmp_path: Path
) -> None:
    blocking = threading.Event()

    def block() -> None:
        with contextlib.suppress(DeadlineError):
            client["hpc1"].call("GET", "/sample/block", timeout=2.0)

    with endpoint(lab.url, "hpc1", lab.endpoint_token("hpc1"), tmp_path / "hpc1", *PLUGINS):
        client.wait_for_endpoint("hpc1", 30)
        client.register_callback("hpc1", "sample", "blocking", lambda *_: blocking.set())
        thread = threading.Thread(target=block)
        thread.start()
        assert blocking.wait(10)
        assert client["hpc1"].call("GET", "/sample/version", timeout=2.0) == {"version": "1.2.3"}
        assert client["hpc1"].call("GET", "/sysinfo/version", timeout=2.0)
        thread.join()


def test_what_the_client_raises_says_what_the_far_side_said(
    lab: Server, client: BridgeClient, tmp_path: Path
) -> None:
    from orbit_jupyter import protocol

    with endpoint(lab.url, "hpc1", lab.endpoint_token("hpc1"), tmp_path / "hpc1", *PLUGINS):
        client.wait_for_endpoint("hpc1", 30)
        hpc1 = client["hpc1"]
        with pytest.raises(protocol.PluginNotFoundError, match="there is psij, sample, sysinfo"):
            hpc1.call("GET", "/nope/version")
        with pytest.raises(protocol.RouteNotFoundError):
            hpc1.call("GET", "/sample/nope")
        with pytest.raises(protocol.InvalidFieldError) as wrong:
            hpc1.psij.submit_job({"executable": 5})
        assert wrong.value.field == "job_spec.executable"
        with pytest.raises(protocol.ResourceNotFoundError):
            hpc1.psij.get_job_status("nope")
        with pytest.raises(protocol.PluginError, match="a bug in the handler") as raised:
            hpc1.call("GET", "/sample/raise")
        with pytest.raises(protocol.DeadlineError):
            hpc1.call("GET", "/sample/wait", timeout=0.1)
        with pytest.raises(AttributeError, match="no plugin 'nope'"):
            hpc1.nope  # noqa: B018
        assert {"sample", "psij", "sysinfo"} <= set(dir(hpc1))
        assert hpc1.list_plugins()["sample"]["version"] == "1.2.3"
        assert client["nowhere"].list_plugins() == {}
        html = hpc1._repr_mimebundle_()
        assert html is not None
        assert "sample" in html["text/html"]
        response = hpc1.http.post("/hpc1/sample/echo", json={"a": 1})
        assert response.json()["body"] == {"a": 1}
        assert hpc1.http.get("/hpc1/sample/nope").status_code == 404
    assert "sample_plugin.py" in (raised.value.remote_traceback or "")


EXITS = [
    (("--plugins", "no-such-plugin"), 1, "no plugin 'no-such-plugin'"),
    (("--name", "bridge"), 4, "Orbit's own routes use it"),
    (("--tunnel", "forward"), 1, "tunnel forward needs a login host: give --tunnel-via HOST"),
    (("--url", "ftp://x"), 1, "is no URL of a bridge"),
    (("--nonsense",), 2, "unrecognized arguments"),
    (("--token-file", "/nowhere"), 3, ""),
    (("--name", "hpc2"), 4, "is for endpoints named 'hpc1'"),
]


@pytest.mark.parametrize(("arguments", "status", "says"), EXITS, ids=[" ".join(exit[0]) for exit in EXITS])
def test_the_exit_status_says_why_it_ended(
    lab: Server, tmp_path: Path, arguments: tuple[str, ...], status: int, says: str
) -> None:
    token = "orbit_0123456789ab_" + "a" * 43 if status == 3 else lab.endpoint_token("hpc1")
    with endpoint(lab.url, "hpc1", token, tmp_path / "hpc1", *arguments) as process:
        assert process.wait(30) == status
    log = (tmp_path / "hpc1" / "hpc1.log").read_text()
    assert says in log
    assert token not in log


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(lab: Server, client: BridgeClient, tmp_path: Path, sign: signal.Signals) -> None:
    gone = threading.Event()

    def on_topology(endpoints: dict[str, Any]) -> None:
        if "hpc1" not in endpoints:
            gone.set()

    with endpoint(lab.url, "hpc1", lab.endpoint_token("hpc1"), tmp_path / "hpc1", *PLUGINS) as process:
        client.wait_for_endpoint("hpc1", 30)
        client.register_topology_callback(on_topology)
        process.send_signal(sign)
        assert process.wait(15) == 0
        assert gone.wait(5)


def test_a_blocked_handler_does_not_keep_the_process(lab: Server, client: BridgeClient, tmp_path: Path) -> None:
    blocking = threading.Event()

    def block() -> None:
        with contextlib.suppress(EndpointDisconnectedError):
            client["hpc1"].call("GET", "/sample/stuck")

    with endpoint(lab.url, "hpc1", lab.endpoint_token("hpc1"), tmp_path / "hpc1", *PLUGINS) as process:
        client.wait_for_endpoint("hpc1", 30)
        client.register_callback("hpc1", "sample", "blocking", lambda *_: blocking.set())
        thread = threading.Thread(target=block)
        thread.start()
        assert blocking.wait(10)
        process.terminate()
        assert process.wait(15) == 0
        thread.join(10)


def test_disconnecting_ends_the_process(lab: Server, client: BridgeClient, tmp_path: Path) -> None:
    with endpoint(lab.url, "hpc1", lab.endpoint_token("hpc1"), tmp_path / "hpc1", *PLUGINS) as process:
        client.wait_for_endpoint("hpc1", 30)
        client.disconnect_endpoint("hpc1")
        assert process.wait(15) == 0


def test_without_a_token_it_says_where_it_looked(lab: Server, tmp_path: Path) -> None:
    with endpoint(lab.url, "hpc1", "", tmp_path / "hpc1") as process:
        assert process.wait(30) == 1
    log = (tmp_path / "hpc1" / "hpc1.log").read_text()
    for place in ("$RADICAL_ORBIT_ENDPOINT_TOKEN", "endpoints/hpc1.token", "jupyter orbit token create hpc1"):
        assert place in log


def test_tokens_are_made_listed_and_revoked_on_the_command_line(lab: Server, tmp_path: Path) -> None:
    def token(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "jupyter", "orbit", "token", *words],
            env={**environment(lab.home), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )

    made = token("create", "hpc1", "--expires", "30d")
    assert made.returncode == 0, made.stderr
    secret = made.stdout.strip()
    assert made.stdout == f"{secret}\n"
    with endpoint(lab.url, "hpc1", secret, tmp_path / "hpc1", *PLUGINS) as process, lab.client() as client:
        client.wait_for_endpoint("hpc1", 30)
        listed = token("list").stdout
        assert "hpc1" in listed
        assert secret not in listed
        assert token("revoke", "hpc1").stdout.startswith("revoked ")
        assert process.wait(15) == 3
    wrong = token("create", "bridge")
    assert wrong.returncode == 1
    assert "Orbit's own routes use it" in wrong.stderr
    assert token("create").returncode == 2
    assert token("revoke", "nope").returncode == 1
    assert secret not in lab.log.read_text()


class TestLocalEndpoint:
    """The embedded endpoint: started on first use, restarted, ended with the server."""

    def test_it_starts_on_first_use_and_ends_with_the_server(self, home: Path) -> None:
        with server(home) as lab:
            assert lab.children() == []
            with lab.client() as client:
                assert client["local"].call("GET", "/sysinfo/version")
                assert client.list_endpoints() == ["local"]
            (child,) = lab.children()
        assert not child.is_running()
        assert not list((home / "runtime").glob("orbit-*.json"))

    def test_it_is_started_again_when_it_dies(self, home: Path) -> None:
        with server(home, "--OrbitExtension.local_endpoint=on") as lab, lab.client() as client:
            client.wait_for_endpoint("local", 30)
            (child,) = lab.children()
            child.kill()
            wait_until(lambda: [other for other in lab.children() if other.pid != child.pid], "another child")
            # A call in between waits for it instead of failing.
            assert client["local"].call("GET", "/sysinfo/version")

    def test_it_ends_when_the_server_is_killed(self, home: Path) -> None:
        with server(home, "--OrbitExtension.local_endpoint=on") as lab:
            with lab.client() as client:
                client.wait_for_endpoint("local", 30)
            (child,) = lab.children()
            lab.stop(signal.SIGKILL)
            psutil.wait_procs([child], timeout=15)
            assert not child.is_running()

    def test_it_stays_down_when_it_dies_again_and_again(self, home: Path) -> None:
        arguments = ("--OrbitExtension.local_endpoint=on", "--OrbitExtension.local_plugins=no-such-plugin")
        with server(home, *arguments) as lab, lab.client() as client:
            with pytest.raises(EndpointDisconnectedError, match="stays down"):
                client["local"].call("GET", "/sysinfo/version", timeout=60)
            assert lab.process.poll() is None
            assert "no plugin 'no-such-plugin'" in (home / ".radical/orbit/logs/local.log").read_text()


def test_jupyter_orbit_is_the_bridge_on_its_own(home: Path, tmp_path: Path) -> None:
    import httpx

    command = ("jupyter", "orbit")
    with server(home, command=command) as alone:
        token = alone.endpoint_token("hpc1")
        with endpoint(alone.url, "hpc1", token, tmp_path / "hpc1", *PLUGINS), alone.client() as client:
            client.wait_for_endpoint("hpc1", 30)
            assert client["hpc1"].call("GET", "/sysinfo/version")
            assert client.list_endpoints() == ["bridge", "hpc1"]
        headers = {"Authorization": "token the-token"}
        base = alone.info["url"].rstrip("/")
        for path in (
            "/api/kernels",
            "/api/contents",
            "/api/sessions",
            "/api/terminals",
            "/lab",
            "/api/kernelspecs",
        ):
            assert httpx.get(base + path, headers=headers).status_code == 404, path
        assert httpx.get(f"{base}/orbit/", headers=headers).status_code == 200
        terminating = httpx.post(f"{base}/orbit/bridge/terminate", headers=headers)
        assert terminating.json()["status"] == "terminating"
        assert alone.process.wait(20) == 0


@pytest.mark.parametrize("named", ["127.0.0.1", "bridge.example.org"])
def test_over_tls_the_certificate_is_pinned(home: Path, tmp_path: Path, named: str) -> None:
    authority = trustme.CA()
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    issued = authority.issue_cert(named)
    cert.write_bytes(issued.cert_chain_pems[0].bytes())
    key.write_bytes(issued.private_key_pem.bytes())
    arguments = (
        f"--ServerApp.certfile={cert}",
        f"--ServerApp.keyfile={key}",
        "--OrbitExtension.local_endpoint=on",
    )
    with server(home, *arguments) as lab:
        assert lab.url.startswith("https:")
        code = "import orbit_jupyter as o; print(o.connect()['local'].call('GET', '/sysinfo/version'))"
        kernel = environment(home, JPY_PARENT_PID=str(lab.process.pid))
        done = subprocess.run(
            [sys.executable, "-c", code], env=kernel, capture_output=True, text=True, check=False
        )
        assert "version" in done.stdout, done.stderr
        token = lab.endpoint_token("hpc1")
        client = BridgeClient(lab.url, cert=str(cert), token="the-token")
        with endpoint(lab.url, "hpc1", token, tmp_path / "hpc1", *PLUGINS, "--cert", str(cert)), client:
            assert client.wait_for_endpoint("hpc1", 30) == "hpc1"
        with endpoint(lab.url, "hpc2", lab.endpoint_token("hpc2"), tmp_path / "hpc2", *PLUGINS) as untrusted:
            assert untrusted.wait(20) == 1
        assert "isn't trusted" in (tmp_path / "hpc2" / "hpc2.log").read_text()
