"""Ids of jobs, as the batch systems write them: ``17``, ``17_3``, ``17+1``, ``17.server``, ``17[3].server``."""

from __future__ import annotations

import re

from orbit_jupyter.plugin import ResourceNotFoundError

_JOB_ID = re.compile(r"\d[\w.\[\]+:%,-]{0,255}")


def check_job_id(job_id: str) -> None:
    """Refuse what can be no job's id, and might be an option of a program.

    Raises
    ------
    ResourceNotFoundError
        It can be none.
    """
    if not _JOB_ID.fullmatch(job_id):
        raise no_job(job_id)


def no_job(job_id: str) -> ResourceNotFoundError:
    """Return the error of a job that there isn't."""
    return ResourceNotFoundError(
        f"there is no job {job_id[:64]!r}; list_all_jobs lists those that the batch system has"
    )
