"""What it means that a job wasn't taken: the request's fault, a scheduler that is away, or neither is known.

PSI/J hands on what the scheduler's program printed, and nothing else; so that is what decides.
"""

from __future__ import annotations

import errno
import re
import subprocess
from typing import TYPE_CHECKING

from orbit_jupyter.plugin import InvalidFieldError, OrbitError, PluginError

if TYPE_CHECKING:
    import psij

LONGEST_TEXT = 2000
"""Characters of a scheduler's text that are passed on."""

# Slurm: Unable to contact slurm controller (connect failure) · Socket timed out on send/recv operation · Slurm
# temporarily unable to accept job. PBS: cannot connect to server · Connection refused · server is down. LSF: LSF
# is down. Please wait · batch daemon not responding. Cobalt: Failed to connect to the queue manager.
_AWAY = re.compile(
    r"unable to contact|(can ?not|can't|could not|unable to|failed to) (connect|reach|communicate)"
    r"|connection (refused|reset|failure)|communication (connection )?failure|timed out|time-?out (on|while)"
    r"|(server|lsf|lim|mbatchd|slurmctld|controller|daemon) is (down|not running)|not responding|too busy"
    r"|temporarily|try again|please wait|standby mode",
    re.IGNORECASE,
)

# What the text is about, the first that fits: a policy is about several, and Slurm names both account and
# partition where one may not use the other.
_ABOUT = [
    ("", re.compile(r"\bpolicy\b", re.IGNORECASE)),
    ("attributes.account", re.compile(r"\b(account|project|allocation|charge)", re.IGNORECASE)),
    ("attributes.reservation_id", re.compile(r"\breservation", re.IGNORECASE)),
    ("attributes.queue_name", re.compile(r"\b(queue|partition)", re.IGNORECASE)),
    ("attributes.duration", re.compile(r"\b(time ?limit|wall ?time|run ?limit)", re.IGNORECASE)),
    ("resources", re.compile(r"\b(nodes?|cpus?|tasks?|memory|gpus?|gres)\b", re.IGNORECASE)),
]

# Of a program that can't be started on this machine: the request's fault, or one of a full machine.
_OURS = {errno.E2BIG, errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ENAMETOOLONG, errno.ELOOP}
_FULL = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT}


def refused(executor: str, error: psij.SubmitException) -> OrbitError:
    """Return what to answer a submit with that PSI/J couldn't hand over.

    Returns
    -------
    OrbitError
        `InvalidFieldError` (422) with the field where the text says it; `PluginError` with status 503 and
        `transient` where trying again can help; `PluginError` (500) where nobody knows.
    """
    if isinstance(error.exception, OSError):
        return _not_started(executor, error.exception)
    text = said(error)
    if error.transient or _AWAY.search(text):
        message = f"{executor} can't take jobs just now; try again later. It says: {text}"
        return PluginError(message, status=503, transient=True)
    # PSI/J raises with the program's failure as context: it ended with an error, and this is its text.
    if isinstance(error.__context__, subprocess.CalledProcessError) and not text.startswith("PSIJ:"):
        field = next((field for field, about in _ABOUT if about.search(text)), None)
        where = f"job_spec.{field}" if field else "job_spec"
        return InvalidFieldError(f"{where}: {executor} refused the job: {text}", field=where)
    return PluginError(f"{executor} refused the job: {text}")


def cancel_failed(job_id: str, error: psij.SubmitException) -> OrbitError:
    """Return what to answer a cancel with that the scheduler didn't accept."""
    text = said(error)
    away = error.transient or _AWAY.search(text) is not None
    return PluginError(
        f"job {job_id} can't be cancelled{' just now; try again later' if away else ''}: {text}",
        status=503 if away else None,
        transient=away,
    )


def said(error: psij.SubmitException | psij.InvalidJobException) -> str:
    """Return PSI/J's text, and what is behind it, as far as people read it."""
    text = f"{error.message}: {error.exception}" if error.exception else str(error.message)
    return text.strip()[-LONGEST_TEXT:]


def _not_started(executor: str, error: OSError) -> OrbitError:
    # Without its file name: a command line that is too long is no thing to read aloud.
    text = f"{executor} refused the job: {error.strerror}"
    if error.errno in _OURS:
        return InvalidFieldError(f"job_spec: {text}", field="job_spec")
    if error.errno in _FULL:
        return PluginError(f"{text}; try again later", status=503, transient=True)
    return PluginError(text)
