"""Lengths of time, as people and schedulers write them."""

from __future__ import annotations

import re

_CLOCK = re.compile(r"(?:(\d{1,6})-)?(\d{1,9}):([0-5]?\d):([0-5]?\d)")
_UNITS = re.compile(r"(?:(\d{1,6})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?")


def written_seconds(text: str) -> int | None:
    """Return the seconds of ``90s``, ``10m``, ``1h30m``, ``2d``, ``HH:MM:SS`` or Slurm's ``D-HH:MM:SS``.

    None where it is none of these; 0 for an empty text.
    """
    match = _CLOCK.fullmatch(text) or _UNITS.fullmatch(text)
    if match is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
