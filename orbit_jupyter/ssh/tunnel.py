"""A forward that is kept up: an ssh process that is started anew when it has died."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from .forward import Forward
from .hosts import check_login
from .process import SshProcess
from .trouble import TunnelError

log = logging.getLogger("orbit.ssh")

UP_TIME = 30.0
"""Seconds in which a forward has to stand."""

FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
"""Seconds between two tries, at most."""

LASTING = 10.0
"""Seconds after which a tunnel counts as one that stood: the next wait is the shortest again."""

Status = Literal["pending", "active", "failed", "closed"]


@dataclass(frozen=True)
class TunnelState:
    """How a tunnel is doing.

    Attributes
    ----------
    status
        ``pending`` while it comes up, for the first time or again; ``failed`` where that was given up.
    port, pid
        While it is active.
    error
        Why the last try failed.
    """

    status: Status
    port: int | None = None
    pid: int | None = None
    error: str | None = None


class Tunnel:
    """Keeps a forward up, in a thread of its own, until it is closed.

    The ssh process ends with this process, whatever that dies of. (Where there is no Linux, SIGKILL leaves it.)

    Parameters
    ----------
    login
        ``HOST`` or ``USER@HOST``, or an alias of the user's ssh configuration.
    forward
        What to forward.
    told
        Called with each new state, in the tunnel's thread.
    patience
        Seconds without a tunnel after which it is given up; None: once it has stood it is tried for ever.

    Raises
    ------
    ValueError
        The login isn't one.
    """

    def __init__(
        self,
        login: str,
        forward: Forward,
        *,
        told: Callable[[TunnelState], None] = lambda _: None,
        patience: float | None = None,
    ) -> None:
        self.login, self._forward = check_login(login), forward
        self._told, self._patience = told, patience
        self._changed = threading.Condition()
        self._state = TunnelState("pending")
        self._error: TunnelError | None = None
        self._process: SshProcess | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"orbit-ssh {login}"[:60], daemon=True)

    @property
    def state(self) -> TunnelState:
        """How it is doing."""
        with self._changed:
            return self._state

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wait_until_up(self, seconds: float) -> int:
        """Wait until it stands for the first time, and return its port.

        Raises
        ------
        TunnelError
            It was given up or closed, or takes longer; with ssh's last words.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._state.status != "pending", seconds)
            state, error = self._state, self._error
        if state.port is not None:
            return state.port
        if error is not None:
            raise error
        raise TunnelError(f"the ssh tunnel through {self.login} doesn't stand after {seconds:g} s")

    def close(self) -> None:
        """End it; returns when ssh has ended."""
        self._closing.set()
        with self._changed:
            if self._process is not None:
                self._process.tell_to_end()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        last, stood, tries = None, False, 0
        since = time.monotonic()
        while not self._closing.is_set():
            began = time.monotonic()
            port, error = self._once(last)
            if self._closing.is_set():
                break
            if port is not None:
                last, stood, since = port, True, time.monotonic()
                tries = 0 if since - began > LASTING else tries
            late = self._patience is not None and time.monotonic() - since > self._patience
            if late or (error.lasting and (self._patience is not None or not stood)):
                log.error("%s", error)
                self._be(TunnelState("failed", error=str(error)), error)
                return
            wait = min(LONGEST_WAIT, FIRST_WAIT * 2**tries)
            tries += 1
            if tries <= 5 or tries % 10 == 0:
                log.warning("%s; try %d follows within %.1f s", error, tries, wait)
            self._be(TunnelState("pending", error=str(error)), error)
            # Not for secrecy: only so that many tunnels don't come back at once.
            self._closing.wait(random.uniform(wait / 2, wait))  # noqa: S311
        self._be(TunnelState("closed"), None)

    def _once(self, last: int | None) -> tuple[int | None, TunnelError]:
        """Run one ssh process to its end; return the port that it had, and why it has ended."""
        port = None
        try:
            process = SshProcess(self.login, self._forward, last)
        except TunnelError as error:
            return None, error
        except ValueError as error:
            return None, TunnelError(str(error), lasting=True)
        try:
            with self._changed:
                self._process = process
                if self._closing.is_set():
                    return None, process.trouble
            port = process.until_up(UP_TIME, self._closing)
            log.info("the ssh tunnel through %s stands: port %d", self.login, port)
            self._be(TunnelState("active", port, process.pid), None)
            process.until_end(self._closing)
            return port, process.trouble
        except TunnelError as error:
            return port, error
        finally:
            with self._changed:
                self._process = None
            process.end()

    def _be(self, state: TunnelState, error: TunnelError | None) -> None:
        with self._changed:
            before, self._state, self._error = self._state, state, error
            self._changed.notify_all()
        if state != before:
            try:
                self._told(state)
            except Exception:
                log.exception("what follows from a tunnel that is %s failed", state.status)
