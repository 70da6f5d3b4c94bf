"""`PBSSystem`: which program answers which question."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Iterable, Mapping

from orbit_jupyter.plugin.program import Output
from orbit_jupyter.protocol import ForbiddenError, PluginError, ResourceNotFoundError

from ..asking import DENIED, Asker
from ..model import Account, BatchJob, Ended, OwnAllocation, Qos, Queue
from .answers import Tree, branch, from_json, from_text
from .jobs import own, parse_ended, parse_jobs
from .queues import parse_hosts, parse_queues
from .sbank import parse_allocations

AT_ONCE = 200
"""Jobs in one question to the history: they are named on qstat's command line."""

SINGLY = 50
"""Jobs that are asked for one by one, where qstat left them out of its answer without a word."""

SBANK = "sbank-list-allocations"

_JOB_ID = re.compile(r"\d{1,12}(?:\[\d{0,9}\])?(?:\.[A-Za-z0-9][A-Za-z0-9._-]{0,252})?")
_NO_JSON = re.compile(r"(invalid|illegal|unknown|unrecognized) option|^usage:", re.IGNORECASE | re.MULTILINE)


class PBSSystem:
    """PBS Professional and OpenPBS; see `BatchSystem`.

    Parameters
    ----------
    environ
        Environment to take; None: this process's.
    """

    name = "pbs"

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ
        self._asker = Asker("PBS", {}, environ=self._environ)

    def queues(self) -> list[Queue]:
        """Return the queues, sorted by name."""
        records = self._records("Queue", "qstat", "-Q", "-f")
        servers = self._records("Server", "qstat", "-B", "-f")
        nodes = self._records("nodes", "pbsnodes", "-a")
        default = next(
            (str(server["default_queue"]) for server in servers.values() if "default_queue" in server), None
        )
        return self._asker.read("qstat", "", lambda _: parse_queues(records, parse_hosts(nodes), default))

    def jobs(self, user: str | None = None) -> list[BatchJob]:
        """Return the jobs that it has; without those that have ended."""
        # For several ids, or a user, its JSON may hold one job only: everybody's is asked for.
        records = self._records("Jobs", "qstat", "-t", "-f")
        return self._asker.read("qstat", "", lambda _: parse_jobs(records, user))

    def expected_starts(self, user: str | None = None) -> dict[str, float]:
        """Return when waiting jobs are expected to start, by native id, where PBS estimates that."""
        return {job.job_id: job.expected_start for job in self.jobs(user) if job.expected_start is not None}

    def ended(self, job_ids: Iterable[str]) -> dict[str, Ended]:
        """Return what the history has of jobs, by the ids that they were asked for with."""
        wanted = list(dict.fromkeys(job_id for job_id in job_ids if _JOB_ID.fullmatch(job_id)))
        found: dict[str, Ended] = {}
        for begin in range(0, len(wanted), AT_ONCE):
            some = wanted[begin : begin + AT_ONCE]
            answer = self._history(some)
            found.update(self._told(answer, some))
            silent = [job_id for job_id in some if job_id not in found and not _refused(answer, job_id)]
            for job_id in silent[:SINGLY] if len(some) > 1 else []:
                found.update(self._told(self._history([job_id]), [job_id]))
        return found

    def accounts(self, user: str | None = None) -> list[Account]:
        """Return the allocations that ALCF's sbank knows; PBS itself has none."""
        if not self._asker.has(SBANK):
            return []
        text = self._asker.ask(SBANK, *([f"--user={user}"] if user is not None else []))
        return self._asker.read(SBANK, text, lambda said: parse_allocations(said, user or getpass.getuser()))

    def qos(self) -> list[Qos]:
        """Return nothing: PBS has queues for that."""
        return []

    def own_allocation(self) -> OwnAllocation | None:
        """Return the allocation that this process runs in."""
        job_id = self._environ.get("PBS_JOBID", "")
        if not _JOB_ID.fullmatch(job_id):
            return None
        records = self._records("Jobs", "qstat", "-f", job_id)
        record = records.get(job_id) or next(iter(records.values()), None)
        return None if record is None else self._asker.read("qstat", "", lambda _: own(job_id, record))

    def nodelist(self) -> list[str]:
        """Return the nodes of that allocation."""
        path = self._environ.get("PBS_NODEFILE")
        if path:
            try:
                with open(path, encoding="utf-8", errors="replace") as lines:
                    return list(dict.fromkeys(line.strip() for line in lines if line.strip()))
            except OSError as error:
                raise PluginError(f"PBS: the list of nodes can't be read: {error}") from None
        found = self.own_allocation()
        return [name for name in found.nodelist.split(",") if name] if found is not None else []

    def cancel(self, job_id: str) -> None:
        """Cancel a job."""
        self._change(job_id, "qdel")

    def hold(self, job_id: str) -> None:
        """Keep a waiting job from starting."""
        self._change(job_id, "qhold")

    def release(self, job_id: str) -> None:
        """Let a held job start."""
        self._change(job_id, "qrls")

    def close(self) -> None:
        """End the programs that still run."""
        self._asker.close()

    def _records(self, kind: str, program: str, *arguments: str) -> dict[str, Tree]:
        """Return PBS's records of a kind; from text where the program knows no JSON (PBS before 14, Torque)."""
        answer = self._asker.run(program, *_with_json(arguments))
        if answer.code != 0 and program == "qstat" and _NO_JSON.search(answer.complaints):
            return self._asker.read(program, self._asker.ask(program, *arguments), from_text)
        if answer.code != 0:
            raise self._asker.failed(program, answer)
        return self._asker.read(program, answer.text, lambda text: branch(from_json(text), kind))

    def _history(self, job_ids: list[str]) -> Output:
        # As text: its JSON has the first of several jobs alone (OpenPBS 23.06).
        answer = self._asker.run("qstat", "-x", "-f", *job_ids)
        if answer.code not in {0, 35, 153} or _NO_JSON.search(answer.complaints):
            raise self._asker.failed("qstat", answer)
        return answer

    def _told(self, answer: Output, job_ids: list[str]) -> dict[str, Ended]:
        if not answer.text.strip():
            return {}
        found = self._asker.read("qstat", answer.text, lambda text: parse_ended(from_text(text)))
        short = {job_id.partition(".")[0]: ended for job_id, ended in found.items()}
        told = {job_id: found.get(job_id) or short.get(job_id) for job_id in job_ids}
        return {job_id: ended for job_id, ended in told.items() if ended is not None}

    def _change(self, job_id: str, program: str) -> None:
        if not _JOB_ID.fullmatch(job_id):
            raise ResourceNotFoundError(
                f"{job_id[:80]!r} is no id of a PBS job, such as 123.server or 123[4].server"
            )
        answer = self._asker.run(program, job_id)
        if answer.code == 0:
            return
        if "Unknown Job Id" in answer.complaints:
            raise ResourceNotFoundError(f"PBS has no job {job_id}")
        if "Job has finished" in answer.complaints:
            raise ResourceNotFoundError(f"job {job_id} has ended already")
        if DENIED.search(answer.complaints):
            raise ForbiddenError(f"job {job_id} is another user's; PBS doesn't let you change it")
        raise self._asker.failed(program, answer)


def _with_json(arguments: tuple[str, ...]) -> list[str]:
    # Options come before names.
    names = [argument for argument in arguments if not argument.startswith("-")]
    return [*(argument for argument in arguments if argument not in names), "-F", "json", *names]


def _refused(answer: Output, job_id: str) -> bool:
    return job_id.partition(".")[0] in {
        word.partition(".")[0] for line in answer.complaints.splitlines() for word in line.split()
    }
