"""The processes under measurement, in a home folder of their own."""

from __future__ import annotations

import getpass
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil
import trustme

from orbit_jupyter.bridge.tokens import TokenStore

ROOT = Path(__file__).resolve().parent.parent
START_TIME = 60.0
"""Seconds that a process may take to come up."""

T = TypeVar("T")


@dataclass(frozen=True)
class Certificate:
    """Where a server's certificate lies, its key, and the authority that those who dial in trust."""

    chain: Path
    key: Path
    authority: Path


class Processes:
    """Starts processes that know nothing of the user's own files, and ends them all with the `with` block."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="orbit-bench-", ignore_cleanup_errors=True)
        self.home = Path(self._folder.name)
        self._running: list[subprocess.Popen[str]] = []
        self.token = secrets.token_urlsafe(24)

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._running):
            self.end(process)
        self._folder.cleanup()

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of a process: this one's, without any way to the user's own Jupyter and Orbit."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("JUPYTER", "JPY_", "RADICAL_", "XDG_", "IPYTHON"))
        }
        folders = {f"JUPYTER_{kind}_DIR": str(self.home / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
        return {
            **kept,
            **folders,
            "HOME": str(self.home),
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "plugins")]),
            **more,
        }

    def start(
        self,
        name: str,
        *command: str,
        program: tuple[str, ...] = (sys.executable, "-m"),
        talks: bool = False,
        **variables: str,
    ) -> subprocess.Popen[str]:
        """Start ``python -m``, or another program, with a command; what it prints goes to ``NAME.log``.

        Parameters
        ----------
        talks
            Whether stdin and stdout are pipes instead, for `line` and `ask`. One that isn't listened to mustn't
            have them: a full pipe would hold it up.
        """
        with open(self.home / f"{name}.log", "a", encoding="utf-8") as log:
            process = subprocess.Popen(
                [*program, *command],
                cwd=self.home,
                env=self.environment(**variables),
                stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
                stdout=subprocess.PIPE if talks else log,
                stderr=log,
                text=True,
            )
        self._running.append(process)
        return process

    def end(self, process: subprocess.Popen[str]) -> None:
        """End a process, by force where it doesn't end within ten seconds."""
        if process in self._running:
            self._running.remove(process)
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    def log(self, name: str) -> str:
        """Return the end of what a process has said."""
        return (self.home / f"{name}.log").read_text(encoding="utf-8", errors="replace")[-4000:]

    # -- what is measured ------------------------------------------------------------------------------------

    def start_relay(self) -> str:
        """Start the relay's hub and echo; return the hub's URL."""
        url = f"ws://127.0.0.1:{self.line(self.start('hub', 'bench.relay', 'hub', talks=True), 'hub')}"
        self.line(self.start("echo", "bench.relay", "echo", url, talks=True), "echo")
        return url

    def start_server(self, name: str, *options: str) -> tuple[subprocess.Popen[str], str]:
        """Start a Jupyter server with the bridge and the empty handler; return it and its URL, without a slash."""
        process = self.start(
            name,
            "jupyter_server",
            "--no-browser",
            "--ServerApp.ip=127.0.0.1",
            "--ServerApp.port=0",
            "--ServerApp.port_retries=0",
            f"--ServerApp.root_dir={self.home}",
            "--ServerApp.jpserver_extensions=orbit_jupyter=True",
            "--ServerApp.jpserver_extensions=bench.handler=True",
            "--OrbitExtension.local_endpoint=off",
            *options,
            *(["--allow-root"] if os.geteuid() == 0 else []),
            JUPYTER_TOKEN=self.token,
        )
        path = self.home / "runtime" / f"jpserver-{process.pid}.json"
        return process, self.wait(process, name, lambda: _url_that_answers(path))

    def endpoint_token(self) -> str:
        """Make a token for any endpoint of this user."""
        token, _ = TokenStore(self.home / ".radical" / "orbit" / "tokens").create("*", getpass.getuser())
        return token

    def start_endpoint(
        self, url: str, name: str, plugins: str, token: str, *options: str, log: str = ""
    ) -> subprocess.Popen[str]:
        """Start ``orbit-endpoint``; it isn't connected yet."""
        return self.start(
            log or name,
            "orbit_jupyter.endpoint",
            f"--name={name}",
            f"--url={url}/orbit",
            f"--plugins={plugins}",
            *options,
            RADICAL_ORBIT_ENDPOINT_TOKEN=token,
        )

    def line(self, process: subprocess.Popen[str], name: str) -> str:
        """Return the next line that a process prints."""
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        if not line:
            raise RuntimeError(f"{name} ended:\n{self.log(name)}")
        return line

    def ask(self, process: subprocess.Popen[str], name: str, question: str) -> str:
        """Send a process one line and return the one that it answers with."""
        assert process.stdin is not None
        process.stdin.write(f"{question}\n")
        process.stdin.flush()
        return self.line(process, name)

    def certificate(self) -> Certificate:
        """Make a certificate for the loopback address."""
        authority = trustme.CA()
        issued = authority.issue_cert("127.0.0.1")
        made = Certificate(self.home / "cert.pem", self.home / "key.pem", self.home / "authority.pem")
        issued.cert_chain_pems[0].write_to_path(made.chain)
        issued.private_key_pem.write_to_path(made.key)
        authority.cert_pem.write_to_path(made.authority)
        made.key.chmod(0o600)  # radical.orbit takes no other
        return made

    def wait(self, process: subprocess.Popen[str], name: str, look: Callable[[], T | None]) -> T:
        """Look until a process is up, and return what was seen then."""
        until = time.monotonic() + START_TIME
        while time.monotonic() < until:
            if process.poll() is not None:
                raise RuntimeError(f"{name} ended at once, with status {process.returncode}:\n{self.log(name)}")
            found = look()
            if found is not None:
                return found
            time.sleep(0.05)
        raise RuntimeError(f"{name} wasn't up after {START_TIME:g} s:\n{self.log(name)}")


def memory_of(process: subprocess.Popen[str]) -> float:
    """Return the resident memory of a process and its children, in MiB."""
    root = psutil.Process(process.pid)
    resident: int = sum(one.memory_info().rss for one in (root, *root.children(recursive=True)))
    return resident / 2**20


def _url_that_answers(path: Path) -> str | None:
    """Return the server's URL from its runtime file, which is written a little before it listens."""
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
        socket.create_connection(("127.0.0.1", info["port"]), 5).close()
    except (OSError, ValueError):
        return None
    return str(info["url"]).rstrip("/")
