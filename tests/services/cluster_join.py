"""Joins a cluster as a user does, and knows what it has left there and here."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
from session_accounts import Account
from ssh_server import SshServer
from stage import Server, wait_until

from orbit_jupyter.client import BridgeClient, EndpointClient
from orbit_jupyter.joining import Step, all_kept, join, leave
from orbit_jupyter.joining.watching import let_go


class Cluster:
    """The login node, seen from a user's laptop.

    Attributes
    ----------
    steps, asked
        What joins have said, and what ssh has asked.
    answers
        What is answered, one after the other.
    on_step
        Is called at each step, with it.
    """

    def __init__(self, sshd: SshServer, lab: Server, patch: pytest.MonkeyPatch) -> None:
        self.sshd, self.lab = sshd, lab
        self.steps: list[Step] = []
        self.asked: list[str] = []
        self.answers: list[str | None] = []
        self.on_step: Callable[[Step], None] = lambda _: None
        self.bridge: BridgeClient = lab.client()
        self._runtime = Path(tempfile.mkdtemp(prefix="join-", dir="/tmp"))
        patch.setenv("XDG_RUNTIME_DIR", str(self._runtime))
        patch.setenv("RADICAL_ORBIT_SSH", f"ssh -F {sshd.ssh_config}")

    def account(self, host: str) -> Account:
        return self.sshd.account if host in ("hpc", "hpc-no-sockets") else self.sshd.other_account

    def join(self, host: str = "hpc", **more: Any) -> EndpointClient:
        self.steps.clear()
        more.setdefault("keep", False)
        more.setdefault("bridge", self.bridge)
        return join(host, ask=self._ask, on_step=self._note, **more)

    def leave(self, host: str = "hpc", **more: Any) -> None:
        self.steps.clear()
        more.setdefault("bridge", self.bridge)
        leave(host, ask=self._ask, on_step=self._note, **more)

    def _ask(self, prompt: str, echo: bool) -> str | None:
        self.asked.append(prompt)
        return self.answers.pop(0)

    def _note(self, step: Step) -> None:
        self.steps.append(step)
        self.on_step(step)

    @property
    def kinds(self) -> list[str]:
        """Which steps there were, each once."""
        return list(dict.fromkeys(step.kind for step in self.steps))

    def processes(self, host: str = "hpc") -> list[psutil.Process]:
        """Return the endpoints of the user that were joined: others of the session are left alone."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                ours = process.uids().real == self.account(host).uid
                if ours and {"orbit_jupyter.endpoint", "--through"} <= set(process.cmdline()):
                    found.append(process)
        return found

    def endpoint(self, host: str = "hpc", name: str | None = None) -> psutil.Process:
        """Return the process of the endpoint that was joined."""
        (found,) = [one for one in self.processes(host) if ["--name", name or host] == one.cmdline()[5:7]]
        return found

    def left_there(self, host: str = "hpc") -> list[str]:
        """Return what is in the user's folder of Orbit, without what is inside installations."""
        orbit = self.account(host).home / ".radical"
        paths = (path.relative_to(orbit) for path in orbit.rglob("*"))
        return sorted(str(path) for path in paths if path.parts[:2] != ("orbit", "env") or len(path.parts) < 4)

    def left_here(self) -> list[str]:
        """Return what is left on this side: sockets, records, and ssh processes."""
        files = [str(path) for path in self._runtime.rglob("*") if path.is_socket() or "ask" in path.name]
        masters = [line for line in _ssh_processes() if str(self._runtime) in line]
        return files + masters + [one.name for one in all_kept()]

    def uninstall(self) -> None:
        """Have no installation there, whatever the tests before have brought over."""
        shutil.rmtree(self.sshd.home / ".radical" / "orbit" / "env", ignore_errors=True)

    def cut(self) -> list[psutil.Process]:
        """Kill the connections that there are, and don't wait: a new one may come at once."""
        connections = self.sshd.connections()
        for one in connections:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        return connections

    def tokens(self) -> list[str]:
        """Return the names of the tokens at the bridge."""
        return [token["name"] for token in self.bridge.call("GET", "/tokens")["tokens"]]

    def until_gone(self, host: str = "hpc") -> None:
        """Wait until the user has no endpoint any more that was joined."""
        wait_until(lambda: not self.processes(host), "the endpoint has ended")

    def close(self) -> None:
        """Leave everything."""
        self.on_step, self.answers = lambda _: None, [self.sshd.other_account.password] * 20
        for one in all_kept():
            let_go(one.name)
            with contextlib.suppress(Exception):
                self.leave(one.name)
        self.bridge.close()
        for line in _ssh_processes():
            if str(self._runtime) in line:
                with contextlib.suppress(psutil.Error):
                    psutil.Process(int(line.split()[0])).kill()
        for host in ("hpc", "hpc-password"):
            for process in self.processes(host):
                with contextlib.suppress(psutil.Error):
                    process.kill()
            orbit = self.account(host).home / ".radical" / "orbit"
            for folder in ("joined", "endpoints", "state"):
                shutil.rmtree(orbit / folder, ignore_errors=True)
        shutil.rmtree(self._runtime, ignore_errors=True)


def _ssh_processes() -> Sequence[str]:
    listed = subprocess.run(["ps", "-eo", "pid,stat,args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if " ssh " in line and " Z" not in line]
