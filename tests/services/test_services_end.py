"""Nothing of a session is left when it is over, whatever has ended it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from service_end import belonging
from service_folder import ServiceFolder
from stage import environment, wait_until

SESSION = """
import pathlib, subprocess, sys, time
from service_folder import ServiceFolder
from session_accounts import as_user, make_account

folder = ServiceFolder(pathlib.Path(sys.argv[1]))
user = make_account(folder.homes)
# A daemon, what it starts with another environment, and one that went away from it; a daemon that has lost its own
# environment; a process of the user's.
folder.start("daemon", ["sh", "-c", "env -i sleep 601 & setsid sh -c 'exec sleep 602' & exec sleep 603"])
folder.start("bare", ["env", "-i", "sleep", "605"])
subprocess.Popen(["sleep", "604"], env={}, cwd="/", start_new_session=True, **as_user(user.name))
print(folder.path, user.name, flush=True)
if sys.stdin.readline():
    folder.close()
"""


class Session:
    """A process that has a service folder."""

    def __init__(self, parent: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SESSION, str(parent)],
            env=environment(parent, PYTHONPATH=str(Path(__file__).parent)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        folder, self.user = self.process.stdout.readline().split()
        self.folder = Path(folder)
        self.programs = wait_until(lambda: _sleeping(belonging(self.folder)), "all of it runs")
        (self.keeper,) = psutil.Process(self.process.pid).children()[:1]

    def is_gone(self) -> bool:
        """Say whether nothing of it is left."""
        users = {entry.pw_name for entry in pwd.getpwall()}
        return not (self.folder.exists() or self.user in users or any(map(_runs, self.programs)))


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Run a session."""
    begun = Session(tmp_path)
    yield begun
    begun.process.kill()
    begun.process.communicate()
    wait_until(begun.is_gone, "it is gone")


def test_a_session_takes_all_of_it_away(session: Session) -> None:
    session.process.communicate("end\n", timeout=60)
    assert session.process.returncode == 0
    assert session.is_gone()


def test_a_killed_session_leaves_nothing(session: Session) -> None:
    session.process.kill()
    wait_until(session.is_gone, "nothing is left")


def test_the_next_session_takes_away_what_a_killed_keeper_left(session: Session, tmp_path: Path) -> None:
    session.keeper.kill()
    session.process.kill()
    session.process.wait()
    ServiceFolder(tmp_path).close()
    assert session.folder.exists()  # too young: one that is about to get its keeper looks the same
    os.utime(session.folder, (0, 0))
    ServiceFolder(tmp_path).close()
    assert session.is_gone()


def test_the_next_session_removes_the_users_of_a_folder_that_is_gone(session: Session, tmp_path: Path) -> None:
    session.keeper.kill()
    session.process.kill()
    for program in session.programs:
        program.kill()
    shutil.rmtree(session.folder)
    assert not session.is_gone()
    ServiceFolder(tmp_path).close()
    wait_until(session.is_gone, "the user is gone")


def test_a_living_session_is_left_alone_however_old(session: Session, tmp_path: Path) -> None:
    os.utime(session.folder, (0, 0))
    ServiceFolder(tmp_path).close()
    assert session.folder.exists()
    assert all(map(_runs, session.programs))


def _sleeping(programs: list[psutil.Process]) -> list[psutil.Process]:
    sleeping = {program.cmdline()[-1] for program in programs if program.name() == "sleep"}
    return programs if sleeping == {"601", "602", "603", "604", "605"} else []


def _runs(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
