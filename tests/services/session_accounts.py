"""Users of one session of tests: real accounts with homes of their own, so that two sessions don't meet."""

from __future__ import annotations

import os
import pwd
import secrets
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

PREFIX = "orbit-"


@dataclass(frozen=True)
class Account:
    """An ordinary user of this machine."""

    name: str
    uid: int
    gid: int
    home: Path
    password: str

    @property
    def ssh_config(self) -> Path:
        """The configuration that ``ssh`` reads when this user runs it."""
        return self.home / ".ssh" / "config"

    def write(self, path: str, text: str, mode: int = 0o600) -> Path:
        """Write a file below the user's home, which is the user's own."""
        file = self.home / path
        for folder in reversed([one for one in file.parents if one.is_relative_to(self.home)]):
            if not folder.exists():
                folder.mkdir(mode=0o700)
                os.chown(folder, self.uid, self.gid)
        file.write_text(text)
        file.chmod(mode)
        os.chown(file, self.uid, self.gid)
        return file


class Credentials(TypedDict, total=False):
    """Arguments of `subprocess.Popen` by which a program runs as another user."""

    user: int
    group: int
    extra_groups: list[int]


def as_user(user: str) -> Credentials:
    """Return what makes `subprocess` run a program as this user."""
    if user == "root":
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [entry.pw_gid]}


def make_account(homes: Path) -> Account:
    """Make a user, whose home is below `homes`."""
    name, password = f"{PREFIX}{secrets.token_hex(3)}", secrets.token_hex(8)
    home = homes / name
    _change(["useradd", "--no-log-init", "--create-home", "--home-dir", str(home), "--shell", "/bin/bash", name])
    _change(["chpasswd"], f"{name}:{password}\n")
    home.chmod(0o700)
    entry = pwd.getpwnam(name)
    return Account(name, entry.pw_uid, entry.pw_gid, home, password)


def remove_account(name: str) -> None:
    """Remove a user of `make_account`; the home is for others to remove."""
    assert name.startswith(PREFIX)
    try:
        pwd.getpwnam(name)
    except KeyError:
        return
    _change(["userdel", name])


def _change(command: Sequence[str], given: str = "") -> None:
    """Change the accounts; where somebody else does so just now, try again."""
    until = time.monotonic() + 30
    while True:
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=False, timeout=30)
        if done.returncode == 0:
            return
        if "try again later" not in done.stderr or time.monotonic() > until:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
        time.sleep(0.1)
