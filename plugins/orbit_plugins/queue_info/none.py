"""A host without a batch system: there is nothing in it."""

from __future__ import annotations

from collections.abc import Iterable

from orbit_jupyter.host.batch.model import Account, BatchJob, Ended, OwnAllocation, Qos, Queue
from orbit_jupyter.plugin import ResourceNotFoundError


class NoBatchSystem:
    """Has no queues, no jobs and no accounts; a `BatchSystem`."""

    name = "none"

    def queues(self) -> list[Queue]:
        return []

    def jobs(self, user: str | None = None) -> list[BatchJob]:
        return []

    def expected_starts(self, user: str | None = None) -> dict[str, float]:
        return {}

    def ended(self, job_ids: Iterable[str]) -> dict[str, Ended]:
        return {}

    def accounts(self, user: str | None = None) -> list[Account]:
        return []

    def qos(self) -> list[Qos]:
        return []

    def own_allocation(self) -> OwnAllocation | None:
        return None

    def nodelist(self) -> list[str]:
        return []

    def cancel(self, job_id: str) -> None:
        self.hold(job_id)

    def hold(self, job_id: str) -> None:
        raise ResourceNotFoundError(f"there is no job {job_id}: this host has no batch system")

    def release(self, job_id: str) -> None:
        self.hold(job_id)

    def close(self) -> None:
        pass
