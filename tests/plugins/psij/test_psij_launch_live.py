"""A real bridge, a real endpoint, and another that the first one starts as a job."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import trustme
from stage import Server, endpoint, server, wait_until

from orbit_jupyter.client import BridgeClient, EndpointClient
from orbit_jupyter.client.aio import AsyncBridgeClient, AsyncEndpointClient
from orbit_jupyter.plugin import ConflictError, DeadlineError, InvalidFieldError, OrbitError
from orbit_plugins.psij import AsyncPSIJClient, PSIJClient

TOKEN = re.compile(r"orbit_[0-9a-f]{12}_")
PLUGINS = ("--plugins", "psij,sysinfo")


@pytest.fixture(scope="module")
def cert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a certificate; its key lies beside it."""
    folder = tmp_path_factory.mktemp("cert")
    issued = trustme.CA().issue_cert("localhost", "127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    return folder / "cert.pem"


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory, cert: Path) -> Iterator[Server]:
    secure = (f"--ServerApp.certfile={cert}", f"--ServerApp.keyfile={cert.with_name('key.pem')}")
    with server(tmp_path_factory.mktemp("server"), "--OrbitExtension.local_endpoint=off", *secure) as running:
        yield running


@pytest.fixture(scope="module")
def client(bridge: Server, cert: Path) -> Iterator[BridgeClient]:
    with bridge.client(str(cert)) as client:
        yield client


