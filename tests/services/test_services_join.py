"""A user joins a cluster over a real sshd: the first time, again, after whatever has died, and leaves."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import trustme
from cluster_join import Cluster
from ssh_server import SshServer
from stage import Server, server, wait_until

from orbit_jupyter.joining import JoinError, all_kept
from orbit_jupyter.joining.places import control_folder
from orbit_jupyter.joining.watching import Watcher
from orbit_jupyter.protocol import ConflictError


@pytest.fixture
def cluster(sshd: SshServer, lab: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """Return the login node, before anybody has joined it; an installation may be there already."""
    cluster = Cluster(sshd, lab, monkeypatch)
    yield cluster
    cluster.close()


def answers(endpoint: Any) -> bool:
    assert endpoint.call("GET", "/sysinfo/version")
    return True


def test_first_join_installs_again_does_not_and_leave_leaves_nothing(cluster: Cluster) -> None:
    cluster.uninstall()
    before_tokens = cluster.tokens()
    hpc = cluster.join()
    assert cluster.kinds == ["connect", "python", "install", "token", "tunnel", "start", "wait", "done"]
    assert hpc.sysinfo.get_metrics()["system"]["user"] == cluster.sshd.user
    assert set(hpc.list_plugins()) >= {"psij", "staging", "sysinfo"}
    assert all(info.get("enabled", True) for info in hpc.list_plugins().values())
    assert hpc.psij.submit_job({"executable": "/bin/true"}, "local").wait(30) == "COMPLETED"

    orbit = cluster.sshd.home / ".radical" / "orbit"
    token = orbit / "endpoints" / "hpc.token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert stat.S_IMODE((orbit / "joined" / "hpc").stat().st_mode) == 0o700
    process = cluster.endpoint()
    assert token.read_text().strip() not in " ".join(process.cmdline())
    assert process.uids().real == cluster.sshd.account.uid
    assert process.ppid() == 1 or "sshd" not in psutil.Process(process.ppid()).name()

    again = cluster.join()
    assert (again.endpoint_id, cluster.kinds) == ("hpc", ["connect", "tunnel", "wait", "done"])
    assert cluster.endpoint() == process
    assert answers(again)

    cluster.leave(remove=True)
    cluster.until_gone()
    assert cluster.left_there() == []
    assert cluster.left_here() == []
    assert cluster.tokens() == before_tokens
    wait_until(lambda: "hpc" not in cluster.bridge.list_endpoints(), "the bridge knows")


def test_leave_keeps_the_installation_and_the_jobs(cluster: Cluster) -> None:
    cluster.join()
    cluster.leave("hpc")
    cluster.until_gone()
    left = cluster.left_there()
    assert not [path for path in left if path.startswith(("orbit/joined", "orbit/endpoints"))]
    assert [path for path in left if path.startswith("orbit/state/hpc")]
    cluster.join(name="other")
    assert "install" not in cluster.kinds
    cluster.leave("other")
    assert cluster.left_here() == []


def test_after_the_connection_has_died_a_join_finds_the_same_endpoint(cluster: Cluster) -> None:
    hpc = cluster.join()
    process = cluster.endpoint()
    cluster.sshd.kill_connections()
    assert process.is_running()
    again = cluster.join()
    assert {"install", "start", "token"} & set(cluster.kinds) == set()
    assert cluster.endpoint() == process
    assert answers(again)
    assert answers(hpc)


def test_a_watcher_opens_the_tunnel_again(cluster: Cluster) -> None:
    hpc = cluster.join()
    process = cluster.endpoint()
    watcher = Watcher(all_kept()[0], look=0.1)
    try:
        for _ in range(2):
            cluster.cut()
            wait_until(lambda: any(one.is_running() for one in cluster.sshd.connections()), "a new connection")
            assert answers(hpc)
        assert cluster.endpoint() == process
    finally:
        watcher.stop()


def test_a_watcher_goes_on_when_the_folder_of_its_sockets_was_cleared_away(cluster: Cluster) -> None:
    hpc = cluster.join()
    process = cluster.endpoint()
    watcher = Watcher(all_kept()[0], look=0.1)
    try:
        shutil.rmtree(control_folder())
        cluster.cut()
        wait_until(lambda: any(one.is_running() for one in cluster.sshd.connections()), "a new connection")
        assert answers(hpc)
        assert cluster.endpoint() == process
    finally:
        watcher.stop()


def test_a_watcher_ends_when_another_process_has_left(cluster: Cluster) -> None:
    cluster.join()
    watcher = Watcher(all_kept()[0], look=0.1)
    cluster.leave()
    watcher.wait()
    wait_until(lambda: not cluster.sshd.connections(), "the connection has ended")


def test_an_endpoint_that_was_killed_is_started_anew(cluster: Cluster) -> None:
    cluster.join()
    process = cluster.endpoint()
    process.kill()
    cluster.until_gone()
    hpc = cluster.join()
    assert "start" in cluster.kinds
    assert "install" not in cluster.kinds
    assert cluster.endpoint() != process
    assert answers(hpc)
    assert cluster.tokens().count("hpc") == 1


def test_an_endpoint_whose_token_was_revoked_is_started_anew(cluster: Cluster) -> None:
    cluster.join()
    process = cluster.endpoint()
    cluster.bridge.call("DELETE", "/tokens/hpc")
    hpc = cluster.join()
    assert cluster.endpoint() != process
    assert answers(hpc)
    assert cluster.tokens().count("hpc") == 1


def test_a_bridge_that_was_started_again_on_another_port_gets_it_back(cluster: Cluster, tmp_path: Path) -> None:
    home = tmp_path / "own"
    with server(home, command=("orbit_jupyter.terminal",)) as first, first.client() as client:
        cluster.join(bridge=client)
        process = cluster.endpoint()
    with server(home, command=("orbit_jupyter.terminal",)) as second, second.client() as client:
        assert second.port != first.port
        hpc = cluster.join(bridge=client)
        assert cluster.endpoint() == process
        assert answers(hpc)
        cluster.leave(bridge=client)


def test_an_endpoint_of_another_bridge_is_left_alone(cluster: Cluster, tmp_path: Path) -> None:
    cluster.join()
    process = cluster.endpoint()
    with server(tmp_path / "other", command=("orbit_jupyter.terminal",)) as other, other.client() as client:
        with pytest.raises(ConflictError, match="for another bridge"):
            cluster.join(bridge=client)
        assert client.call("GET", "/tokens")["tokens"] == []
    assert cluster.endpoint() == process
    assert answers(cluster.bridge["hpc"])


def test_a_name_that_another_endpoint_has_is_refused(cluster: Cluster, login_endpoint: str) -> None:
    with pytest.raises(ConflictError, match="connected already"):
        cluster.join(name=login_endpoint)
    assert cluster.left_here() == []
    assert login_endpoint in cluster.bridge.list_endpoints()


def test_an_endpoint_on_another_login_node_of_the_same_home_is_not_taken_for_dead(cluster: Cluster) -> None:
    cluster.join()
    process = cluster.endpoint()
    record = cluster.sshd.home / ".radical/orbit/joined/hpc/endpoint.json"
    whole = record.read_text()
    record.write_text(whole.replace('"hostname": "', '"hostname": "login2.'))
    with pytest.raises(ConflictError, match=r"started on login2\."):
        cluster.join()
    record.write_text(whole)
    assert cluster.endpoint() == process
    assert answers(cluster.join())


def test_two_names_on_a_host_share_the_connection(cluster: Cluster) -> None:
    cluster.join(name="one")
    cluster.join(name="two")
    assert len({one.ppid() for one in cluster.sshd.connections()}) <= 2  # sshd has two processes for one
    cluster.leave("one")
    assert answers(cluster.join(name="two"))
    assert cluster.kinds == ["connect", "tunnel", "wait", "done"]
    with pytest.raises(ConflictError, match="joined before"):
        cluster.join("hpc-root", name="two")
    cluster.leave("two")
    assert cluster.left_here() == []
    wait_until(lambda: not cluster.sshd.connections(), "the connection has ended")


def test_over_tls_the_endpoint_trusts_the_bridges_certificate_and_no_other(
    cluster: Cluster, tmp_path: Path
) -> None:
    home = tmp_path / "tls"
    issued, other = (trustme.CA().issue_cert("localhost", "127.0.0.1") for _ in range(2))
    home.mkdir()
    issued.cert_chain_pems[0].write_to_path(home / "cert.pem")
    issued.private_key_pem.write_to_path(home / "key.pem")
    (home / "key.pem").chmod(0o600)
    options = ("--cert", str(home / "cert.pem"), "--key", str(home / "key.pem"), "--host", "127.0.0.1")
    with (
        server(home, *options, command=("orbit_jupyter.terminal",), listen=()) as lab,
        lab.client(str(home / "cert.pem")) as client,
    ):
        assert client.url.startswith("https://")
        hpc = cluster.join(bridge=client)
        assert answers(hpc)
        pinned = cluster.sshd.home / ".radical/orbit/joined/hpc/bridge_cert.pem"
        assert pinned.read_bytes() == (home / "cert.pem").read_bytes()
        process = cluster.endpoint()
        other.cert_chain_pems[0].write_to_path(pinned)
        cluster.sshd.kill_connections()
        # A join brings the certificate again.
        assert answers(cluster.join(bridge=client))
        assert pinned.read_bytes() == (home / "cert.pem").read_bytes()
        assert cluster.endpoint() == process
        cluster.leave(bridge=client)


def test_leave_revokes_the_token_also_where_the_host_is_gone(cluster: Cluster) -> None:
    cluster.join()
    cluster.sshd.kill_connections()
    cluster.sshd.stop()
    with pytest.raises(JoinError, match="leave again when it can be reached"):
        cluster.leave()
    assert "hpc" not in cluster.tokens()
    cluster.sshd.start()
    cluster.leave()
    cluster.until_gone()
    assert cluster.left_here() == []
