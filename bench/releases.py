"""Other releases of radical.orbit, each from PyPI in an environment of its own, made once and kept."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from . import load
from .processes import Certificate, Processes
from .steps import CONNECTIONS, ROUTE, WINDOW, Figures, Sizes

NAME = "bench"
INSTALL_TIME = 300.0


@dataclass(frozen=True)
class Release:
    """What is called differently from one release to the next.

    Parameters
    ----------
    hub
        How it names what is the bridge here.
    """

    version: str
    hub: str

    def python(self) -> Path:
        """Return the Python of an environment with this release; the first call makes it.

        Raises
        ------
        RuntimeError
            It can't be made: without a network, say.
        """
        folder = (
            Path(sys.prefix) / "interop" / f"radical.orbit-{self.version}"
        )  # the tests of `interop` use it, too
        made, python = folder / "made", folder / "bin" / "python"
        if not made.exists():
            print(f"installing radical.orbit {self.version}, once …", file=sys.stderr, flush=True)
            _run(sys.executable, "-m", "venv", "--clear", str(folder))
            _run(str(python), "-m", "pip", "install", "--quiet", f"radical.orbit=={self.version}")
            made.touch()
        return python


RELEASES = (Release("0.2.0", "bridge"), Release("0.7.0", "broker"))


class OtherRelease:
    """A bridge and an endpoint of another release, started as its README says, and its own client."""

    def __init__(self, release: Release, processes: Processes, sizes: Sizes, certificate: Certificate) -> None:
        self.release, self._processes, self._sizes = release, processes, sizes
        self._trust = str(certificate.authority)
        self._certificate = certificate
        self._running: list[subprocess.Popen[str]] = []

    def start(self) -> None:
        """Start all three; it takes some seconds.

        Raises
        ------
        RuntimeError
            Something of it can't be run; the message says what.
        """
        version, hub = self.release.version, self.release.hub
        python = self.release.python()
        home = self._processes.home / version
        home.mkdir(exist_ok=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"https://127.0.0.1:{port}"
        known = {"HOME": str(home), "PYTHONPATH": "", "RADICAL_ORBIT_BROKER_TOKEN": self._processes.token}

        def begin(name: str, script: Path, *arguments: str, talks: bool = False) -> subprocess.Popen[str]:
            program = (str(python), str(script))
            process = self._processes.start(f"{version}-{name}", *arguments, program=program, talks=talks, **known)
            self._running.append(process)
            return process

        scripts = python.parent
        keys = (f"--cert={self._certificate.chain}", f"--key={self._certificate.key}")
        server = begin(
            "hub", scripts / f"radical-orbit-{hub}.py", *keys, "--host=127.0.0.1", f"--port={port}", "--plugins="
        )
        self._processes.wait(server, f"{version}-hub", lambda: _listens(port))
        begin(
            "endpoint",
            scripts / "radical-orbit-endpoint.py",
            *(f"--name={NAME}", f"--url={self.url}", f"--cert={self._trust}", "--plugins=sysinfo"),
        )
        driver = Path(__file__).with_name("other_release.py")
        self._driver = begin("client", driver, hub, self.url, self._trust, NAME, ROUTE, talks=True)
        self._processes.line(self._driver, f"{version}-client")

    def end(self) -> None:
        """End what has been started."""
        while self._running:
            self._processes.end(self._running.pop())

    async def _ask(self, question: str) -> dict[str, float]:
        name = f"{self.release.version}-client"
        answer = await asyncio.to_thread(self._processes.ask, self._driver, name, question)
        found: dict[str, float] = json.loads(answer)
        return found

    async def round_trip(self) -> Figures:
        found = await self._ask(f"roundtrip {self._sizes.seconds}")
        return {f"{self.release.version}.ms": found["ms"]}

    async def rate(self) -> Figures:
        found = await self._ask(f"calls {self._sizes.seconds} {WINDOW}")
        return {f"{self.release.version}.rate": found["rate"]}

    async def http(self) -> Figures:
        """Ask its bridge as ours is asked, by the same load generator."""
        tls = ssl.create_default_context(cafile=self._trust)
        bearer = f"Bearer {self._processes.token}"
        rate = await load.http_a_second(self.url, f"/{NAME}{ROUTE}", bearer, CONNECTIONS, self._sizes.seconds, tls)
        return {f"{self.release.version}.http": rate.per_second}


def _listens(port: int) -> bool | None:
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError:
        return None
    return True


def _run(*command: str) -> None:
    try:
        subprocess.run(command, check=True, timeout=INSTALL_TIME, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        said = (error.stderr or "").strip().splitlines()[-1:] or [f"status {error.returncode}"]
        raise RuntimeError(f"{' '.join(command[1:])}: {said[0]}") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RuntimeError(f"{' '.join(command[1:])}: {error}") from None
