"""Endpoints that are jobs and come to their bridge through ssh: on a real Slurm, a real sshd, a real bridge."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import trustme
from service_folder import ServiceFolder
from session_accounts import Account
from slurm_cluster import SlurmCluster
from ssh_server import SshServer
from stage import Server, server, wait_until
from user_endpoint import UserEndpoints

from orbit_jupyter.client import BridgeClient, EndpointClient
from orbit_jupyter.protocol import ConflictError
from orbit_plugins.psij import PSIJClient

PLUGINS = ("--plugins", "psij,sysinfo")
MODES = ("none", "forward", "reverse")

# Where names of hosts mean the one sshd: a login node and the nodes behind it.
EVERYWHERE = """\
Host *
  HostName 127.0.0.1
  Port {port}
  User {user}
  IdentityFile {home}/.ssh/id
  IdentitiesOnly yes
  UserKnownHostsFile {known}
  GlobalKnownHostsFile /dev/null
"""


@dataclass
class Login:
    """A login node: the endpoint `hpc1` of the ordinary user, its home, and the bridge's client."""

    client: BridgeClient
    account: Account
    home: Path
    process: subprocess.Popen[bytes]

    @property
    def psij(self) -> PSIJClient:
        plugin = self.client["hpc1"].get_plugin("psij")
        assert isinstance(plugin, PSIJClient)
        return plugin

    def __post_init__(self) -> None:
        # A test before may have ended its endpoint before that could tell of its children's end.
        self.before = self._tokens()

    @property
    def orbit(self) -> Path:
        return self.home / ".radical" / "orbit"

    def ssh(self) -> list[psutil.Process]:
        """Return the user's ssh processes."""
        found = []
        for process in psutil.process_iter(["name", "uids", "status"]):
            mine = process.info["uids"] is not None and process.info["uids"].real == self.account.uid
            if mine and process.info["name"] == "ssh" and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process)
        return found

    def left(self) -> list[str]:
        """Return what is left of endpoints that were jobs: processes, files, tokens."""
        names = [f"ssh {process.pid}" for process in self.ssh()]
        for folder in ("tunnels", "endpoints", "state/hpc1/psij/children"):
            with contextlib.suppress(FileNotFoundError):
                names += [str(path) for path in (self.orbit / folder).iterdir()]
        return names + [f"token of {name}" for id, name in self._tokens().items() if id not in self.before]

    def _tokens(self) -> dict[str, str]:
        """Return the names of tokens for one life, by their ids."""
        tokens = self.client.call("GET", "/tokens")["tokens"]
        return {token["id"]: token["name"] for token in tokens if token["parent"] is not None}

    def gone(self, name: str) -> None:
        """Wait until an endpoint is gone."""
        wait_until(lambda: name not in self.client.list_endpoints(), f"{name} is gone")

    def nothing_left(self) -> None:
        """Wait until nothing is left."""
        try:
            wait_until(lambda: not self.left(), "nothing is left", 60)
        except AssertionError:
            print(*self.left(), (self.home / "hpc1.log").read_text(errors="replace"), sep="\n")
            raise


def ssh_variables(sshd: SshServer, account: Account, known: Path | None = None) -> dict[str, str]:
    """Return the variables by which every host is the sshd."""
    text = EVERYWHERE.format(
        port=sshd.port, user=account.name, home=account.home, known=known or account.home / ".ssh" / "known_hosts"
    )
    config = account.write(f".ssh/everywhere-{'other' if known else 'one'}", text)
    return {"RADICAL_ORBIT_SSH": f"ssh -F {config}"}


@pytest.fixture
def login(
    lab: Server,
    sshd: SshServer,
    slurm: SlurmCluster,
    user_endpoints: UserEndpoints,
    request: pytest.FixtureRequest,
) -> Iterator[Login]:
    """Run the login node's endpoint, with a home of the test's own."""
    account = user_endpoints.account
    home = account.home / request.node.name.replace("[", "-").replace("]", "")
    variables = ssh_variables(sshd, account)
    with user_endpoints.run(lab, "hpc1", *PLUGINS, home=home, **variables) as process, lab.client() as client:
        client.wait_for_endpoint("hpc1", 30, poll=0.2)
        try:
            yield Login(client, account, home, process)
        finally:
            for child in children_of(account.uid):
                child.terminate()
            wait_until(lambda: not children(client), "the children are gone")


