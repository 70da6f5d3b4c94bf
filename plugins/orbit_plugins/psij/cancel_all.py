"""Asking for the end of many jobs. Everything here may block."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from orbit_jupyter.plugin import ConflictError, OrbitError

from .answers import CancelledAll, NotCancelled
from .arrays import NATIVE
from .bodies import CancelAll
from .handover import Handover
from .jobs import JobRecord

AT_ONCE = 8
"""Jobs whose end is asked for at a time."""

PATIENCE = 60.0
"""Seconds after which no more are asked for."""


def cancel_all(handover: Handover, wanted: CancelAll) -> CancelledAll:
    """Ask for the end of jobs; those that have ended by themselves meanwhile are in neither list.

    Raises
    ------
    ResourceNotFoundError
        One of `job_ids` is no job.
    """
    live = {record.job_id: record for record in handover.jobs.live()}
    if wanted.job_ids is not None:
        live = {one: live[one] for one in wanted.job_ids if handover.get(one).job_id in live}
    if wanted.array_id is not None:
        live = {one: record for one, record in live.items() if record.array_id == wanted.array_id}
    canceled: list[str] = []
    failed: list[NotCancelled] = []
    until = time.monotonic() + PATIENCE

    def ask(records: list[JobRecord], cancel: Callable[[], None]) -> None:
        try:
            if time.monotonic() > until:
                raise OrbitError(f"not asked for within {PATIENCE:g} s; try again")
            cancel()
        except ConflictError:
            return
        except Exception as error:  # the others are asked for all the same
            failed.extend({"job_id": record.job_id, "error": str(error)} for record in records)
        else:
            canceled.extend(record.job_id for record in records)

    with ThreadPoolExecutor(AT_ONCE, "psij cancel") as pool:
        for records in _together(handover, live):
            if len(records) > 1:
                pool.submit(ask, records, partial(handover.reports.cancel_array, records))
            else:
                pool.submit(ask, records, partial(handover.cancel, records[0]))
    return {"canceled": canceled, "failed": failed}


def _together(handover: Handover, live: dict[str, JobRecord]) -> list[list[JobRecord]]:
    """Return the jobs by what cancels them at once: all tasks of an array that haven't ended, else each alone."""
    arrays: dict[str, list[JobRecord]] = defaultdict(list)
    for record in live.values():
        if record.array_id is not None and record.executor in NATIVE and record.native_id and record.submitted:
            arrays[record.array_id].append(record)
    whole = {
        array_id: records
        for array_id, records in arrays.items()
        if len(records) == sum(1 for record in handover.jobs.live() if record.array_id == array_id)
    }
    alone = [[record] for record in live.values() if record.array_id not in whole]
    return [*whole.values(), *alone]
