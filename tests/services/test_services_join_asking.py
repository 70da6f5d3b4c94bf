"""Passwords, second factors and host keys: asked for where the join was typed, and checked."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster_join import Cluster
from session_accounts import Account
from ssh_server import SshServer
from stage import Server

from orbit_jupyter.joining import JoinError, ask_here, join


@pytest.fixture
def cluster(sshd: SshServer, lab: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """Return the login node, before anybody has joined it."""
    cluster = Cluster(sshd, lab, monkeypatch)
    yield cluster
    cluster.close()


def nothing_is_left(cluster: Cluster, host: str) -> None:
    assert cluster.left_here() == []
    assert cluster.processes(host) == []
    assert [path for path in cluster.left_there(host) if not path.startswith(("orbit/env", "orbit/state"))] in (
        [],
        ["orbit"],
    )
    assert host not in cluster.tokens()


def with_config(sshd: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **changed: str) -> Path:
    """Have ssh read another configuration: that of the server, with some lines changed."""
    given = sshd.ssh_config.read_text().splitlines()
    lines = [line for line in given if not line.strip().startswith(tuple(changed))]
    more = [f"Host *\n  {key} {value}" for key, value in changed.items()]
    config = tmp_path / "config"
    config.write_text("\n".join([*more, *lines]) + "\n")
    monkeypatch.setenv("RADICAL_ORBIT_SSH", f"ssh -F {config}")
    return config


@pytest.mark.parametrize("host", ["hpc-password", "hpc-two-factor"])
def test_password_is_asked_for_once(cluster: Cluster, other_user: Account, host: str) -> None:
    cluster.answers = [other_user.password]
    hpc = cluster.join(host)
    assert len(cluster.asked) == 1
    assert f"{other_user.name}@127.0.0.1's password: " in cluster.asked[0]
    assert hpc.call("GET", "/sysinfo/metrics/" + str(hpc.sysinfo.sid))["system"]["user"] == other_user.name
    cluster.join(host)
    assert len(cluster.asked) == 1
    cluster.leave(host)
    assert len(cluster.asked) == 1
    nothing_is_left(cluster, host)


def test_passphrase_of_a_key_and_then_the_password(
    cluster: Cluster, other_user: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "key"
    key.write_bytes((cluster.sshd.folder / "id").read_bytes())
    key.chmod(0o600)
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "the passphrase", "-f", str(key)], check=True, timeout=20)
    with_config(cluster.sshd, tmp_path, monkeypatch, IdentityFile=str(key))
    cluster.answers = ["the passphrase", other_user.password]
    cluster.join("hpc-two-factor")
    assert [f"passphrase for key '{key}'" in cluster.asked[0], "password" in cluster.asked[1]] == [True, True]
    cluster.leave("hpc-two-factor")


def test_wrong_password_is_asked_for_again_and_then_refused(cluster: Cluster) -> None:
    cluster.answers = ["wrong"] * 3
    with pytest.raises(JoinError, match="doesn't let you in"):
        cluster.join("hpc-password")
    assert len(cluster.asked) == 3
    assert "Permission denied, please try again." in "".join(step.text for step in cluster.steps)
    nothing_is_left(cluster, "hpc-password")


def test_cancel_ends_it(cluster: Cluster) -> None:
    cluster.answers = [None]
    with pytest.raises(JoinError, match="cancelled"):
        cluster.join("hpc-password")
    assert len(cluster.asked) == 1
    nothing_is_left(cluster, "hpc-password")


def test_interrupt_at_a_question_ends_it(cluster: Cluster) -> None:
    def interrupted(prompt: str, echo: bool) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        join("hpc-password", bridge=cluster.bridge, ask=interrupted)
    nothing_is_left(cluster, "hpc-password")


def test_without_anybody_to_ask_it_says_so(cluster: Cluster) -> None:
    with pytest.raises(JoinError, match="nobody is here to answer"):
        join("hpc-password", bridge=cluster.bridge, ask=ask_here)
    nothing_is_left(cluster, "hpc-password")


@pytest.mark.parametrize("answer", ["no", "yes"])
def test_an_unknown_host_key_is_shown_and_asked_about(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    known = tmp_path / "known_hosts"
    with_config(cluster.sshd, tmp_path, monkeypatch, UserKnownHostsFile=str(known), StrictHostKeyChecking="ask")
    fingerprint = subprocess.run(
        ["ssh-keygen", "-lf", str(cluster.sshd.folder / "host_key.pub")],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    ).stdout.split()[1]
    cluster.answers = [answer]
    if answer == "no":
        with pytest.raises(JoinError, match="wasn't accepted"):
            cluster.join()
        assert not known.exists()
        nothing_is_left(cluster, "hpc")
    else:
        cluster.join()
        assert known.read_text().count("ssh-ed25519") == 1
        cluster.leave()
    assert len(cluster.asked) == 1
    assert fingerprint in cluster.asked[0]


def test_a_changed_host_key_is_refused_without_asking(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADICAL_ORBIT_SSH", f"ssh -F {cluster.sshd.impostor_ssh_config}")
    with pytest.raises(JoinError, match="has changed since it was last seen") as refused:
        cluster.join()
    assert "ssh-keygen -f" in str(refused.value)
    assert cluster.asked == []
    nothing_is_left(cluster, "hpc")


def test_a_changed_host_key_is_refused_also_where_a_password_would_be_sent(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    impostors = cluster.sshd.folder / "impostor_known_hosts"
    changed = {"UserKnownHostsFile": str(impostors), "StrictHostKeyChecking": "ask"}
    with_config(cluster.sshd, tmp_path, monkeypatch, **changed)
    cluster.answers = ["yes"] * 5
    with pytest.raises(JoinError, match="has changed since it was last seen"):
        cluster.join("hpc-password")
    assert cluster.asked == []