def children(client: BridgeClient) -> list[str]:
    """Return the endpoints that are connected and that an endpoint `hpc1` has launched."""
    return [name for name in client.list_endpoints() if name.startswith("hpc1.")]


def children_of(uid: int, name: str = "hpc1.") -> list[psutil.Process]:
    """Return the processes that are an endpoint whose name begins so."""
    found = []
    for process in psutil.process_iter(["cmdline", "uids"]):
        line = process.info["cmdline"] or []
        mine = process.info["uids"] is not None and process.info["uids"].real == uid
        if mine and "orbit_jupyter.endpoint" in line[:3] and line[line.index("--name") + 1].startswith(name):
            found.append(process)
    return found


@pytest.mark.parametrize("executor", ["local", "slurm"])
@pytest.mark.parametrize("tunnel", MODES)
def test_endpoint_is_launched_called_and_ended(login: Login, tunnel: str, executor: str) -> None:
    child = login.psij.launch("hpc1.1", executor=executor, duration="10m", plugins="sysinfo", tunnel=tunnel)
    assert isinstance(child, EndpointClient)
    assert child.sysinfo.homedir() == str(login.home)
    status = login.psij.tunnel_status("hpc1.1")
    if tunnel == "none":
        assert (status["status"], login.ssh()) == ("no_tunnel", [])
    else:
        (ssh,) = login.ssh()
        assert (status["status"], status["pid"], status["error"]) == ("active", ssh.pid, None)
        assert f"-{'L' if tunnel == 'forward' else 'R'}" in ssh.cmdline()
        for file in (login.orbit / "tunnels").iterdir():
            assert file.stat().st_mode & 0o777 == 0o600
        assert (login.orbit / "tunnels").stat().st_mode & 0o777 == 0o700
    (token,) = [token for token in login.client.call("GET", "/tokens")["tokens"] if token["name"] == "hpc1.1"]
    assert token["parent"] == "hpc1"
    (job,) = login.psij.list_jobs()["jobs"]
    login.psij.cancel_job(job["job_id"])
    wait_until(lambda: not children(login.client), "the child is gone")
    login.nothing_left()
    assert login.psij.tunnel_status("hpc1.1")["status"] == ("no_tunnel" if tunnel == "none" else "done")


@pytest.fixture(params=["forward", "reverse"])
def child(login: Login, request: pytest.FixtureRequest) -> EndpointClient:
    """Launch an endpoint through a tunnel of each kind."""
    return login.psij.launch("hpc1.1", executor="local", plugins="sysinfo", tunnel=request.param)


def test_tunnel_whose_ssh_is_killed_is_repaired(login: Login, child: EndpointClient) -> None:
    (first,) = login.ssh()
    first.kill()
    # The call waits until the child is there again: its connection goes on over the new tunnel.
    assert child.sysinfo.homedir() == str(login.home)
    (second,) = login.ssh()
    assert second.pid != first.pid
    wait_until(lambda: login.psij.tunnel_status("hpc1.1")["pid"] == second.pid, "the status knows the new ssh")


def test_tunnel_whose_connection_is_cut_is_repaired(login: Login, child: EndpointClient, sshd: SshServer) -> None:
    sshd.restart()
    # It may take longer than the bridge waits before it gives the child up.
    login.client.wait_for_endpoint(child.endpoint_id, 60, poll=0.2)
    assert child.sysinfo.homedir() == str(login.home)
    wait_until(lambda: login.psij.tunnel_status("hpc1.1")["status"] == "active", "it is known to stand again")


def test_child_that_is_killed_leaves_nothing(login: Login, child: EndpointClient) -> None:
    for process in children_of(login.account.uid):
        process.kill()
    login.nothing_left()
    assert login.psij.tunnel_status("hpc1.1")["status"] == "done"


