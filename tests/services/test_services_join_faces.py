"""The same join from a terminal, from a notebook's cell, and from coroutines."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster_join import Cluster
from jupyter_client.manager import start_new_kernel
from session_accounts import Account
from ssh_server import SshServer
from stage import Server, environment, wait_until

import orbit_jupyter
from orbit_jupyter.joining import Step
from orbit_jupyter.protocol import OrbitError


@pytest.fixture
def cluster(sshd: SshServer, lab: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """Return the login node, before anybody has joined it."""
    cluster = Cluster(sshd, lab, monkeypatch)
    yield cluster
    cluster.close()


@pytest.fixture
def variables(cluster: Cluster, home: Path) -> dict[str, str]:
    """Return the environment of a terminal that knows the bridge."""
    found = environment(home, RADICAL_ORBIT_BRIDGE_URL=cluster.lab.url, COLUMNS="200")
    # Where the tests run from: not every tree is the one that is installed.
    found["PYTHONPATH"] = os.pathsep.join([found["PYTHONPATH"], os.getcwd(), "plugins"])
    return {**found, "RADICAL_ORBIT_CLIENT_TOKEN": cluster.lab.info["token"]}


def orbit(variables: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "orbit_jupyter.terminal", *words],
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_in_a_terminal(cluster: Cluster, variables: dict[str, str]) -> None:
    joined = orbit(variables, "join", "hpc", "--name", "typed", "--json")
    assert joined.returncode == 0, joined.stderr
    assert json.loads(joined.stdout) == {"endpoint": "typed", "host": "hpc"}
    assert "Starting endpoint typed\n" in joined.stderr
    assert orbit(variables, "use", "typed").returncode == 0
    listed = json.loads(orbit(variables, "sysinfo", "--json").stdout)
    assert listed["system"]["user"] == cluster.sshd.user
    left = orbit(variables, "leave", "typed")
    assert (left.returncode, left.stdout) == (0, "")
    assert cluster.processes() == []
    assert cluster.left_here() == []


def test_in_a_terminal_what_is_wrong_is_one_line(cluster: Cluster, variables: dict[str, str]) -> None:
    refused = orbit(variables, "join", "-o", "x")
    assert refused.returncode == 2
    refused = orbit(variables, "join", "no host")
    assert (refused.returncode, refused.stderr) == (2, "jupyter orbit: 'no host' is no host name\n")
    nobody = orbit(variables, "join", "hpc-password")
    assert nobody.returncode == 1
    assert nobody.stderr.splitlines()[-1].startswith("jupyter orbit: ssh asks")


def test_in_a_terminal_the_password_is_typed_unseen(
    cluster: Cluster, variables: dict[str, str], other_user: Account
) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "orbit_jupyter.terminal", "join", "hpc-password", "--name", "typed"]
    process = subprocess.Popen(
        command, env=variables, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    said = b""
    try:
        while b"password: " not in said:
            said += os.read(ours, 1000)
        os.write(ours, other_user.password.encode() + b"\n")
        while b"typed is connected" not in said:
            said += os.read(ours, 1000)
        assert process.wait(60) == 0
    finally:
        process.kill()
        os.close(ours)
    assert other_user.password.encode() not in said
    assert orbit(variables, "leave", "typed").returncode == 0


def test_in_a_notebook_the_password_is_asked_for_in_the_cell(
    cluster: Cluster, variables: dict[str, str], other_user: Account
) -> None:
    manager, client = start_new_kernel(env=variables, startup_timeout=60)
    asked: list[dict[str, Any]] = []
    printed: list[str] = []

    def answer(message: dict[str, Any]) -> None:
        asked.append(message["content"])
        client.input(other_user.password)

    def show(message: dict[str, Any]) -> None:
        content = message["content"]
        text = content.get("text") or content.get("traceback")
        printed.extend([str(text)] if text else [])

    def cell(code: str) -> dict[str, Any]:
        reply: dict[str, Any] = client.execute_interactive(
            code, allow_stdin=True, stdin_hook=answer, output_hook=show, timeout=100
        )
        assert reply["content"]["status"] == "ok", printed
        return reply

    try:
        cell("%load_ext orbit_jupyter")
        cell("hpc = %orbit join hpc-password --name celled")
        assert len(asked) == 1
        assert asked[0]["password"] is True
        assert "password: " in asked[0]["prompt"]
        assert "celled is connected" in "".join(printed)
        cell("print(hpc.sysinfo.get_metrics()['system']['user'])")
        assert other_user.name in printed[-1]

        # The tunnel outlives the kernel, whose process group Jupyter kills.
        manager.restart_kernel(now=True)
        client.wait_for_ready(timeout=60)
        cell("import orbit_jupyter as orbit; celled = orbit.connect()['celled']")
        cell("print(celled.sysinfo.get_metrics()['system']['user'])")
        assert other_user.name in printed[-1]
        cell("orbit.leave('celled')")
        assert len(asked) == 1
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert cluster.left_here() == []


@pytest.mark.asyncio
async def test_as_coroutines(cluster: Cluster, other_user: Account) -> None:
    steps: list[Step] = []
    asked: list[str] = []

    def ask(prompt: str, echo: bool) -> str:
        asyncio.get_running_loop()  # on the caller's loop, not in the thread
        asked.append(prompt)
        return other_user.password

    bridge = await orbit_jupyter.aio.connect(cluster.lab.url, token=cluster.lab.info["token"])
    async with bridge:
        hpc = await orbit_jupyter.aio.join(
            "hpc-password", name="awaited", bridge=bridge, ask=ask, on_step=steps.append, keep=False
        )
        metrics = await (await hpc.get_plugin("sysinfo")).call("GET", "metrics/{sid}")
        assert metrics["system"]["user"] == other_user.name
        assert len(asked) == 1
        await orbit_jupyter.aio.leave("awaited", bridge=bridge, on_step=steps.append)
    assert steps[-1].text == "awaited has left"
    assert cluster.left_here() == []


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["connect", "install", "wait"])
async def test_a_cancelled_join_takes_back_what_it_has_done(cluster: Cluster, kind: str) -> None:
    cluster.uninstall()
    tokens = cluster.tokens()
    bridge = await orbit_jupyter.aio.connect(cluster.lab.url, token=cluster.lab.info["token"])
    async with bridge:

        def cancel(step: Step) -> None:
            if step.kind == kind:
                task.cancel()

        join = orbit_jupyter.aio.join("hpc", name="fresh", bridge=bridge, on_step=cancel, keep=False)
        task = asyncio.ensure_future(join)
        with pytest.raises(asyncio.CancelledError):
            await task
    wait_until(lambda: not cluster.processes(), "no endpoint runs")
    assert cluster.left_here() == []
    assert cluster.tokens() == tokens


def test_completion_offers_what_was_joined(cluster: Cluster, variables: dict[str, str]) -> None:
    from orbit_jupyter.verbs import Candidates, Context

    cluster.join(name="one")

    def no_bridge() -> Any:
        raise OrbitError("nobody is to be asked")

    context = Context(no_bridge, None, None)  # type: ignore[arg-type]
    assert Candidates(context)("joined") == ["one"]
