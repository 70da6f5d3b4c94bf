"""radical.orbit 0.2.0's own endpoint service, unmodified, at our bridge over TLS, and our client at it."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from stage import Server, server, wait_until

from orbit_jupyter.client import BridgeClient
from orbit_jupyter.plugin import NotFoundError, PluginClient
from orbit_jupyter.protocol import DeadlineError, RouteNotFoundError
from orbit_plugins.psij.client import PSIJClient

Start = Callable[..., subprocess.Popen[bytes]]

pytestmark = pytest.mark.timeout(400)  # the first run installs that release from PyPI


@pytest.fixture
def client(lab: Server, certificate: Path) -> Iterator[BridgeClient]:
    with lab.client(str(certificate)) as opened:
        yield opened


@pytest.fixture
def http(lab: Server, certificate: Path) -> Iterator[httpx.Client]:
    trusted = ssl.create_default_context(cafile=str(certificate.with_name("authority.pem")))
    headers = {"Authorization": f"token {lab.info['token']}"}
    with httpx.Client(base_url=lab.url, verify=trusted, headers=headers, timeout=30) as opened:
        yield opened


def url_for(lab: Server, name: str) -> str:
    """Return the URL that its user gives it, the token in it."""
    return lab.url.replace("https://", f"https://orbit:{lab.endpoint_token(name)}@")


def said(home: Path, name: str) -> str:
    return "\n".join(path.read_text() for path in sorted(home.glob(f"{name}-*.log")))


def test_our_client_uses_its_plugins(seed_endpoint: Start, lab: Server, client: BridgeClient, home: Path) -> None:
    seed_endpoint("old1", url_for(lab, "old1"))
    client.wait_for_endpoint("old1", 60)
    endpoint = client.get_endpoint_client("old1")
    listed = endpoint.list_plugins()
    assert {name: info["namespace"] for name, info in listed.items()} == {
        name: f"/old1/{name}" for name in ("sysinfo", "psij", "staging")
    }
    assert not any("ui_module" in info for info in listed.values())

    sysinfo = endpoint.get_plugin("sysinfo")
    assert sysinfo.call("GET", "homedir")["homedir"].startswith("/")
    assert "memory" in sysinfo.call("GET", "metrics/{sid}")
    with pytest.raises(RouteNotFoundError, match="No route"):
        sysinfo.call("GET", "nothing")
    # A session that it doesn't know any more is replaced, as one of ours would be.
    assert isinstance(sysinfo, PluginClient)
    sysinfo.aio.sid = "session.gone"
    assert "memory" in sysinfo.call("GET", "metrics/{sid}")
    assert sysinfo.sid != "session.gone"

    staging = endpoint.get_plugin("staging")
    target = str(home / "put.txt")
    assert staging.call("POST", "put/{sid}", {"filename": target, "content": "w6k="})["size"] == 2
    assert Path(target).read_text() == "é"
    assert staging.call("POST", "get/{sid}", {"filename": target})["content"] == "w6k="
    with pytest.raises(NotFoundError):
        staging.call("POST", "get/{sid}", {"filename": str(home / "nothing")})

    psij = endpoint.get_plugin("psij")
    assert isinstance(psij, PSIJClient)
    job = psij.submit_job({"executable": "/bin/sh", "arguments": ["-c", "echo out; exit 3"]})
    assert job.wait(30) == "FAILED"
    ended = psij.get_job_status(job["job_id"])
    assert (ended["exit_code"], ended["stdout"]) == (3, "out\n")


def test_http_events_and_topology_show_it(seed_endpoint: Start, lab: Server, http: httpx.Client) -> None:
    url = url_for(lab, "old2")
    with http.stream("GET", "/events", params={"endpoint": "old2"}) as stream:
        lines = (json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: "))
        assert "old2" not in next(lines)["data"]["endpoints"]
        seed_endpoint("old2", url)
        told = next(message for message in lines if "old2" in message["data"]["endpoints"])
        assert told["topic"] == "topology"
        shown = told["data"]["endpoints"]["old2"]
        assert (shown["endpoint"]["type"], shown["endpoint"]["state"]) == ("radical.orbit", "present")
        assert set(shown["plugins"]) == {"sysinfo", "psij", "staging"}

        sid = http.post("/old2/psij/register_session").json()["sid"]
        spec = {"executable": "/bin/echo", "arguments": ["hello"]}
        job = http.post(f"/old2/psij/submit/{sid}", json={"job_spec": spec}).json()["job_id"]
        events = (message["data"] for message in lines if message["topic"] == "notification")
        last = next(event for event in events if event["data"]["state"] == "COMPLETED")
        assert (last["endpoint"], last["plugin"], last["topic"]) == ("old2", "psij", "job_status")
        assert (last["data"]["job_id"], last["data"]["stdout"]) == (job, "hello\n")

    assert http.get("/old2/sysinfo/version").json() == {"version": "0.0.1"}
    missing = http.get(f"/old2/psij/status/{sid}/no-such-job")
    assert (missing.status_code, missing.json()["status_code"]) == (404, 404)
    assert "no-such-job" in missing.json()["detail"]
    assert http.get("/old2/no_such_plugin/version").status_code == 404
    offset = http.get(f"/old2/psij/status/{sid}/{job}", params={"stdout_offset": 2}).json()
    assert offset["stdout"] == "llo\n"


def test_body_that_is_no_text_arrives_as_it_is(
    seed_endpoint: Start, lab: Server, client: BridgeClient, http: httpx.Client, home: Path
) -> None:
    seed_endpoint("old3", url_for(lab, "old3"))
    client.wait_for_endpoint("old3", 60)
    sid = http.post("/old3/staging/register_session").json()["sid"]
    target = home / "put.txt"
    packed = msgspec.msgpack.encode({"filename": str(target), "content": "aGVsbG8="})
    with pytest.raises(UnicodeDecodeError):
        packed.decode()
    put = http.post(f"/old3/staging/put/{sid}", content=packed, headers={"Content-Type": "application/msgpack"})
    assert put.json() == {"path": str(target), "size": 5}
    assert target.read_text() == "hello"


def test_it_ends_when_it_is_disconnected(seed_endpoint: Start, lab: Server, client: BridgeClient) -> None:
    process = seed_endpoint("old4", url_for(lab, "old4"))
    client.wait_for_endpoint("old4", 60)
    assert client.call("POST", "/endpoint/disconnect/old4") == {"status": "shutdown", "endpoint": "old4"}
    assert process.wait(20) == 0
    wait_until(lambda: "old4" not in client.list_endpoints(), "it is gone")


def test_it_comes_back_after_a_restart_of_the_bridge(
    seed_endpoint: Start, certificate: Path, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    tls = (f"--ServerApp.certfile={certificate}", f"--ServerApp.keyfile={certificate.with_name('key.pem')}")
    arguments = ("--OrbitExtension.local_endpoint=off", *tls)
    for life in range(2):
        with server(tmp_path / "bridge", *arguments, port=port) as running:
            if life == 0:
                process = seed_endpoint("old5", url_for(running, "old5"), "sysinfo")
            with running.client(str(certificate)) as client:
                client.wait_for_endpoint("old5", 60)
                answer = client.get_endpoint_client("old5").call("GET", "/sysinfo/version")
            assert answer == {"version": "0.0.1"}
            assert process.poll() is None


def test_one_that_is_silent_gives_way_and_one_that_answers_keeps_its_name(
    seed_endpoint: Start, lab: Server, client: BridgeClient, home: Path
) -> None:
    url = url_for(lab, "old6")
    first = seed_endpoint("old6", url, "sysinfo")
    client.wait_for_endpoint("old6", 60)
    since = facts(client, "old6")["since"]

    second = seed_endpoint("old6", url, "sysinfo")
    assert second.wait(60) == 0
    assert "the name 'old6' is held by" in said(home, "old6")
    assert facts(client, "old6")["since"] == since

    os.kill(first.pid, signal.SIGSTOP)
    third = seed_endpoint("old6", url, "sysinfo")
    wait_until(lambda: facts(client, "old6").get("since", since) != since, "it took the name over", 60)
    assert client.get_endpoint_client("old6").call("GET", "/sysinfo/version") == {"version": "0.0.1"}
    os.kill(first.pid, signal.SIGCONT)
    assert first.wait(60) == 0
    assert third.poll() is None
    assert client.get_endpoint_client("old6").call("GET", "/sysinfo/version") == {"version": "0.0.1"}


def test_one_that_is_busy_for_long_is_suspect_but_not_given_up(
    seed_endpoint: Start, certificate: Path, tmp_path: Path
) -> None:
    # Its plugins may hold up the loop that answers pings: for minutes, where they start Dragon on many nodes.
    tls = (f"--ServerApp.certfile={certificate}", f"--ServerApp.keyfile={certificate.with_name('key.pem')}")
    pings = ("--OrbitExtension.ping_interval=0.2", "--OrbitExtension.suspect_after=0.2")
    arguments = ("--OrbitExtension.local_endpoint=off", "--OrbitExtension.lost_after=1", *pings, *tls)
    with server(tmp_path / "bridge", *arguments) as running, running.client(str(certificate)) as client:
        process = seed_endpoint("old7", url_for(running, "old7"), "sysinfo")
        client.wait_for_endpoint("old7", 60)
        wait_until(lambda: facts(client, "old7")["round_trip"], "a ping was answered")
        since = facts(client, "old7")["since"]
        os.kill(process.pid, signal.SIGSTOP)
        wait_until(lambda: facts(client, "old7")["state"] == "suspect", "it is suspect")
        with pytest.raises(DeadlineError):
            client.get_endpoint_client("old7").call("GET", "/sysinfo/version", timeout=2)
        os.kill(process.pid, signal.SIGCONT)
        assert client.get_endpoint_client("old7").call("GET", "/sysinfo/version") == {"version": "0.0.1"}
        assert (facts(client, "old7")["state"], facts(client, "old7")["since"]) == ("present", since)


def facts(client: BridgeClient, name: str) -> dict[str, Any]:
    listed = client.call("POST", "/endpoint/list")["data"]["endpoints"]
    return dict(listed.get(name, {}).get("endpoint", {}))
