"""Endpoints that the server runs itself, each a child process: ``local``, and the bridge's own plugin host."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from orbit_jupyter.host.restarts import Restarts

log = logging.getLogger("orbit.bridge")

LOCAL = "local"
"""Name of the embedded endpoint."""

RESTARTS, WINDOW = 5, 120.0
"""A child that dies so many times within so many seconds stays down."""

MAX_LOG = 5 * 2**20
"""Bytes beyond which a start begins a new log; one older one is kept."""

ENDED_ON_PURPOSE = 0
"""Exit status of an endpoint that was told to end."""

SECRETS = frozenset({"JUPYTER_TOKEN", "JPY_API_TOKEN", "JUPYTERHUB_API_TOKEN", "RADICAL_ORBIT_CLIENT_TOKEN"})
"""Variables with the server's own secrets: neither its token nor the Hub's is for code that a child loads."""


def child_environment() -> dict[str, str]:
    """Return this process's environment without its secrets."""
    return {name: value for name, value in os.environ.items() if name not in SECRETS}


class ChildEndpoint:
    """Runs ``orbit-endpoint`` beside the server, and again when it dies.

    Parameters
    ----------
    name
        Its name at the bridge.
    arguments
        Of ``orbit-endpoint``, after the name.
    token
        Its endpoint token; goes through the environment, never through the command line.
    log_file
        Where its output goes: a full disk there is its own problem, never the server's.
    on_coming
        Called with its name when it is about to be there, or to be there again.
    on_down
        Called with its name and the reason when it stays down.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        token: str,
        log_file: Path,
        on_coming: Callable[[str], None],
        on_down: Callable[[str, str], None],
    ) -> None:
        self.name, self._arguments, self._token, self._log_file = name, arguments, token, log_file
        self._on_coming, self._on_down = on_coming, on_down
        self._task: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._ending = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    def start(self) -> None:
        """Start it, unless it was started before."""
        if self._task is None and not self._ending.is_set():
            self._on_coming(self.name)
            self._task = asyncio.ensure_future(self._supervise())

    async def _supervise(self) -> None:
        restarts = Restarts(RESTARTS, WINDOW, first=0.5, longest=10.0)
        while True:
            try:
                status = await self._run_once()
            except OSError as error:
                self._stay_down(f"endpoint {self.name} can't be started: {error}")
                return
            if self._ending.is_set():
                return
            if status == ENDED_ON_PURPOSE:
                reason = f"endpoint {self.name} was ended; restart the Jupyter server to have it again"
                self._stay_down(reason, logging.INFO)
                return
            wait = restarts.after_death()
            if wait is None:
                reason = f"endpoint {self.name} died {RESTARTS} times within {WINDOW:g} s and stays down"
                self._stay_down(f"{reason}; see {self._log_file}")
                return
            log.error("endpoint %s ended with status %d; it is started again in %.1f s", self.name, status, wait)
            self._on_coming(self.name)
            await asyncio.sleep(wait)
            # Again: its old connection may have been there a moment longer than its process.
            self._on_coming(self.name)

    def _stay_down(self, reason: str, level: int = logging.ERROR) -> None:
        log.log(level, "%s", reason)
        self._on_down(self.name, reason)

    async def _run_once(self) -> int:
        environment = {**child_environment(), "RADICAL_ORBIT_ENDPOINT_TOKEN": self._token}
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        if self._log_file.exists() and self._log_file.stat().st_size > MAX_LOG:
            self._log_file.replace(self._log_file.with_suffix(".log.1"))
        with self._log_file.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "orbit_jupyter.endpoint",
                "--name",
                self.name,
                "--with-parent",
                str(os.getpid()),
                *self._arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                start_new_session=True,  # Ctrl-C in the server's terminal is for the server to handle
            )
        return await self._process.wait()

    async def stop(self) -> None:
        """End it: politely, and after five seconds not."""
        self._ending.set()
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), 5)
            except asyncio.TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
        if self._task is not None:
            self._task.cancel()  # it may be waiting for its next try
            await asyncio.gather(self._task, return_exceptions=True)
        if self.pid is not None and self._process is not None:  # it was started just then
            self._process.kill()
            await self._process.wait()
