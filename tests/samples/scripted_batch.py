"""A batch system that says what a test has it say, in place of a scheduler's programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from orbit_jupyter.host.batch import Account, BatchJob, BatchSystem, Ended, OwnAllocation, Qos, Queue
from orbit_jupyter.plugin import PluginError

AWAY = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)"


class ScriptedBatch:
    """What it has is in its attributes; each question is counted by its name in `asked`.

    While `says` is a text, every question is answered with that, as a transient error.
    """

    name = "slurm"

    def __init__(self) -> None:
        self.has: dict[str, BatchJob] = {}
        self.knows: dict[str, Ended] = {}
        self.has_queues: list[Queue] = []
        self.has_accounts: list[Account] = []
        self.has_qos: list[Qos] = []
        self.cancelled: list[str] = []
        self.says: str | None = None
        self.asked: list[str] = []
        self.on_ask: Callable[[str], None] = lambda what: None

    def put(self, job: BatchJob) -> None:
        """Have a job."""
        self.has[job.job_id] = job

    def end(self, ended: Ended, *, listed: bool = False) -> None:
        """Have accounting say of a job's end, and the queue no more, unless it is still `listed`."""
        self.knows[ended.job_id] = ended
        if not listed:
            self.has.pop(ended.job_id, None)

    def jobs(self, user: str | None = None) -> list[BatchJob]:
        self._ask("jobs")
        return list(self.has.values())

    def ended(self, job_ids: Iterable[str]) -> dict[str, Ended]:
        self._ask("ended")
        return {one: self.knows[one] for one in job_ids if one in self.knows}

    def queues(self) -> list[Queue]:
        self._ask("queues")
        return list(self.has_queues)

    def accounts(self, user: str | None = None) -> list[Account]:
        self._ask("accounts")
        return list(self.has_accounts)

    def qos(self) -> list[Qos]:
        self._ask("qos")
        return list(self.has_qos)

    def expected_starts(self, user: str | None = None) -> dict[str, float]:
        self._ask("expected_starts")
        return {}

    def own_allocation(self) -> OwnAllocation | None:
        return None

    def nodelist(self) -> list[str]:
        return []

    def cancel(self, job_id: str) -> None:
        self.cancelled.append(job_id)

    def hold(self, job_id: str) -> None:
        raise AssertionError("not asked for")

    def release(self, job_id: str) -> None:
        raise AssertionError("not asked for")

    def close(self) -> None:
        pass

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        self.on_ask(what)
        if self.says is not None:
            raise PluginError(self.says, status=503, transient=True)


def systems(batch: ScriptedBatch) -> Callable[[str], BatchSystem]:
    """Return what `JobService` looks readers up with: always this one."""
    return lambda name: batch
