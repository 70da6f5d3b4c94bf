"""Real processes for end-to-end tests: a Jupyter server with the bridge, and endpoints."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from orbit_jupyter.bridge.tokens import TokenStore
from orbit_jupyter.client import BridgeClient

SAMPLES = Path(__file__).resolve().parent

START_TIME = 60.0
"""Seconds that a server may take to come up: CI's machines are slow."""

OTHERS = ("jupyterlab", "notebook", "notebook_shim", "jupyter_lsp", "jupyter_server_terminals")
"""Extensions that are installed for other tests: a server without them starts in half the time."""


def wait_until(condition: Callable[[], Any], what: str, seconds: float = 30.0) -> Any:
    """Poll something that no event tells of (a file, a process) until it is true; return it."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds:g} s: {what}")


@dataclass
class Server:
    """A Jupyter server in a process of its own."""

    process: subprocess.Popen[bytes]
    home: Path
    log: Path
    info: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The bridge's."""
        return f"{self.info['url'].rstrip('/')}/orbit"

    @property
    def port(self) -> int:
        """The port that it listens on."""
        port: int = self.info["port"]
        return port

    def client(self, cert: str | None = None) -> BridgeClient:
        """Return a client with the server's token."""
        return BridgeClient(self.url, cert, self.info["token"])

    def endpoint_token(self, name: str) -> str:
        """Make a token where this server looks for it."""
        return TokenStore(self.home / ".radical" / "orbit" / "tokens").create(name, getpass.getuser())[0]

    def children(self) -> list[psutil.Process]:
        """Return the endpoints that the server has started."""
        return [child for child in psutil.Process(self.process.pid).children() if _is_endpoint(child)]

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> None:
        """End it."""
        if self.process.poll() is None:
            self.process.send_signal(sign)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _is_endpoint(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return "orbit_jupyter.endpoint" in process.cmdline()
    return False


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return an environment that touches nothing outside `home`."""
    return {
        **os.environ,
        "HOME": str(home),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "IPYTHONDIR": str(home / "ipython"),
        "PYTHONPATH": str(SAMPLES),
        **more,
    }


@contextlib.contextmanager
def server(
    home: Path,
    *arguments: str,
    port: int = 0,
    token: str = "the-token",
    command: tuple[str, ...] = ("jupyter_server",),
    listen: tuple[str, ...] = ("--ServerApp.ip=127.0.0.1", "--ServerApp.port_retries=0"),
) -> Iterator[Server]:
    """Run a Jupyter server until the block ends."""
    if command == ("jupyter_server",):
        arguments = (*arguments, *(f"--ServerApp.jpserver_extensions={name}=False" for name in OTHERS))
    home.mkdir(parents=True, exist_ok=True)
    log = home / "server.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                *command,
                "--no-browser",
                "--allow-root",
                *listen,
                f"--ServerApp.port={port}",
                f"--IdentityProvider.token={token}",
                *arguments,
            ],
            env=environment(home),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    started = Server(process, home, log)
    try:
        runtime = home / "runtime" / f"jpserver-{process.pid}.json"
        orbit = home / "runtime" / f"orbit-{process.pid}.json"

        def up() -> bool:
            assert process.poll() is None, log.read_text()
            return orbit.exists() and runtime.exists()

        wait_until(up, "the server is up", START_TIME)
        started.info = json.loads(runtime.read_text())
        yield started
    finally:
        started.stop()


@contextlib.contextmanager
def bridge_with_local(home: Path) -> Iterator[Server]:
    """Run ``jupyter orbit`` with a real endpoint `local`, which is there when the block begins."""
    arguments = ("--OrbitExtension.local_endpoint=on", "--OrbitExtension.local_plugins=sysinfo,psij")
    with server(home, *arguments, command=("orbit_jupyter.terminal",)) as running:
        with running.client() as client:
            client.wait_for_endpoint("local", 30)
        yield running


@contextlib.contextmanager
def endpoint(url: str, name: str, token: str, home: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``orbit-endpoint`` until the block ends."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / f"{name}.log").open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "orbit_jupyter.endpoint", "--name", name, "--url", url, *arguments],
            env=environment(home, RADICAL_ORBIT_ENDPOINT_TOKEN=token),
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process, also one that is stopped, or doesn't want to."""
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
