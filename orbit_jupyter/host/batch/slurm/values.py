"""Numbers, durations and times, as Slurm's programs print them."""

from __future__ import annotations

import re
from datetime import datetime

_DURATION = re.compile(r"(?:(\d{1,9})-)?(?:(\d{1,9}):)?(\d{1,9}):(\d{1,9})(?:\.(\d{1,9}))?")
_NUMBER = re.compile(r"(\d{1,18})(?:\.(\d{1,9}))?([KMGTP]?)")
_UNITS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5}


def number(text: str) -> int | None:
    """Return a whole number, also one such as ``2K``; None if it is none."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        return None
    return (
        round(float(f"{match[1]}.{match[2] or 0}") * 1024 ** _UNITS[match[3]])
        if match[2] or match[3]
        else int(match[1])
    )


def mebibytes(text: str) -> float | None:
    """Return a size such as ``2048K`` in MiB; one without a unit is in bytes."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        return None
    return float(f"{match[1]}.{match[2] or 0}") * 1024.0 ** (_UNITS[match[3]] - 2)


def seconds(text: str) -> float | None:
    """Return a duration: ``1-02:03:04``, ``30:00`` (minutes), ``00:01.250``; None: no limit, or not known."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        return None
    days, hours, minutes, rest, fraction = match.groups()
    if days is not None and hours is None:  # 1-02:03 is days, hours and minutes
        hours, minutes, rest = minutes, rest, "0"
    whole = ((int(days or 0) * 24 + int(hours or 0)) * 60 + int(minutes)) * 60 + int(rest)
    return whole + float(f"0.{fraction or 0}")


def whole_seconds(text: str) -> int | None:
    """Return a duration as `seconds` does, without its fraction."""
    duration = seconds(text)
    return None if duration is None else int(duration)


def moment(text: str) -> float | None:
    """Return a time in seconds since the epoch; None for ``N/A``, ``Unknown`` and the like.

    Slurm is asked for seconds (``SLURM_TIME_FORMAT=%s``). One that doesn't heed it prints local time.
    """
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:18]) or None
    if not text[:4].isdigit():
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def exit_code(text: str) -> int | None:
    """Return the exit code of ``CODE:SIGNAL``, 128 + N for signal N, as shells do."""
    code, _, signal = text.strip().partition(":")
    if not (code.isascii() and code.isdigit()):
        return None
    return (
        of_signal(int(signal[:9])) if signal.isascii() and signal.isdigit() and int(signal[:9]) else int(code[:9])
    )


def of_signal(signal: int) -> int:
    """Return the exit code for what Slurm calls a signal; 125, which is none, is how it says "out of memory"."""
    return 128 + signal if signal <= 64 else signal