def restarted(login: Login, lab: Server, sshd: SshServer, user_endpoints: UserEndpoints) -> Any:
    return user_endpoints.run(lab, "hpc1", *PLUGINS, home=login.home, **ssh_variables(sshd, login.account))


def test_login_endpoint_that_was_killed_takes_its_tunnels_up_again(
    login: Login, child: EndpointClient, lab: Server, sshd: SshServer, user_endpoints: UserEndpoints
) -> None:
    (ssh,) = login.ssh()
    its_own = "-R" in ssh.cmdline()
    login.process.kill()
    login.process.wait()
    if its_own:
        wait_until(lambda: not login.ssh(), "ssh has ended with it")
    with restarted(login, lab, sshd, user_endpoints):
        assert child.sysinfo.homedir() == str(login.home)
        assert len(login.ssh()) == 1
        wait_until(lambda: login.psij.tunnel_status("hpc1.1")["status"] == "active", "the tunnel is known again")
        (job,) = [job for job in login.psij.list_jobs()["jobs"] if job["endpoint_name"] == "hpc1.1"]
        login.psij.cancel_job(job["job_id"])
        login.nothing_left()


def test_login_endpoint_ends_what_lost_its_job_while_it_was_away(
    login: Login, child: EndpointClient, lab: Server, sshd: SshServer, user_endpoints: UserEndpoints
) -> None:
    login.process.kill()
    login.process.wait()
    for process in children_of(login.account.uid):
        process.kill()
    assert login.left()
    with restarted(login, lab, sshd, user_endpoints):
        login.nothing_left()


def test_child_s_job_that_is_cancelled_while_it_waits_leaves_nothing(login: Login, slurm: SlurmCluster) -> None:
    options = {"slurm.begin": "now+1hour"}
    job = login.psij.launch_job("hpc1.1", executor="slurm", tunnel="reverse", custom_attributes=options)
    assert login.psij.tunnel_status("hpc1.1")["status"] == "pending"
    with pytest.raises(ConflictError, match=r"is endpoint hpc1\.1 already"):
        login.psij.launch_job("hpc1.1", executor="slurm")
    job.cancel()
    assert job.wait(30) == "CANCELED"
    login.nothing_left()


def test_auto_takes_what_works(login: Login, sshd: SshServer) -> None:
    # The bridge listens on loopback alone, so that a node never reaches it straight.
    child = login.psij.launch("hpc1.1", executor="slurm", plugins="sysinfo")
    assert child.sysinfo.homedir() == str(login.home)
    (ssh,) = login.ssh()
    assert "-L" in ssh.cmdline()


def test_unknown_host_key_ends_the_job_and_says_what_to_do(
    lab: Server, sshd: SshServer, user_endpoints: UserEndpoints, slurm: SlurmCluster
) -> None:
    account = user_endpoints.account
    home, known = account.home / "unknown-key", account.write(".ssh/known_nobody", "")
    variables = ssh_variables(sshd, account, known)
    with user_endpoints.run(lab, "hpc1", *PLUGINS, home=home, **variables) as process, lab.client() as client:
        login = Login(client, account, home, process)
        job = login.psij.launch_job("hpc1.1", executor="local", plugins="sysinfo", tunnel="reverse")
        assert job.wait(60) == "CANCELED"
        status = login.psij.tunnel_status("hpc1.1")
        assert status["status"] == "failed"
        assert f"Run once on {socket.gethostname()}: ssh {socket.gethostname()}" in status["error"]
        told = login.psij.get_job_status(job.id)
        assert (told["state"], told["error"]) == ("FAILED", status["error"])
        login.nothing_left()
        forward = login.psij.launch_job("hpc1.1", executor="local", plugins="sysinfo", tunnel="forward")
        assert forward.wait(60) == "FAILED"
        assert "isn't known here. Run once on" in forward.stderr
        login.nothing_left()
    assert known.read_text() == ""