@pytest.fixture(scope="module")
def far(
    bridge: Server, client: BridgeClient, cert: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """Run the endpoint `hpc1`, and return its home. Its ssh never comes to an end: who needs a tunnel waits."""
    far = tmp_path_factory.mktemp("far")
    ssh = far / "ssh"
    ssh.write_text('#!/bin/sh\ncase " $* " in *" -G "*) exit;; esac\nexec sleep 300\n')
    ssh.chmod(0o755)
    token = bridge.endpoint_token("hpc1")
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        patch.setenv("RADICAL_ORBIT_SSH", str(ssh))
        stack.enter_context(
            endpoint(bridge.url, "hpc1", token, far, "--plugins", "psij,sysinfo", "--cert", str(cert))
        )
        client.wait_for_endpoint("hpc1", 60, poll=0.2)
        yield far


@pytest.fixture
def hpc1(client: BridgeClient, far: Path) -> Iterator[PSIJClient]:
    """Launch others from `hpc1`, which end with the test."""
    jobs = jobs_client(client, "hpc1")
    yield jobs
    for job in jobs.list_jobs()["jobs"]:
        if job["state"] in ("QUEUED", "ACTIVE"):
            jobs.cancel_job(job["job_id"])
    wait_until(lambda: client.list_endpoints() == ["hpc1"] and not tokens(client), "what was launched is gone")
    jobs.close()


def jobs_client(client: BridgeClient, name: str) -> PSIJClient:
    plugin = client[name].get_plugin("psij")
    assert isinstance(plugin, PSIJClient)
    return plugin


def processes_of(name: str, home: Path) -> list[psutil.Process]:
    """Return the endpoint processes of that name that a test has started."""
    return [
        process
        for process in psutil.process_iter(["cmdline", "environ"])
        if "orbit_jupyter.endpoint" in (command := process.info["cmdline"] or [])
        and name in command
        and (process.info["environ"] or {}).get("HOME") == str(home)
        and "bash" not in command[0]  # PSI/J's launcher has the whole command line in its own
    ]


def test_endpoint_launches_another_and_ends_it(hpc1: PSIJClient, client: BridgeClient, far: Path) -> None:
    job = hpc1.launch_job("hpc2", plugins="sysinfo")
    assert job["endpoint_name"] == "hpc2"
    client.wait_for_endpoint("hpc2", 60, poll=0.2)
    assert client["hpc2"].sysinfo.homedir() == str(far)
    assert client.list_endpoints() == ["hpc1", "hpc2"]

    with pytest.raises(ConflictError, match="is endpoint hpc2 already"):
        hpc1.launch_job("hpc2")
    with pytest.raises(InvalidFieldError, match="this endpoint itself"):
        hpc1.launch_job("hpc1")
    # Each launch has a token made; those of the refused ones are taken back.
    assert [token["name"] for token in client.call("GET", "/tokens")["tokens"]] == ["hpc2", "hpc1"]

    (process,) = processes_of("hpc2", far)
    token = (far / ".radical" / "orbit" / "endpoints" / "hpc2.token").read_text()
    assert TOKEN.match(token)
    for shown in (*process.cmdline(), *process.environ().values()):
        assert not TOKEN.search(shown)
    job.cancel()
    assert job.wait(30) == "CANCELED"
    assert job.exit_code == 0, job.stderr
    wait_until(lambda: client.list_endpoints() == ["hpc1"], "hpc2 is gone")
    assert processes_of("hpc2", far) == []


def tokens(client: BridgeClient) -> list[str]:
    """Return the names that there are tokens of one life for."""
    return [token["name"] for token in client.call("GET", "/tokens")["tokens"] if token["parent"] is not None]


def test_launch_returns_the_endpoint_once_it_is_connected(hpc1: PSIJClient, client: BridgeClient) -> None:
    child = hpc1.launch("hpc2", plugins="sysinfo", duration="1h30m")
    assert isinstance(child, EndpointClient)
    assert child.list_plugins().keys() == {"sysinfo"}
    job = hpc1.list_jobs()["jobs"][-1]
    assert (job["executor"], hpc1.get_job_status(job["job_id"])["duration"]) == ("local", 5400)
    with pytest.raises(ConflictError, match="hpc2 is connected already"):
        hpc1.launch("hpc2")
    assert tokens(client) == ["hpc2"]


@pytest.mark.parametrize("duration", [None, "1h"])
@pytest.mark.parametrize("how", ["cancel", "kill", "disconnect"])
def test_token_ends_with_the_life_that_it_is_for(
    hpc1: PSIJClient, client: BridgeClient, far: Path, how: str, duration: str | None
) -> None:
    child = hpc1.launch("hpc2", plugins="sysinfo", duration=duration)
    file = far / ".radical" / "orbit" / "endpoints" / "hpc2.token"
    assert (tokens(client), file.exists()) == (["hpc2"], True)
    if how == "cancel":
        hpc1.cancel_job(hpc1.list_jobs()["jobs"][-1]["job_id"])
    elif how == "kill":
        for process in processes_of("hpc2", far):
            process.kill()
    else:
        client.disconnect_endpoint(child.endpoint_id)
    wait_until(lambda: not tokens(client) and not file.exists(), "token and file are gone")


def test_name_can_be_given_again_at_once(hpc1: PSIJClient, client: BridgeClient) -> None:
    for _ in range(2):  # before the first one's token is forgotten
        job = hpc1.launch_job("hpc2", plugins="sysinfo")
        client.wait_for_endpoint("hpc2", 30, poll=0.2)
        job.cancel()
        job.wait(30)
        wait_until(lambda: client.list_endpoints() == ["hpc1"], "it is gone")
    wait_until(lambda: not tokens(client), "no token is left")


def test_launched_endpoint_that_fails_says_what_it_wrote(hpc1: PSIJClient, client: BridgeClient) -> None:
    with pytest.raises(OrbitError, match=r"(?s)hpc2 didn't come: its job \d+ is FAILED.*no plugin 'nonesuch'"):
        hpc1.launch("hpc2", plugins="nonesuch")
    wait_until(lambda: not tokens(client), "its token is gone")


def test_launch_that_takes_too_long_goes_on(hpc1: PSIJClient, client: BridgeClient) -> None:
    with pytest.raises(DeadlineError, match=r"hpc2 isn't connected after 0 s: its job .* goes on"):
        hpc1.launch("hpc2", plugins="sysinfo", tunnel="reverse", timeout=0)
    assert hpc1.list_jobs()["jobs"][-1]["state"] in ("QUEUED", "ACTIVE")


def test_interrupted_launch_is_cancelled(hpc1: PSIJClient, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    @contextlib.contextmanager
    def impatient() -> Iterator[Callable[[str], None]]:
        def tell(line: str) -> None:
            said.append(line)
            if "it waits for its tunnel" in line:
                signal.raise_signal(signal.SIGINT)

        yield tell

    monkeypatch.setattr("orbit_plugins.psij.client.progress", impatient)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            hpc1.launch("hpc2", plugins="sysinfo", tunnel="reverse")
    finally:
        signal.signal(signal.SIGINT, before)
    assert said[-1].startswith("endpoint hpc2: its job ")
    job = hpc1.list_jobs()["jobs"][-1]
    wait_until(lambda: hpc1.get_job_status(job["job_id"])["state"] == "CANCELED", "its job is cancelled")


@pytest.mark.asyncio
async def test_coroutine_does_the_same(hpc1: PSIJClient, bridge: Server, cert: Path) -> None:
    told: list[str] = []
    async with AsyncBridgeClient(bridge.url, str(cert), bridge.info["token"]) as client:
        plugin = await client["hpc1"].get_plugin("psij")
        assert isinstance(plugin, AsyncPSIJClient)
        child = await plugin.launch("hpc2", plugins="sysinfo", told=told.append)
        assert isinstance(child, AsyncEndpointClient)
        assert set(await child.list_plugins()) == {"sysinfo"}
        assert all(line.startswith("endpoint hpc2: ") for line in told)
        launching = asyncio.ensure_future(plugin.launch("hpc3", plugins="sysinfo", tunnel="reverse"))
        while "hpc3" not in [job["endpoint_name"] for job in (await plugin.list_jobs())["jobs"]]:
            await asyncio.sleep(0.05)
        launching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await launching
        await plugin.close()
    (job,) = [job for job in hpc1.list_jobs()["jobs"] if job["endpoint_name"] == "hpc3"]
    wait_until(lambda: hpc1.get_job_status(job["job_id"])["state"] == "CANCELED", "its job is cancelled")
