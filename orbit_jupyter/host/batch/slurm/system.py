"""`SlurmSystem`: which program answers which question."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from orbit_jupyter.protocol import ForbiddenError, PluginError, ResourceNotFoundError

from ..asking import AWAY, DENIED, Asker
from ..hostlist import expand
from ..model import Account, BatchJob, Ended, OwnAllocation, Qos, Queue
from . import accounting, jobs, partitions, qos
from .accounts import ASSOCIATIONS, SHARES, USED, parse_accounts, parse_qos_budgets, parse_shares, parse_used
from .allocation import from_environment, from_job
from .recent import parse_recent

SETTINGS = {
    "SLURM_TIME_FORMAT": "%s",  # seconds since the epoch: no time zone, no hour that comes twice in autumn
    "SLURM_BITSTR_LEN": "0",  # all ids of an array, however many
}

# A user's own defaults for what these print. SLURM_CLUSTERS and SLURM_CONF stay: submits heed them, too.
IGNORED = ("SQUEUE_", "SINFO_", "SACCT_", "SCONTROL_", "SSHARE_", "SACCTMGR_", "SCANCEL_", "SLURM_TIME_FORMAT")

AT_ONCE = 500
"""Jobs in one question to sacct: they are named on its command line."""

YEAR = 365 * 86400
"""Seconds for which the hours used are counted, where only accounting counts them."""

_JOB_ID = re.compile(r"\d{1,12}(?:_(?:\d{1,9}|\[[\d,:%-]{1,200}\])|\+\d{1,4})?")


class SlurmSystem:
    """Slurm; see `BatchSystem`.

    Parameters
    ----------
    environ
        Environment to take; None: this process's.
    """

    name = "slurm"

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ
        self._asker = Asker("Slurm", SETTINGS, IGNORED, self._environ)
        self._accounts_jobs = True  # until it says otherwise

    def queues(self) -> list[Queue]:
        """Return the partitions, sorted by name."""
        separators = jobs.Separators()
        answer = self._asker.ask(
            "sinfo", "-h", "-a", "-e", "--noconvert", "-o", separators.format(partitions.FIELDS)
        )
        found = self._asker.read("sinfo", answer, lambda text: partitions.parse_nodes(text, separators))
        answer = self._asker.ask("scontrol", "-a", "-o", "show", "partition")
        settings = self._asker.read("scontrol", answer, partitions.parse_settings)
        limits = self._qos() if any(one.get("QoS", "N/A") != "N/A" for one in settings.values()) else {}
        return [partitions.limited(queue, settings.get(name, {}), limits) for name, queue in sorted(found.items())]

    def jobs(self, user: str | None = None) -> list[BatchJob]:
        """Return the jobs that it has; ended ones for as long as it keeps them (``MinJobAge``)."""
        return self._squeue(*_of(user), "-t", "all")

    def expected_starts(self, user: str | None = None) -> dict[str, float]:
        """Return when waiting jobs are expected to start, by native id."""
        waiting = self._squeue(*_of(user), "-t", "PENDING")
        return {job.job_id: job.expected_start for job in waiting if job.expected_start is not None}

    def ended(self, job_ids: Iterable[str]) -> dict[str, Ended]:
        """Return what accounting knows of jobs, by native id; without accounting, of those that ended just now."""
        wanted = iter(dict.fromkeys(job_id for job_id in job_ids if _JOB_ID.fullmatch(job_id)))
        found: dict[str, Ended] = {}
        for some in _pieces(wanted, AT_ONCE):
            found.update(accounting.select(self._sacct(some), some))
            if self._accounts_jobs:  # else what isn't found may just have ended too long ago
                found.update(self._tasks([job_id for job_id in some if "_" in job_id and job_id not in found]))
        return found

    def accounts(self, user: str | None = None) -> list[Account]:
        """Return what a user, or everybody, may charge jobs to."""
        whose = ["where", f"user={user}"] if user is not None else []
        associations = self._asker.run("sacctmgr", "-nP", "show", "assoc", *whose, f"format={ASSOCIATIONS}")
        if associations.code != 0:
            if _without_accounting(associations.complaints + associations.text):
                return []
            raise self._asker.failed("sacctmgr", associations)
        # What is used and left may be private, or not counted at all; what may be charged to is true without it.
        shares = self._asker.read("sshare", self._told("sshare", "-nP", "-a", "-o", SHARES), parse_shares)
        managed = self._told("scontrol", "-o", "show", "assoc_mgr", "flags=qos")
        budgets = self._asker.read("scontrol", managed, parse_qos_budgets)
        used = {} if any(share.used.get("node") for share in shares.values()) else self._used_lately()
        return self._asker.read(
            "sacctmgr", associations.text, lambda text: parse_accounts(text, shares, budgets, used, user)
        )

    def qos(self) -> list[Qos]:
        """Return the qualities of service; nothing where there is no accounting, which has them."""
        return list(self._qos().values())

    def own_allocation(self) -> OwnAllocation | None:
        """Return the allocation that this process runs in."""
        job_id = self._environ.get("SLURM_JOB_ID")
        if not job_id:
            return None
        own = from_environment(job_id, self._environ)
        try:
            found = self._squeue("-j", job_id, "-t", "all") if _JOB_ID.fullmatch(job_id) else []
        except PluginError:
            if own is not None:  # a compute node that can't reach the controller
                return own
            raise
        if not found:
            return own
        return from_job(found[0], self._environ)

    def nodelist(self) -> list[str]:
        """Return the nodes of that allocation."""
        said = self._environ.get("SLURM_JOB_NODELIST") or self._environ.get("SLURM_NODELIST")
        if not said:
            own = self.own_allocation()
            said = own.nodelist if own is not None else ""
        return self._asker.read("SLURM_JOB_NODELIST", said, expand)

    def cancel(self, job_id: str) -> None:
        """Cancel a job."""
        # Without -v it ends with 0 and says nothing, whether there is such a job or not.
        self._change(job_id, "scancel", "-v")

    def hold(self, job_id: str) -> None:
        """Keep a waiting job from starting."""
        self._change(job_id, "scontrol", "hold")

    def release(self, job_id: str) -> None:
        """Let a held job start."""
        self._change(job_id, "scontrol", "release")

    def close(self) -> None:
        """End the programs that still run."""
        self._asker.close()

    def _squeue(self, *which: str) -> list[BatchJob]:
        separators = jobs.Separators()
        answer = self._asker.run("squeue", "-h", "-a", "--noconvert", *which, "-o", separators.format(jobs.FIELDS))
        if answer.code != 0:
            if "Invalid user" in answer.complaints or "Invalid job id" in answer.complaints:
                return []
            raise self._asker.failed("squeue", answer)
        return self._asker.read("squeue", answer.text, lambda text: jobs.parse_jobs(text, separators))

    def _tasks(self, job_ids: list[str]) -> dict[str, Ended]:
        """Return tasks of arrays that accounting doesn't find by their own ids.

        It knows waiting ones by their array alone. Of one that was cancelled while it waited nothing is left,
        neither there nor in the controller: that tells its end.
        """
        arrays = list(dict.fromkeys(job_id.partition("_")[0] for job_id in job_ids))
        rows = self._sacct(arrays) if arrays else {}
        found = {job_id: rows[job_id] for job_id in job_ids if job_id in rows}
        known = {job_id.partition("_")[0] for job_id in rows}
        absent = [job_id for job_id in job_ids if job_id not in found and job_id.partition("_")[0] in known]
        if absent:
            here = {job.job_id for job in self._squeue("-j", ",".join(arrays), "-t", "all")}
            found.update(accounting.never_started(job_id) for job_id in absent if job_id not in here)
        return found

    def _sacct(self, job_ids: list[str]) -> dict[str, Ended]:
        answer = self._asker.run(
            "sacct", "-n", "-P", "--noconvert", "-j", ",".join(job_ids), "-o", accounting.FIELDS
        )
        if answer.code == 0:
            return self._asker.read("sacct", answer.text, accounting.parse_ended)
        if _without_accounting(answer.complaints + answer.text):
            self._accounts_jobs = False
            recent = self._asker.ask("squeue", "-a", "-t", "all", "--json")
            return self._asker.read("squeue --json", recent, parse_recent)
        raise self._asker.failed("sacct", answer)

    def _used_lately(self) -> dict[tuple[str, str], float]:
        # Where the priority isn't by fair share, the controller counts nothing; accounting does, hour by hour.
        since = f"Start={time.strftime('%Y-%m-%d', time.localtime(time.time() - YEAR))}"
        report = ("cluster", "AccountUtilizationByUser", since, "End=now", f"format={USED}")
        return self._asker.read(
            "sreport", self._told("sreport", "-nP", "-t", "Minutes", "-T", "node", *report), parse_used
        )

    def _told(self, name: str, *arguments: str) -> str:
        """Return what a program prints; nothing where it isn't there, or may not say it."""
        if not self._asker.has(name):
            return ""
        answer = self._asker.run(name, *arguments)
        if answer.code == 0:
            return answer.text
        failure = self._asker.failed(name, answer)
        if failure.transient:
            raise failure
        return ""

    def _qos(self) -> dict[str, Qos]:
        text = self._told("sacctmgr", "-nP", "show", "qos", f"format={qos.FIELDS}")
        return self._asker.read("sacctmgr", text, qos.parse_qos)

    def _change(self, job_id: str, program: str, *how: str) -> None:
        if not _JOB_ID.fullmatch(job_id):
            raise ResourceNotFoundError(f"{job_id[:80]!r} is no id of a Slurm job, such as 123 or 123_4")
        answer = self._asker.run(program, *how, job_id)
        said = answer.complaints + answer.text
        if "Invalid job id" in said:
            raise ResourceNotFoundError(f"Slurm has no job {job_id}")
        if "No error" in said:
            return  # some tasks of the array have ended; what was asked was done to the others
        if "already finished" in said or "already completing or completed" in said:
            raise ResourceNotFoundError(f"job {job_id} has ended already")
        if DENIED.search(said) and not AWAY.search(said):
            raise ForbiddenError(f"job {job_id} is another user's; Slurm doesn't let you change it")
        if answer.code != 0 or "error:" in said:
            raise self._asker.failed(program, answer)


def _of(user: str | None) -> list[str]:
    return [] if user is None else [f"--user={user}"]


def _without_accounting(said: str) -> bool:
    said = said.lower()
    return "accounting storage is disabled" in said or "not running a supported accounting_storage" in said


def _pieces(job_ids: Iterator[str], count: int) -> Iterator[list[str]]:
    while some := list(islice(job_ids, count)):
        yield some
