"""The daemons of a real Slurm, without systemd and beside any other Slurm of this machine."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service_end import MARK
from service_folder import ServiceFolder
from session_accounts import Account, as_user
from slurm_config import ACCOUNTS, CLUSTER, NODES, Ports, texts

OWNERS = {"etc": "root", "spool": "root", "run": "slurm", "state": "slurm", "munge": "munge", "mysql": "mysql"}
"""Folders, and which user writes there."""


class SlurmDaemons:
    """Munge, MariaDB, slurmdbd, slurmctld, and a slurmd for each node.

    Attributes
    ----------
    environment
        What a process needs to use this Slurm.
    """

    def __init__(self, services: ServiceFolder, users: tuple[Account, ...], ports: Ports) -> None:
        self._services = services
        self._users = users
        self._ports = ports
        self.folder = services.path / "slurm"
        self.environment = {
            MARK: str(services.path),
            "SLURM_CONF": str(self.folder / "etc" / "slurm.conf"),
            "RADICAL_ORBIT_BATCH": "slurm",
        }

    def start(self) -> None:
        """Start them; return when jobs can run."""
        self._write()
        self._start_munge()
        self._start_database()
        self._start("slurmdbd", "slurmdbd", "-D", user="slurm")
        self._services.wait_until_up("slurmdbd", ["sacctmgr", "-n", "show", "cluster"], self.environment)
        self._fill_accounting()
        self.start_controller()
        for name in NODES:
            self._start(f"slurmd-{name}", "slurmd", "-D", "-N", name)
        until = time.monotonic() + 60
        while self._run("sinfo", "-h", "-N", "-p", "batch", "-o", "%T").split() != ["idle"] * len(NODES):
            assert time.monotonic() < until, self._run("sinfo", "-lN")
            time.sleep(0.05)

    def stop_controller(self) -> None:
        """Let the controller end; jobs go on."""
        self._services.stop("slurmctld")

    def start_controller(self) -> None:
        """Start it, where it doesn't run; return when it answers."""
        if self._services.pid("slurmctld") is None:
            self._start("slurmctld", "slurmctld", "-D", user="slurm")
        self._services.wait_until_up("slurmctld", ["scontrol", "ping"], self.environment)

    @contextmanager
    def frozen_controller(self) -> Iterator[None]:
        """Have a controller that takes connections and answers nothing, while the block runs."""
        self._services.signal("slurmctld", signal.SIGSTOP)
        try:
            yield
        finally:
            self._services.signal("slurmctld", signal.SIGCONT)

    def _start(self, name: str, *command: str, user: str = "root") -> None:
        self._services.start(name, command, user, self.environment)

    def _run(self, *command: str) -> str:
        return self._services.run(command, environment=self.environment)

    def _write(self) -> None:
        for name, owner in OWNERS.items():
            (self.folder / name).mkdir(mode=0o755, parents=True)
            shutil.chown(self.folder / name, owner, owner)
        shutil.chown(self._services.log, "slurm", "slurm")
        for name in NODES:
            (self.folder / "spool" / name).mkdir()
        for number in (0, 1):
            os.mknod(self.folder / f"gpu{number}", stat.S_IFCHR | 0o666, os.stat("/dev/null").st_rdev)
        for name, text in texts(self.folder, self._services.log, self._ports).items():
            (self.folder / "etc" / name).write_text(text)
        _keep_private(self.folder / "etc" / "slurmdbd.conf", "slurm")

    def _start_munge(self) -> None:
        folder = self.folder / "munge"
        (folder / "key").write_bytes(secrets.token_bytes(128))
        _keep_private(folder / "key", "munge")
        self._start(
            "munged",
            "munged",
            "--foreground",
            f"--socket={folder}/socket",
            *(f"--{name}-file={folder}/{name}" for name in ("key", "pid", "log", "seed")),
            user="munge",
        )
        self._services.wait_until_up("munged", ["munge", "-n", "-S", f"{folder}/socket"])

    def _start_database(self) -> None:
        options = f"--defaults-file={self.folder}/etc/database.cnf"
        with (self._services.log / "mariadb-install.out").open("wb") as output:
            subprocess.run(
                ["mariadb-install-db", options, "--skip-test-db", "--auth-root-authentication-method=socket"],
                env=self._services.environment(),
                cwd=self.folder,
                stdout=output,
                stderr=output,
                check=True,
                timeout=60,
                **as_user("mysql"),
            )
        self._start("mariadbd", "mariadbd", options, user="mysql")
        client = ("--no-defaults", "-S", f"{self.folder}/mysql/socket")
        self._services.wait_until_up("mariadbd", ["mariadb-admin", *client, "-u", "root", "ping"])
        self._services.run(
            ["mariadb", *client, "-u", "root"],
            stdin="CREATE DATABASE slurm_acct_db; CREATE USER slurm@127.0.0.1 IDENTIFIED BY 'slurm';"
            "GRANT ALL ON slurm_acct_db.* TO slurm@127.0.0.1;",
        )

    def _fill_accounting(self) -> None:
        accounts, users = ",".join(ACCOUNTS), ",".join(account.name for account in self._users)
        self._run("sacctmgr", "-i", "add", "cluster", CLUSTER)
        self._run("sacctmgr", "-i", "add", "account", accounts, f"Cluster={CLUSTER}", "Organization=lab")
        self._run("sacctmgr", "-i", "add", "qos", "short", "Priority=100", "MaxWall=00:10:00")
        self._run("sacctmgr", "-i", "add", "user", users, f"Account={accounts}", f"DefaultAccount={ACCOUNTS[0]}")
        self._run("sacctmgr", "-i", "modify", "user", f"{users},root", "set", "QOS+=normal,short")


def _keep_private(file: Path, owner: str) -> None:
    file.chmod(0o600)
    shutil.chown(file, owner, owner)
