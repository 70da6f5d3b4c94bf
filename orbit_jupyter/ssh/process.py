"""One ssh process, from its start to its end."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path

from .forward import Forward
from .program import ssh_command
from .trouble import TunnelError, explain

LEASH = str(Path(__file__).with_name("leash.py"))

LOOK = 1.0
"""Seconds between two looks whether it lives: what it has started itself may hold its output open."""

END_TIME = 3.0
"""Seconds that it may take to end when it is told to."""

LONGEST_LINE = 64 * 1024


class SshProcess:
    """ssh with one forward. It ends with the thread that has made this, however that ends.

    Parameters
    ----------
    login
        ``HOST`` or ``USER@HOST``.
    forward
        What to forward.
    last
        The port that it had before.

    Raises
    ------
    TunnelError
        It can't be started.
    """

    def __init__(self, login: str, forward: Forward, last: int | None = None) -> None:
        self.login, self._forward = login, forward
        self._said: deque[str] = deque(maxlen=100)
        self._rest = b""
        # -v: without it nothing says when a local forward stands; -N: there is no command at the far end.
        command = ssh_command(login, "-v", "-N", *forward.arguments(last))
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", LEASH, str(os.getpid()), *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for a notebook's cell, not for its tunnels
            )
        except OSError as error:
            raise TunnelError(f"ssh can't be started: {error}") from None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def trouble(self) -> TunnelError:
        """Why it doesn't work, by what it has written."""
        return explain(self._said, self.login, f"the ssh tunnel through {self.login}")

    def until_up(self, seconds: float, stop: threading.Event) -> int:
        """Wait until the forward stands, and return its port.

        Raises
        ------
        TunnelError
            It has ended, or takes longer than so many seconds, or `stop` was set.
        """
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not stop.is_set():
            before = self._process.poll() is None
            for line in self._lines(min(left, LOOK)):
                port = self._forward.port_in(line)
                if port is not None:
                    return port
            if not before:
                raise self.trouble
        self._said.append(f"it didn't come up within {seconds:g} s")
        raise self.trouble

    def until_end(self, stop: threading.Event) -> None:
        """Read what it writes until it has ended, or `stop` was set."""
        while self._process.poll() is None and not stop.is_set():
            self._lines(LOOK)
        self._lines(0)
        if self._process.returncode is not None and self._process.returncode < 0:
            self._said.append(f"it was ended by signal {-self._process.returncode}")

    def tell_to_end(self) -> None:
        """Ask for its end; from any thread."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)

    def end(self) -> None:
        """End it and what is open of it."""
        self.tell_to_end()
        try:
            self._process.wait(END_TIME)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stderr is not None
        self._process.stderr.close()

    def _lines(self, seconds: float) -> list[str]:
        """Return the lines that come next, within so many seconds; what isn't whole waits."""
        assert self._process.stderr is not None
        stream = self._process.stderr.fileno()
        poll = select.poll()
        poll.register(stream, select.POLLIN)
        if not poll.poll(seconds * 1000):
            return []
        data = os.read(stream, LONGEST_LINE)
        if not data:  # closed: it ends, or has ended
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(max(seconds, 0.05))
        *whole, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[-LONGEST_LINE:]
        lines = [line.decode(errors="replace").rstrip("\r") for line in whole]
        self._said.extend(lines)
        return lines
