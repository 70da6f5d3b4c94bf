"""Jobs that have ended and of whose use of resources nothing is known yet: accounting lags behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from orbit_jupyter.host.batch.model import Ended

from .answers import ResourcesUsed
from .jobs import FINAL, JobRecord
from .seen import used_by

ACCOUNT_TIME = 120.0
"""Seconds after a job's end, or after a restart of the endpoint, in which its use of resources is looked for."""


@dataclass
class _Waiting:
    record: JobRecord
    native_id: str
    until: float


class Unaccounted:
    """Those that are looked for. It is used by one thread at a time, but for `add`.

    Parameters
    ----------
    used
        Takes in what a job has used.
    """

    def __init__(self, used: Callable[[JobRecord, ResourcesUsed], None]) -> None:
        self._used = used
        self._waiting: dict[str, _Waiting] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @property
    def executors(self) -> set[str]:
        """Whose jobs they are."""
        return {one.record.executor for one in list(self._waiting.values())}

    def add(self, record: JobRecord, native_id: str) -> None:
        """Look for one from now on."""
        self._waiting[record.job_id] = _Waiting(record, native_id, time.monotonic() + ACCOUNT_TIME)

    def native_ids(self, executor: str) -> list[str]:
        """Return what to ask accounting for."""
        return [one.native_id for one in list(self._waiting.values()) if one.record.executor == executor]

    def take(self, executor: str, ended: Mapping[str, Ended]) -> None:
        """Take in what accounting has said; what it doesn't say in time is given up."""
        for job_id, one in list(self._waiting.items()):
            if one.record.executor != executor:
                continue
            found = ended.get(one.native_id)
            if found is not None and found.state in FINAL:
                self._used(one.record, used_by(found))
            elif time.monotonic() < one.until:
                continue
            del self._waiting[job_id]


def is_unaccounted(record: JobRecord) -> bool:
    """Return whether accounting hasn't said of a job that has ended what it took: `elapsed` we know ourselves."""
    return record.ended and bool(record.native_id) and set(record.resources_used or ()) <= {"elapsed"}
