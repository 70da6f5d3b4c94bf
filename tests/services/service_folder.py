"""One folder for everything that the tests here start, and one way in which all of it ends.

Programs that are started here have the folder in their environment (`MARK`), which Slurm hands on to its jobs and
sshd to its sessions. A keeper, a process of its own, waits until this one is done or dead: see `service_end`.
"""

from __future__ import annotations

import fcntl
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import service_end
from service_end import MARK, PREFIX
from session_accounts import Account, as_user
from system_packages import PATH


class ServiceFolder:
    """A temporary folder that every user can look into, and the programs that belong to it."""

    def __init__(self, parent: Path | None = None) -> None:
        parent = Path(tempfile.gettempdir()) if parent is None else parent
        service_end.sweep(parent)
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        self.path.chmod(0o755)
        self.log, self.homes, self.root_home = (self.path / name for name in ("log", "homes", "root"))
        for folder in (self.log, self.homes, self.root_home):
            folder.mkdir(mode=0o755)
        self._programs: dict[str, subprocess.Popen[bytes]] = {}
        # The lock is the keeper's alone from here on; when nobody has it, nobody will end the folder.
        with (self.path / "keeper").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._keeper = subprocess.Popen(
                [sys.executable, service_end.__file__, str(self.path)],
                stdin=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                pass_fds=[lock.fileno()],
                start_new_session=True,
            )

    def environment(self, account: Account | None = None, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return an environment with nothing of the developer's, for a user; None: for root."""
        name = "root" if account is None else account.name
        return {
            "PATH": PATH,
            "LANG": "C.UTF-8",
            "HOME": str(self.root_home if account is None else account.home),
            "USER": name,
            "LOGNAME": name,
            "SHELL": "/bin/bash",
            MARK: str(self.path),
            **(more or {}),
        }

    def run(
        self,
        command: Sequence[str],
        account: Account | None = None,
        environment: Mapping[str, str] | None = None,
        *,
        check: bool = True,
        stdin: str | None = None,
        seconds: float = 60,
    ) -> str:
        """Run a program in the home folder of a user (None: root), until it ends; return what it prints.

        Raises
        ------
        AssertionError
            Its status isn't 0, and `check` is set; with what it said.
        """
        variables = self.environment(account, environment)
        done = subprocess.run(
            command,
            cwd=variables["HOME"],
            env=variables,
            input=stdin or "",
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
            **as_user(variables["USER"]),
        )
        said = f"{' '.join(command)}: status {done.returncode}: {done.stdout}{done.stderr}"
        assert not check or done.returncode == 0, said
        return done.stdout

    def start(
        self, name: str, command: Sequence[str], user: str = "root", environment: Mapping[str, str] | None = None
    ) -> None:
        """Start a program that goes on; what it prints is in ``log/NAME.out``."""
        assert self.pid(name) is None, f"{name} runs already"
        with (self.log / f"{name}.out").open("ab") as output:
            self._programs[name] = subprocess.Popen(
                command,
                cwd=self.path,
                env=self.environment(more=environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                **as_user(user),
            )
        service_end.note(self.path, self._programs[name].pid)

    def pid(self, name: str) -> int | None:
        """Return the process id of a program of `start`; None: it doesn't run."""
        program = self._programs.get(name)
        return program.pid if program is not None and program.poll() is None else None

    def signal(self, name: str, sign: signal.Signals) -> None:
        """Send a signal to a program of `start`."""
        self._programs[name].send_signal(sign)

    def stop(self, name: str, seconds: float = 20) -> None:
        """End a program of `start`."""
        program = self._programs.pop(name)
        program.terminate()
        try:
            program.wait(seconds)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()

    def wait_until_up(
        self, name: str, is_up: Sequence[str], environment: Mapping[str, str] | None = None, seconds: float = 60
    ) -> None:
        """Wait until a command succeeds.

        Raises
        ------
        RuntimeError
            The program has ended, or the time is over; with the end of its logs.
        """
        until = time.monotonic() + seconds
        while not self._succeeds(is_up, environment):
            if self.pid(name) is None or time.monotonic() > until:
                logs = [path for path in self.log.glob(f"{name}.*") if path.stat().st_size]
                said = "\n".join(f"{path.name}: {path.read_text(errors='replace')[-2000:]}" for path in logs)
                raise RuntimeError(f"{name} is not up; its logs end with\n{said}")
            time.sleep(0.05)

    def close(self) -> None:
        """End everything, and wait for it."""
        _, said = self._keeper.communicate(timeout=60)
        for program in self._programs.values():
            program.wait(10)
        self._programs.clear()
        if self._keeper.returncode:
            raise RuntimeError(f"the keeper of {self.path} failed: {said}")

    def _succeeds(self, command: Sequence[str], environment: Mapping[str, str] | None) -> bool:
        variables = self.environment(more=environment)
        try:
            done = subprocess.run(command, env=variables, capture_output=True, check=False, timeout=10)
            return done.returncode == 0
        except subprocess.TimeoutExpired:
            return False
