"""The embedded endpoint: a child process named ``local``, started when it is first wanted."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger("orbit.bridge")

NAME = "local"
RESTARTS, WINDOW = 5, 120.0
"""A child that dies more often than so many times in so many seconds stays down."""

MAX_LOG = 5 * 2**20
"""Bytes beyond which a start begins a new log; one older one is kept."""

ENDED_ON_PURPOSE = 0
"""Exit status of an endpoint that was told to end."""


class LocalEndpoint:
    """Runs ``orbit-endpoint --name local`` beside the server.

    Parameters
    ----------
    arguments
        Of ``orbit-endpoint``, after the name.
    token
        Its endpoint token; goes through the environment, never through the command line.
    log_file
        Where its output goes: a full disk there is its own problem, never the server's.
    on_coming
        Called when it is about to be there, or to be there again.
    on_down
        Called with the reason when it stays down.
    """

    def __init__(
        self,
        arguments: list[str],
        token: str,
        log_file: Path,
        on_coming: Callable[[], None],
        on_down: Callable[[str], None],
    ) -> None:
        self._arguments, self._token, self._log_file = arguments, token, log_file
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
            self._on_coming()
            self._task = asyncio.ensure_future(self._supervise())

    async def _supervise(self) -> None:
        died: deque[float] = deque(maxlen=RESTARTS)
        while True:
            try:
                status = await self._run_once()
            except OSError as error:
                self._on_down(f"the local endpoint can't be started: {error}")
                return
            if self._ending.is_set():
                return
            if status == ENDED_ON_PURPOSE:
                log.info("the local endpoint was ended")
                self._on_down("the local endpoint was ended; restart the Jupyter server to have it again")
                return
            died.append(time.monotonic())
            if len(died) == RESTARTS and died[-1] - died[0] < WINDOW:
                reason = f"the local endpoint died {RESTARTS} times within {WINDOW:g} s and stays down"
                log.error("%s; its log is %s", reason, self._log_file)
                self._on_down(f"{reason}; see {self._log_file}")
                return
            wait = min(0.5 * 2 ** (len(died) - 1), 10.0)
            log.error("the local endpoint ended with status %d; it is started again in %.1f s", status, wait)
            self._on_coming()
            await asyncio.sleep(wait)
            self._on_coming()  # again: its old connection may have been there a moment longer than its process

    async def _run_once(self) -> int:
        # Not the server's own secrets: neither its token nor the Hub's.
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("JUPYTER_TOKEN", "JPY_API_TOKEN", "JUPYTERHUB_API_TOKEN", "RADICAL_ORBIT_CLIENT_TOKEN")
        }
        environment["RADICAL_ORBIT_ENDPOINT_TOKEN"] = self._token
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        if self._log_file.exists() and self._log_file.stat().st_size > MAX_LOG:
            self._log_file.replace(self._log_file.with_suffix(".log.1"))
        with self._log_file.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "orbit_jupyter.endpoint",
                "--name",
                NAME,
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
