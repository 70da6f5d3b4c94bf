"""A real Slurm on this machine, as tests use it."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager

from service_folder import ServiceFolder
from service_ports import free_ports
from session_accounts import Account
from slurm_config import ACCOUNTS, NODES, PARTITIONS, Ports
from slurm_daemons import SlurmDaemons

ENDED = {"CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "TIMEOUT"}
FIELDS = "JobID,JobName,User,Account,Partition,QOS,State,ExitCode,NNodes,NodeList,Elapsed,Submit,Start,End"


class SlurmCluster:
    """The cluster.

    Attributes
    ----------
    user, other_user
        Names of ordinary users who may submit.
    environment
        What a process needs to use this Slurm.
    """

    partitions = PARTITIONS
    nodes = NODES
    accounts = ACCOUNTS
    qos = ("normal", "short")

    def __init__(self, services: ServiceFolder, user: Account, other_user: Account) -> None:
        self._services = services
        self._users = {account.name: account for account in (user, other_user)}
        self._daemons = SlurmDaemons(services, (user, other_user), _ports())
        self.user, self.other_user = self._users
        self.environment = self._daemons.environment

    def start(self) -> None:
        """Start it; return when jobs can run."""
        self._daemons.start()

    def run(
        self,
        *command: str,
        user: str | None = None,
        check: bool = True,
        stdin: str | None = None,
        seconds: float = 60,
    ) -> str:
        """Run a program on the login node, in the home folder of a user (None: root); return what it prints.

        Raises
        ------
        AssertionError
            Its status isn't 0, and `check` is set; with what it said.
        """
        account = None if user is None else self._users[user]
        return self._services.run(command, account, self.environment, check=check, stdin=stdin, seconds=seconds)

    def submit(self, script: str, *options: str, user: str | None = None) -> str:
        """Submit a shell script with ``sbatch``; return the id of the job."""
        answer = self.run("sbatch", "--parsable", *options, user=user, stdin=f"#!/bin/bash\n{script}\n")
        return answer.strip().partition(";")[0]

    def job(self, job_id: str) -> dict[str, str]:
        """Return what ``scontrol show job`` says of a job."""
        words = self.run("scontrol", "-o", "show", "job", job_id).split()
        return {key: value for key, separator, value in (word.partition("=") for word in words) if separator}

    def accounting(self, job_id: str) -> dict[str, str]:
        """Return what ``sacct`` says of a job; empty where accounting doesn't know it (yet)."""
        line = self.run("sacct", "-nPX", "-j", job_id, f"--format={FIELDS}").partition("\n")[0]
        return dict(zip(FIELDS.split(","), line.split("|"), strict=True)) if line else {}

    def wait_accounting(self, job_id: str, state: str, seconds: float = 60) -> dict[str, str]:
        """Wait until accounting, which comes a little later, has a job in this state; return it."""
        until = time.monotonic() + seconds
        while True:
            known = self.accounting(job_id)
            # sacct says by whom: "CANCELLED by 0". Its QOS is unknown until it has heard of the beginning as well.
            if known.get("State", "").partition(" ")[0] == state and known["QOS"] != "Unknown":
                return known
            assert time.monotonic() < until, f"accounting says of job {job_id}: {known}"
            time.sleep(0.1)

    def state(self, job_id: str) -> str:
        """Return the state of a job: the controller's, or accounting's where that has forgotten it."""
        answer = self.run("squeue", "-h", "-t", "all", "-o", "%T", "-j", job_id, check=False).split()
        return answer[0] if answer else self.accounting(job_id).get("State", "").partition(" ")[0]

    def wait_state(self, job_id: str, *states: str, seconds: float = 60) -> str:
        """Wait until a job is in one of some states; return it.

        Raises
        ------
        AssertionError
            It ended in another one, or the time is over.
        """
        until = time.monotonic() + seconds
        while (state := self.state(job_id)) not in states:
            assert state not in ENDED, f"job {job_id} is {state}, not {' or '.join(states)}: {self._why(job_id)}"
            assert time.monotonic() < until, f"job {job_id} is still {state}: {self._why(job_id)}"
            time.sleep(0.1)
        return state

    def jobs(self) -> set[str]:
        """Return the ids of the jobs that wait or run."""
        return set(self.run("squeue", "-h", "-o", "%F").split())

    def cancel_all(self, but: set[str] | None = None) -> None:
        """Cancel all jobs but some, and wait until their nodes are free."""
        until = time.monotonic() + 60
        while jobs := self.jobs() - (but or set()):
            assert time.monotonic() < until, f"jobs {jobs} don't end"
            self.run("scancel", *jobs, check=False)
            time.sleep(0.1)

    def stop_controller(self) -> None:
        """Let the controller end; its jobs go on."""
        self._daemons.stop_controller()

    def start_controller(self) -> None:
        """Start it again, where it doesn't run; return when it answers."""
        self._daemons.start_controller()

    def frozen_controller(self) -> AbstractContextManager[None]:
        """Have a controller that takes connections and answers nothing, while the block runs."""
        return self._daemons.frozen_controller()

    def _why(self, job_id: str) -> str:
        return self.run("scontrol", "-o", "show", "job", job_id, check=False).strip()


def _ports() -> Ports:
    controller, accounting, database, *nodes = free_ports(3 + len(NODES))
    return Ports(controller, accounting, database, tuple(nodes))
