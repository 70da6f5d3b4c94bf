"""What goes wrong on the way is said in plain words, and taken back."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest
from cluster_join import Cluster
from ssh_server import SshServer
from stage import Server, wait_until

from orbit_jupyter.joining import JoinError, Step


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
    try:
        cluster.join(name="fresh")
        timers[0].join()
        pytest.fail("the join was quicker than the interrupt")
    except KeyboardInterrupt:
        pass
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