def test_request_that_names_no_host_starts_nothing(login: Login) -> None:
    mark = login.home / "pwned"
    script = (
        "umask 077; mkdir -p ~/.radical/orbit/tunnels; cd ~/.radical/orbit/tunnels; "
        'printf "%s" "$REQUEST" >a; mv a hpc1.1.req; sleep 300'
    )
    host = f"-oProxyCommand=touch${{IFS}}{mark}"
    asked = {"endpoint_name": "hpc1.1", "hostname": host, "bridge_host": "x", "bridge_port": 1}
    spec = {
        "executable": "/bin/sh",
        "arguments": ["-c", script, "sh", "--name", "hpc1.1"],
        "environment": {"REQUEST": json.dumps(asked)},
    }
    job = login.psij.submit_tunneled(spec, tunnel="reverse")
    assert job.wait(60) == "CANCELED"
    status = login.psij.tunnel_status("hpc1.1")
    assert (status["status"], "is no host name" in status["error"]) == ("failed", True)
    login.nothing_left()
    assert not mark.exists()


def test_child_of_a_child_comes_through_both_tunnels(login: Login) -> None:
    for tunnel, name in (("reverse", "hpc1.1"), ("forward", "hpc1.2")):
        login.psij.launch(name, executor="local", plugins="psij,sysinfo", tunnel=tunnel)
        jobs = login.client[name].get_plugin("psij")
        assert isinstance(jobs, PSIJClient)
        for inner in ("none", "reverse", "forward"):
            child = jobs.launch(f"{name}-{inner}", executor="local", plugins="sysinfo", tunnel=inner)
            assert child.sysinfo.homedir() == str(login.home)
            jobs.cancel_job(next(j["job_id"] for j in jobs.list_jobs()["jobs"] if j["state"] == "ACTIVE"))
            login.gone(child.endpoint_id)


def test_end_of_the_allocation_is_announced(login: Login) -> None:
    told: list[dict[str, Any]] = []
    login.client.register_callback(None, "endpoint", "allocation_end", lambda *news: told.append(news[-1]))
    login.client.wait_for_listener()
    login.psij.launch("hpc1.1", executor="slurm", duration="3m", plugins="sysinfo", tunnel="none")
    wait_until(lambda: told, "it is said that there are less than ten minutes left")
    assert 60 < told[0]["seconds_left"] <= 180
    assert told[0]["job_id"]


@pytest.fixture
def secure(services: ServiceFolder, tmp_path: Path) -> Iterator[tuple[Server, Path]]:
    """Run a bridge whose certificate is for a name that nobody can look up; return it with the certificate."""
    issued = trustme.CA().issue_cert("bridge.example")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    tls = (f"--ServerApp.certfile={tmp_path / 'cert.pem'}", f"--ServerApp.keyfile={tmp_path / 'key.pem'}")
    # Jupyter answers on loopback to names alone that are a loopback's: that Host header isn't.
    name = "--ServerApp.allow_remote_access=True"
    with server(tmp_path / "server", "--OrbitExtension.local_endpoint=off", name, *tls) as running:
        yield running, tmp_path / "cert.pem"


@pytest.mark.parametrize("tunnel", ["forward", "reverse"])
def test_bridge_keeps_its_name_through_a_tunnel(
    secure: tuple[Server, Path],
    sshd: SshServer,
    user_endpoints: UserEndpoints,
    tunnel: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bridge, certificate = secure
    monkeypatch.setenv("RADICAL_ORBIT_BRIDGE_CERT", str(certificate))
    account = user_endpoints.account
    cert = account.write("bridge.pem", certificate.read_text())
    home = account.home / f"named-{tunnel}"
    variables = ssh_variables(sshd, account)
    end = f"127.0.0.1:{bridge.port}"
    url = f"https://bridge.example:{bridge.port}/orbit"
    # As at the end of a tunnel that somebody else has opened.
    named = ("--url", url, "--cert", str(cert), "--through", end)
    with (
        bridge.client() as client,
        user_endpoints.run(bridge, "hpc1", *PLUGINS, *named, home=home, **variables) as process,
    ):
        login = Login(client, account, home, process)
        child = login.psij.launch("hpc1.1", executor="local", plugins="sysinfo", tunnel=tunnel)
        (ended,) = [one for one in children_of(account.uid) if url in one.cmdline()]
        assert child.sysinfo.homedir() == str(home)
        ended.terminate()
        login.gone("hpc1.1")
        login.nothing_left()
