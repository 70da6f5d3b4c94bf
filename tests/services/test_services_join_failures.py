"""What goes wrong on the way is said in plain words, and taken back."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from cluster_join import Cluster
from ssh_server import SshServer
from stage import Server, server, wait_until

from orbit_jupyter.joining import JoinError, Step

PLUGIN = """
from orbit_jupyter.plugin import Plugin, route

class Thing(Plugin):
    plugin_name = "thing"

    @route.get("value")
    def value(self) -> dict:
        return {"thing": 42}
"""


@pytest.fixture
def cluster(sshd: SshServer, lab: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """Return the login node, with nothing of Orbit's in the user's home."""
    cluster = Cluster(sshd, lab, monkeypatch)
    cluster.uninstall()
    yield cluster
    cluster.on_step = lambda _: None
    cluster.close()


def nothing_is_left(cluster: Cluster, before: list[str], tokens: list[str]) -> None:
    wait_until(lambda: not cluster.processes(), "no endpoint runs")
    # What an endpoint has written while it ran is its state, not the join's.
    left = [path for path in cluster.left_there() if not path.startswith("orbit/state")]
    assert set(left) <= {*before, "orbit"}
    assert cluster.left_here() == []
    assert cluster.tokens() == tokens
    wait_until(lambda: not cluster.sshd.connections(), "the connection has ended")


@pytest.mark.parametrize("kind", ["connect", "python", "install", "token", "tunnel", "start", "wait"])
def test_what_fails_at_a_step_leaves_nothing(cluster: Cluster, kind: str) -> None:
    before, tokens = cluster.left_there(), cluster.tokens()

    def interrupt(step: Step) -> None:
        if step.kind == kind:
            raise KeyboardInterrupt

    cluster.on_step = interrupt
    with pytest.raises(KeyboardInterrupt):
        cluster.join(name="fresh")
    nothing_is_left(cluster, before, tokens)


@pytest.mark.parametrize(("kind", "after"), [("install", 0.3), ("install", 1.0), ("start", 0.1), ("wait", 0.2)])
def test_ctrl_c_in_the_middle_of_a_step_leaves_nothing(cluster: Cluster, kind: str, after: float) -> None:
    before, tokens = cluster.left_there(), cluster.tokens()
    timers: list[threading.Timer] = []

    def interrupt_soon(step: Step) -> None:
        if step.kind == kind and not timers:
            timers.append(threading.Timer(after, os.kill, (os.getpid(), signal.SIGINT)))
            timers[0].start()

    cluster.on_step = interrupt_soon
    # What a shell starts in the background ignores it.
    before_this = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        cluster.join(name="fresh")
        timers[0].join()
        pytest.fail("the join was quicker than the interrupt")
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGINT, before_this)
    nothing_is_left(cluster, before, tokens)


@pytest.mark.parametrize("kind", ["install", "token", "wait"])
def test_a_connection_that_dies_on_the_way_is_said_and_a_join_mends_it(cluster: Cluster, kind: str) -> None:
    tokens = cluster.tokens()

    def cut(step: Step) -> None:
        if step.kind == kind:
            cluster.cut()

    cluster.on_step = cut
    with pytest.raises(JoinError, match=r"didn't answer.*Left behind, since it couldn't be removed"):
        cluster.join(name="fresh")
    assert cluster.left_here() == []
    assert cluster.tokens() == tokens
    cluster.on_step = lambda _: None
    assert cluster.join(name="fresh").call("GET", "/sysinfo/version")
    assert len(cluster.processes()) == 1
    cluster.leave("fresh", remove=True)
    wait_until(lambda: not cluster.processes(), "it has ended")
    assert [path for path in cluster.left_there() if path.startswith(("orbit/joined", "orbit/env/."))] == []


def test_a_home_that_cannot_be_written_to_is_said(cluster: Cluster) -> None:
    home = cluster.sshd.home / ".radical"
    if home.exists():
        home.rename(cluster.sshd.home / ".kept")
    home.mkdir(mode=0o755)  # root's
    try:
        with pytest.raises(JoinError, match=r"\.radical.*can't be made: Permission denied"):
            cluster.join()
        assert list(home.iterdir()) == []
        assert cluster.left_here() == []
        wait_until(lambda: not cluster.sshd.connections(), "the connection has ended")
    finally:
        home.rmdir()


def test_a_python_that_is_none_is_said(cluster: Cluster) -> None:
    with pytest.raises(JoinError, match=r"needs Python 3\.10 or newer.*/bin/true on hpc is no Python"):
        cluster.join(python="/bin/true")
    assert cluster.left_here() == []


def test_plugins_that_do_not_exist_are_said_with_the_log(cluster: Cluster) -> None:
    before, tokens = cluster.left_there(), cluster.tokens()
    with pytest.raises(JoinError, match=r"has ended\. The end of its log") as failed:
        cluster.join(plugins="nosuchplugin")
    assert "nosuchplugin" in str(failed.value)
    nothing_is_left(cluster, before, tokens)


def test_a_host_that_is_not_there_is_said(cluster: Cluster) -> None:
    cluster.sshd.stop()
    with pytest.raises(JoinError, match="nothing listens there") as refused:
        cluster.join()
    assert refused.value.transient
    assert cluster.left_here() == []


@pytest.mark.parametrize("host", ["-oProxyCommand=true", "a b", "user@", "x@-y"])
def test_what_is_no_host_never_comes_near_ssh(cluster: Cluster, host: str) -> None:
    with pytest.raises(ValueError, match=r"neither HOST nor|is no host name"):
        cluster.join(host)
    assert cluster.steps == []


def test_a_server_that_forwards_no_sockets_is_said_with_what_its_staff_can_do(cluster: Cluster) -> None:
    before, tokens = cluster.left_there(), cluster.tokens()
    with pytest.raises(JoinError, match="hpc-no-sockets lets no tunnel end in a Unix socket") as refused:
        cluster.join("hpc-no-sockets", name="fresh")
    for words in ("'AllowStreamLocalForwarding yes'", "authorized_keys", "another login node", "bridge.sock"):
        assert words in str(refused.value)
    assert not refused.value.transient
    nothing_is_left(cluster, before, tokens)
    # Not by a way of its own choice, either: nobody listens for the bridge on a port of that machine.
    assert [step.kind for step in cluster.steps if step.kind == "start"] == []


def test_a_bridge_with_another_certificate_than_the_pinned_one_is_not_given_the_token(
    cluster: Cluster, tmp_path: Path
) -> None:
    before = cluster.left_there()
    issued, other = (trustme.CA().issue_cert("localhost", "127.0.0.1") for _ in range(2))
    here, there = tmp_path / "here.pem", tmp_path / "there.pem"
    for path in (here, there):
        issued.cert_chain_pems[0].write_to_path(path)
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    (tmp_path / "key.pem").chmod(0o600)
    options = ("--cert", str(there), "--key", str(tmp_path / "key.pem"), "--host", "127.0.0.1")
    with (
        server(tmp_path / "tls", *options, command=("orbit_jupyter.terminal",), listen=()) as lab,
        lab.client(str(here)) as client,
    ):
        client.open()
        # From now on the one that is pinned, and brought over, isn't that of who answers behind the tunnel.
        other.cert_chain_pems[0].write_to_path(here)
        with pytest.raises(JoinError, match=r"has ended\. The end of its log") as failed:
            cluster.join(bridge=client, name="fresh")
        assert f"the TLS certificate of {client.url} isn't trusted: " in str(failed.value)
        assert "certificate verify failed" in str(failed.value)
        assert [token["name"] for token in client.call("GET", "/tokens")["tokens"]] == []
    nothing_is_left(cluster, before, cluster.tokens())


def test_what_cannot_be_brought_along_the_pip_over_there_installs(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Neither here nor there is an index; only over there is a folder with the wheel.
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    wheels = cluster.sshd.home / "wheels"
    name = "orbit_thing-1.0-py3-none-any.whl"
    cluster.sshd.account.write(f"wheels/{name}", "")
    pack_plugin(wheels / name)
    cluster.sshd.set_environment(
        {"RADICAL_ORBIT_BATCH": "none", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
    )
    try:
        hpc = cluster.join(packages=["orbit-thing"], plugins="default,orbit_thing:Thing")
        assert "Fetching for" in " ".join(step.text for step in cluster.steps if step.kind == "install")
        assert hpc.call("GET", "/thing/value") == {"thing": 42}
        (installed,) = (cluster.sshd.home / ".radical/orbit/env").glob(
            "*/lib/python3*/site-packages/orbit_thing.py"
        )
        assert installed.stat().st_uid == cluster.sshd.account.uid
        cluster.leave()
    finally:
        cluster.sshd.set_environment({"RADICAL_ORBIT_BATCH": "none"})
        shutil.rmtree(wheels)
        cluster.uninstall()


def pack_plugin(path: Path) -> None:
    """Write a wheel with a plugin in it."""
    info = "orbit_thing-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("orbit_thing.py", PLUGIN)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: orbit-thing\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
