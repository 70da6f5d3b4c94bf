"""What Slurm calls the states of a job.

Source: "Job State Codes" in the manual page of squeue, and https://slurm.schedmd.com/job_state_codes.html.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..model import State

# Bits beside the state proper. Where one is set, squeue and scontrol print it alone; the order is theirs.
FLAGS: dict[str, State] = {
    "COMPLETING": "ACTIVE",  # its processes are being ended, or its epilog runs
    "STAGE_OUT": "ACTIVE",
    "CONFIGURING": "QUEUED",  # it has nodes, and they are still booting
    "RESIZING": "ACTIVE",
    "REQUEUED": "QUEUED",
    "REQUEUE_FED": "QUEUED",
    "REQUEUE_HOLD": "HELD",
    "SPECIAL_EXIT": "HELD",  # requeued by its own script, and held
    "STOPPED": "SUSPENDED",  # stopped by a signal, and keeps its processors
    "REVOKED": "CANCELED",  # another cluster of the federation has it
    "RESV_DEL_HOLD": "HELD",
    "SIGNALING": "ACTIVE",
    "EXPEDITING": "QUEUED",
}

STATES: dict[str, State] = {
    "PENDING": "QUEUED",
    "RUNNING": "ACTIVE",
    "SUSPENDED": "SUSPENDED",
    "COMPLETED": "COMPLETED",
    "CANCELLED": "CANCELED",
    "FAILED": "FAILED",
    "TIMEOUT": "FAILED",
    "NODE_FAIL": "FAILED",
    "PREEMPTED": "FAILED",
    "BOOT_FAIL": "FAILED",
    "DEADLINE": "FAILED",
    "OUT_OF_MEMORY": "FAILED",
}

HELD = frozenset({"JobHeldUser", "JobHeldAdmin"})
"""Reasons of a waiting job that only somebody's `release` lets start."""

WAITING = frozenset({"QUEUED", "HELD"})
FINAL = frozenset({"COMPLETED", "FAILED", "CANCELED"})


def printed(states: Iterable[str]) -> str:
    """Return the one that squeue would print, of the state and the flags that newer JSON lists."""
    names = list(states)
    return next((flag for flag in FLAGS if flag in names), names[0] if names else "")


def state_of(native: str, reason: str | None = None, started: bool = False) -> State:
    """Return the state in PSI/J's words.

    Parameters
    ----------
    native
        As Slurm prints it.
    reason
        Why it waits.
    started
        Whether it has a start time: all there is to go by where a later Slurm has a state that this table hasn't.
        It is never taken for an end.
    """
    state = FLAGS.get(native) or STATES.get(native) or ("ACTIVE" if started else "QUEUED")
    return "HELD" if state == "QUEUED" and reason in HELD else state
