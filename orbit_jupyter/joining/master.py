"""One ssh connection to a login node, which outlives who opened it and carries all the rest.

A two-factor site asks once. The master is a process of its own, so it also outlives a kernel that is restarted.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

import psutil

from orbit_jupyter.link import orbit_home
from orbit_jupyter.ssh import PROGRAM_VARIABLE, check_login, ssh_options, ssh_program

from .asking import Ask, Desk
from .errors import JoinError
from .refusals import explain, forward_refused

CONNECT_TIME = 30
"""Seconds that reaching the host may take."""

ALIVE, ALIVE_COUNT = 15, 3
"""Seconds between two looks of ssh's whether the host is there, and how many may fail."""

SILENT_TIME = 120.0
"""Seconds that ssh may take between two questions, and from the last one to the end."""

CONTROL_TIME = 20.0
"""Seconds that the master may take for an answer about itself."""


class Master:
    """The connection to one host.

    Parameters
    ----------
    host
        ``HOST`` or ``USER@HOST``; an alias of the user's ssh configuration is one, too.
    options
        More of ssh's, such as ``("-J", "gate.cluster.org")``.
    folder
        Where its control socket is: its owner's alone.

    Raises
    ------
    ValueError
        The host isn't one.
    """

    def __init__(self, host: str, options: Sequence[str], folder: Path) -> None:
        self.host, self.options = check_login(host), tuple(options)
        given = "\0".join((host, *options, str(orbit_home()), os.environ.get(PROGRAM_VARIABLE, "")))
        self.key = hashlib.sha256(given.encode()).hexdigest()[:12]
        self.path, self.folder = folder / self.key, folder
        self.lock = folder / f"{self.key}.lock"

    # -- open and close --------------------------------------------------------------------------------------

    def alive(self) -> bool:
        """Return whether it stands, as far as ssh knows."""
        return self._pid() is not None

    def _pid(self) -> int | None:
        if not self.path.exists():
            return None
        with contextlib.suppress(JoinError):
            found = re.search(r"pid=(\d+)", self._control("check"))
            return int(found[1]) if found else None
        return None

    def open(self, ask: Ask | None, tell: Callable[[str], None]) -> None:
        """Connect.

        Parameters
        ----------
        ask
            Answers ssh's questions; None: it may ask nothing.
        tell
            Is given each line that ssh or the host says.

        Raises
        ------
        JoinError
            As ssh failed, or the user cancelled.
        """
        self.path.unlink(missing_ok=True)  # of one that has died
        log = self.folder / f"{self.key}.log"
        asks_nothing = ("-o", "BatchMode=yes") if ask is None else ()
        command = [
            *ssh_program(),
            *("-M", "-N", "-f", "-T", "-x", "-S", _literal(self.path)),
            *ssh_options(ControlMaster="yes", ControlPersist="yes", RemoteCommand="none", PermitLocalCommand="no"),
            *ssh_options(ClearAllForwardings="yes", UpdateHostKeys="no"),
            *asks_nothing,
            *self.options,
            *ssh_options(ConnectTimeout=CONNECT_TIME, ServerAliveInterval=ALIVE, ServerAliveCountMax=ALIVE_COUNT),
            "--",
            self.host,
        ]
        try:
            with contextlib.ExitStack() as stack:
                desk = stack.enter_context(Desk(self.folder, ask or _nobody, tell))
                said = stack.enter_context(open(os.open(log, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b"))
                environment = os.environ if ask is None else {**os.environ, **desk.environment}
                process = self._start(command, environment, said)
                stack.callback(_kill, process)
                self._until_open(process, desk, log, tell)
        except BaseException:
            self.close()
            raise
        finally:
            log.unlink(missing_ok=True)

    def _start(
        self, command: list[str], environment: Mapping[str, str], said: IO[bytes]
    ) -> subprocess.Popen[bytes]:
        try:
            # A session of its own: no terminal for ssh to ask in, and no Ctrl-C but through us.
            return subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,
            )
        except OSError as error:
            raise JoinError(
                f"{command[0]} can't be started here ({error.strerror}): install OpenSSH's client, or name it in "
                f"{PROGRAM_VARIABLE}"
            ) from None

    def _until_open(
        self, process: subprocess.Popen[bytes], desk: Desk, log: Path, tell: Callable[[str], None]
    ) -> None:
        shown, quiet_since = 0, time.monotonic()
        while process.poll() is None:
            asked = desk.asked(0.1)
            # First what ssh has said: that an answer was wrong comes just before the same question again.
            shown = _show(log, shown, tell)
            if asked and desk.serve(0):
                quiet_since = time.monotonic()
            if desk.cancelled:
                raise JoinError(f"cancelled: {self.host} wasn't joined")
            if time.monotonic() - quiet_since > SILENT_TIME:
                raise JoinError(
                    f"ssh to {self.host} has said nothing for {SILENT_TIME:.0f} s; try: ssh {self.host}"
                )
        said = log.read_text(errors="replace")
        if process.returncode != 0 or not self.alive():
            raise explain(self.host, said)
        _show(log, shown, tell)

    def close(self) -> None:
        """End it, and every forward with it."""
        pid = self._pid()
        with contextlib.suppress(JoinError):
            self._control("exit")
        if pid is not None:
            _until_gone(pid)
        self.path.unlink(missing_ok=True)

    # -- what goes over it -----------------------------------------------------------------------------------

    def _command(self, *arguments: str) -> list[str]:
        """Return a command line that works over the master or not at all: it knows no other way to any host."""
        nothing_else = ssh_options(ControlMaster="no", ProxyCommand="false", BatchMode="yes", LogLevel="ERROR")
        return [ssh_program()[0], "-F", "/dev/null", "-T", "-S", _literal(self.path), *nothing_else, *arguments]

    def _control(self, word: str, *arguments: str) -> str:
        command = self._command("-O", word, *arguments, "master")
        try:
            ran = subprocess.run(
                command, capture_output=True, text=True, timeout=CONTROL_TIME, check=False, start_new_session=True
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise JoinError(f"the ssh connection to {self.host} doesn't answer: {error}") from None
        if ran.returncode:
            raise JoinError(f"the ssh connection to {self.host} refuses {word}: {ran.stderr.strip()}")
        return ran.stdout + ran.stderr

    def forward(self, path: str, target: str) -> None:
        """Have a socket over there lead to ``host:port`` as this side sees it.

        Raises
        ------
        JoinError
            The host refuses that.
        """
        try:
            self._control("forward", "-R", f"{path}:{target}")
        except JoinError as error:
            raise forward_refused(self.host, str(error)) from None

    def cancel(self, path: str, target: str) -> None:
        """Take a forward back; silent where there is none."""
        with contextlib.suppress(JoinError):
            self._control("cancel", "-R", f"{path}:{target}")

    def run(self, command: str, given: bytes, seconds: float) -> tuple[int, bytes, str]:
        """Run a command line over there and return its status, what it printed, and what it complained about.

        Raises
        ------
        JoinError
            It took longer than so many seconds.
        """
        process = subprocess.Popen(
            [*self._command("--", "master"), command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            out, complaints = process.communicate(given, timeout=seconds)
        except subprocess.TimeoutExpired:
            raise JoinError(f"{self.host} hasn't answered within {seconds:.0f} s", transient=True) from None
        finally:
            _kill(process)
        return process.returncode, out, complaints.decode(errors="replace").strip()


def _literal(path: Path) -> str:
    return str(path).replace("%", "%%")


def _nobody(prompt: str, echo: bool) -> str | None:
    return None


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):  # what it still was to be told
                stream.close()


def _show(log: Path, shown: int, tell: Callable[[str], None]) -> int:
    """Pass on the lines that are new; return how far that went."""
    text = log.read_bytes()
    end = text.rfind(b"\n", shown) + 1
    if end <= shown:
        return shown
    for line in text[shown:end].decode(errors="replace").splitlines():
        if line.strip():
            tell(line.rstrip())
    return end


def _until_gone(pid: int) -> None:
    for sign in (None, signal.SIGTERM, signal.SIGKILL):
        until = time.monotonic() + 3
        if sign is not None and _runs(pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sign)
        while _runs(pid):
            if time.monotonic() > until:
                break
            time.sleep(0.02)
        else:
            return


def _runs(pid: int) -> bool:
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False
