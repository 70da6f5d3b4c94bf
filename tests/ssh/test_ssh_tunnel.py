"""Tunnels over a program that says what ssh says; tests/services has them over a real server."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from stage import wait_until

from orbit_jupyter.ssh import LocalForward, RemoteForward, Tunnel, TunnelError, TunnelState, explain
from orbit_jupyter.ssh import tunnel as tunnels

Put = Callable[[str], Path]

STANDS = "echo 'Allocated port 4711 for remote forward to bridge:1' >&2; exec sleep 300\n"


class Told:
    """Keeps what a tunnel tells."""

    def __init__(self) -> None:
        self.states: list[TunnelState] = []
        self._changed = threading.Condition()

    def __call__(self, state: TunnelState) -> None:
        with self._changed:
            self.states.append(state)
            self._changed.notify_all()

    def wait(self, *statuses: str) -> None:
        """Wait until it has told these, in this order."""
        with self._changed:
            reached = self._changed.wait_for(
                lambda: [state.status for state in self.states][: len(statuses)] == list(statuses), 30
            )
            assert reached, self.states


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def opened(told: Told) -> Iterator[Callable[..., Tunnel]]:
    """Open tunnels that are closed at the end."""
    made: list[Tunnel] = []

    def open(patience: float | None = None) -> Tunnel:
        tunnel = Tunnel("me@login1", RemoteForward("bridge:1"), told=told, patience=patience)
        made.append(tunnel)
        tunnel.start()
        return tunnel

    yield open
    for tunnel in made:
        tunnel.close()


def test_what_ssh_is_told(ssh: Put, opened: Callable[..., Tunnel]) -> None:
    folder = ssh(STANDS)
    assert opened().wait_until_up(30) == 4711
    words = (folder / "words").read_text().splitlines()
    options = [words[at + 1] for at, word in enumerate(words) if word == "-o"]
    # What counts is what comes first: here before what the user says, who has switched the check off.
    assert options.index("StrictHostKeyChecking=yes") < options.index("StrictHostKeyChecking=no")
    assert {"BatchMode=yes", "ExitOnForwardFailure=yes", "ControlPath=none"} <= set(options)
    assert words[words.index("-F") + 1] == str(folder / "mine")
    assert words[-4:] == ["-R", "127.0.0.1:0:bridge:1", "--", "me@login1"]


@pytest.mark.parametrize(
    ("config", "checking"),
    [
        ("stricthostkeychecking accept-new", "accept-new"),
        ("stricthostkeychecking false", "yes"),
        ("stricthostkeychecking ask", "yes"),
        ("", "yes"),
    ],
)
def test_host_keys_are_checked_whatever_is_configured(
    ssh: Put, opened: Callable[..., Tunnel], config: str, checking: str
) -> None:
    folder = ssh(STANDS)
    (folder / "config").write_text(f"user me\n{config}\n")
    opened().wait_until_up(30)
    words = (folder / "words").read_text().splitlines()
    assert words[words.index("-o") + 1] == f"StrictHostKeyChecking={checking}"


def test_tunnel_that_dies_comes_again(ssh: Put, opened: Callable[..., Tunnel], told: Told) -> None:
    ssh(STANDS)
    tunnel = opened()
    tunnel.wait_until_up(30)
    pid = tunnel.state.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    told.wait("active", "pending", "active")
    assert "ended by signal 9" in (told.states[1].error or "")
    assert told.states[2].pid != pid


def test_closed_tunnel_leaves_no_process(ssh: Put, opened: Callable[..., Tunnel], told: Told) -> None:
    ssh("trap '' TERM\n" + STANDS)  # one that doesn't want to
    tunnel = opened()
    tunnel.wait_until_up(30)
    pid = tunnel.state.pid
    assert pid is not None
    tunnel.close()
    assert not psutil.pid_exists(pid)
    told.wait("active", "closed")


def test_tunnel_can_be_closed_while_it_comes_up(ssh: Put, opened: Callable[..., Tunnel]) -> None:
    folder = ssh("exec sleep 300\n")
    tunnel = opened()
    wait_until((folder / "words").exists, "ssh has begun")
    tunnel.close()
    assert tunnel.state.status == "closed"
    with pytest.raises(TunnelError, match="doesn't stand"):
        tunnel.wait_until_up(1)


def test_tunnel_is_given_up_after_its_patience(ssh: Put, opened: Callable[..., Tunnel], told: Told) -> None:
    ssh("echo 'ssh: connect to host login1 port 22: Connection refused' >&2; exit 255\n")
    tunnel = opened(0.2)
    wait_until(lambda: tunnel.state.status == "failed", "it is given up")
    with pytest.raises(TunnelError, match="ssh: connect to host login1 port 22: Connection refused"):
        tunnel.wait_until_up(1)
    assert told.states[-1].status == "failed"


def test_key_that_is_not_known_is_no_matter_of_patience(ssh: Put, opened: Callable[..., Tunnel]) -> None:
    ssh("echo 'Host key verification failed.' >&2; exit 255\n")
    with pytest.raises(TunnelError, match=f"Run once on {socket.gethostname()}: ssh me@login1") as failed:
        opened(3600).wait_until_up(30)
    assert failed.value.lasting


def test_tunnel_that_does_not_come_up_is_begun_again(
    ssh: Put, opened: Callable[..., Tunnel], told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tunnels, "UP_TIME", 0.2)
    folder = ssh("exec sleep 300\n")
    opened()
    told.wait("pending")
    assert "didn't come up within 0.2 s" in (told.states[0].error or "")
    ssh(STANDS)
    told.wait("pending", "active")
    assert (folder / "words").exists()


def test_missing_program_says_what_to_install(
    opened: Callable[..., Tunnel], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RADICAL_ORBIT_SSH", str(tmp_path / "none"))
    with pytest.raises(TunnelError, match="install OpenSSH's client, or name it in RADICAL_ORBIT_SSH"):
        opened(3600).wait_until_up(30)


def test_login_that_is_an_option_is_refused_before_ssh_is_near() -> None:
    with pytest.raises(ValueError, match="is no host name"):
        Tunnel("-oProxyCommand=x", LocalForward("bridge:1"))


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_ssh_ends_with_the_process_that_has_begun_it(ssh: Put, sign: signal.Signals, tmp_path: Path) -> None:
    ssh(STANDS)
    script = (
        "import time; from orbit_jupyter.ssh import *; t = Tunnel('login1', RemoteForward('bridge:1')); "
        "t.start(); t.wait_until_up(30); print(t.state.pid, flush=True); time.sleep(300)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        ssh_process = psutil.Process(pid)
        process.send_signal(sign)
        process.wait(20)

    def gone() -> bool:
        return not ssh_process.is_running() or ssh_process.status() == psutil.STATUS_ZOMBIE

    wait_until(gone, "ssh has ended too")


@pytest.mark.parametrize(
    ("said", "advice", "lasting"),
    [
        ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @", "ssh-keygen -R login1", True),
        ("me@login1: Permission denied (publickey).", "must work by itself: ssh me@login1 true", False),
        ("Error: remote port forwarding failed for listen port 0", "AllowTcpForwarding", False),
        ("ssh: Could not resolve hostname login1: Name or service not known", "can't find the host login1", False),
        ("something new", r"\(ssh: something new\)", False),
        ("debug1: nothing", r"ssh said nothing", False),
    ],
)
def test_words_of_ssh_become_what_to_do(said: str, advice: str, lasting: bool) -> None:
    error = explain([said], "me@login1", "the tunnel")
    assert error.lasting is lasting
    with pytest.raises(TunnelError, match=advice):
        raise error
