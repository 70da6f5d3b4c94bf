"""The sshd that the tests of this folder share is a real one."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from session_accounts import Account, as_user
from ssh_server import SshServer
from stage import wait_until


def run(*command: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30, **more)


def test_user_gets_in_and_is_at_home(sshd: SshServer) -> None:
    assert sshd.run("id -un; pwd; echo $HOME").split() == [sshd.user, str(sshd.home), str(sshd.home)]
    assert sshd.run("id -un", alias="hpc-root") == "root\n"


def test_user_gets_in_with_the_configuration_of_the_home(sshd: SshServer, user: Account) -> None:
    # ssh looks for it where passwd says that the home is, not at $HOME.
    done = run("ssh", "-o", "BatchMode=yes", "hpc", "id", "-un", **as_user(user.name))
    assert (done.stdout, done.stderr) == (f"{user.name}\n", "")


def test_a_host_key_that_is_not_the_known_one_is_refused(sshd: SshServer) -> None:
    done = run("ssh", "-F", str(sshd.impostor_ssh_config), "-o", "BatchMode=yes", "hpc", "true")
    assert done.returncode == 255
    assert "Host key verification failed" in done.stderr


@pytest.mark.parametrize(
    ("alias", "password", "is_let_in"),
    [
        ("hpc-password", "right", True),
        ("hpc-password", "wrong", False),
        ("hpc-two-factor", "right", True),
        ("hpc-two-factor", "wrong", False),
        ("hpc-two-factor", "none", False),
    ],
)
def test_password_is_asked_and_checked(
    sshd: SshServer, other_user: Account, tmp_path: Path, alias: str, password: str, is_let_in: bool
) -> None:
    asked = tmp_path / "askpass"
    secret = {"right": other_user.password, "wrong": "x"}.get(password)
    asked.write_text(f"#!/bin/sh\n{'exit 1' if secret is None else f'echo {secret}'}\n")
    asked.chmod(0o700)
    command = ["ssh", "-F", str(sshd.ssh_config), "-o", "NumberOfPasswordPrompts=1", alias, "id", "-un"]
    environment = {"PATH": "/usr/bin:/bin", "SSH_ASKPASS": str(asked), "SSH_ASKPASS_REQUIRE": "force"}
    done = run(*command, env=environment)
    assert done.stdout == (f"{other_user.name}\n" if is_let_in else ""), done.stderr
    assert done.returncode == (0 if is_let_in else 255)


def test_a_reverse_forward_gets_a_port(sshd: SshServer, tmp_path: Path) -> None:
    said = tmp_path / "said"
    command = ["ssh", "-F", str(sshd.ssh_config), "-N", "-R", f"127.0.0.1:0:127.0.0.1:{sshd.port}", "hpc"]
    with said.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as client:
        try:
            found = wait_until(lambda: re.search(r"Allocated port (\d+) for", said.read_text()), "a port")
            # Through the tunnel answers who listens at its near end: sshd again.
            greeting = sshd.run(f"exec 3<>/dev/tcp/127.0.0.1/{found[1]}; head -1 <&3")
            assert greeting.startswith("SSH-2.0-OpenSSH")
        finally:
            client.terminate()


def test_one_master_connection_serves_several_and_ends_with_the_servers(sshd: SshServer, tmp_path: Path) -> None:
    control = ["ssh", "-F", str(sshd.ssh_config), "-S", str(tmp_path / "control"), "-o", "BatchMode=yes"]
    subprocess.run([*control, "-M", "-f", "-N", "hpc"], check=True, timeout=30, stderr=subprocess.DEVNULL)
    # Its processes are all there once something was run.
    assert run(*control, "hpc", "id", "-un").stdout == f"{sshd.user}\n"
    before = {process.pid for process in sshd.connections()}
    for _ in range(3):
        assert run(*control, "hpc", "id", "-un").stdout == f"{sshd.user}\n"
    assert {process.pid for process in sshd.connections()} == before
    sshd.kill_connections()
    assert sshd.connections() == []
    wait_until(lambda: not (tmp_path / "control").exists(), "the master notices")


def test_frozen_connections_go_on_when_thawed(sshd: SshServer) -> None:
    command = ["ssh", "-F", str(sshd.ssh_config), "hpc", "cat"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        client.stdin.write(b"one\n")
        client.stdin.flush()
        assert client.stdout.readline() == b"one\n"
        with sshd.frozen_connections():
            client.stdin.write(b"two\n")
            client.stdin.flush()
            with pytest.raises(subprocess.TimeoutExpired):
                client.wait(1)
        assert client.stdout.readline() == b"two\n"
        client.stdin.close()
        assert client.wait(10) == 0


def test_server_comes_back_after_a_restart(sshd: SshServer) -> None:
    with subprocess.Popen(["ssh", "-F", str(sshd.ssh_config), "hpc", "sleep 600"]) as client:
        wait_until(sshd.connections, "a connection")
        sshd.restart()
        assert client.wait(10) == 255
    sshd.stop()
    done = run("ssh", "-F", str(sshd.ssh_config), "hpc", "true")
    assert (done.returncode, "Connection refused" in done.stderr) == (255, True)


def test_server_is_there_for_the_next_test(sshd: SshServer) -> None:
    assert sshd.run("true") == ""


def test_sessions_have_the_environment_that_was_set(sshd: SshServer) -> None:
    assert sshd.run("echo $RADICAL_ORBIT_BATCH") == "none\n"
    sshd.set_environment({"RADICAL_ORBIT_BATCH": "slurm", "OTHER": "a b"})
    assert sshd.run('echo "$RADICAL_ORBIT_BATCH $OTHER"') == "slurm a b\n"
    sshd.set_environment({"RADICAL_ORBIT_BATCH": "none"})
