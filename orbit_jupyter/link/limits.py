"""The bounds of a link: how much may be under way, and how long it waits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The bounds of one link.

    Attributes
    ----------
    queued_bytes
        Beyond it calls are refused and answers are replaced by a refusal; events wait with their sender.
    ping_interval, suspect_after, lost_after
        Seconds; see `Liveness`.
    resume_for
        Seconds that the connection outlives its socket, waiting for the next one; 0: it ends with it.
    redial_after
        Seconds of silence after which a dialler gives its socket up and tries another; 0: never.
    """

    outgoing_calls: int = 10_000
    incoming_calls: int = 10_000
    queued_bytes: int = 64 * 2**20
    ping_interval: float = 5.0
    suspect_after: float = 5.0
    lost_after: float = 30.0
    resume_for: float = 0.0
    redial_after: float = 0.0
