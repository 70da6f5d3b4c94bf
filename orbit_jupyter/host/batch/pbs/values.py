"""Durations, sizes and times, as PBS prints them; in its JSON a number may be a text, and a text a number."""

from __future__ import annotations

import re
import time
from typing import Any

_DURATION = re.compile(r"(?:(?:(\d{1,9}):)?(\d{1,9}):)?(\d{1,12})(?:\.\d{1,9})?")
_SIZE = re.compile(r"(\d{1,18})([kmgtp]?)([bw]?)")
_UNITS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


def number(value: Any) -> int | None:
    """Return a whole number; None if it is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = str(value).strip()
    return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else None


def seconds(value: Any) -> int | None:
    """Return a duration: ``24:00:00``, ``30:00`` (minutes), or a number of seconds."""
    match = _DURATION.fullmatch(str(value).strip())
    if match is None:
        return None
    hours, minutes, rest = match.groups()
    return (int(hours or 0) * 60 + int(minutes or 0)) * 60 + int(rest)


def mebibytes(value: Any) -> float | None:
    """Return a size such as ``24684084kb`` in MiB; a word is 8 bytes."""
    match = _SIZE.fullmatch(str(value).strip().lower())
    if match is None:
        return None
    return int(match[1]) * 1024.0 ** (_UNITS[match[2]] - 2) * (8 if match[3] == "w" else 1)


def moment(value: Any) -> float | None:
    """Return a time: ``Sun Nov 22 00:15:19 2026``, which is the host's local time, or seconds since the epoch."""
    text = str(value).strip()
    if re.fullmatch(r"[0-9]{1,15}", text):
        return float(text) or None
    try:
        return time.mktime(time.strptime(text, "%a %b %d %H:%M:%S %Y"))
    except (ValueError, OverflowError):
        return None


def hosts(exec_host: Any) -> list[str]:
    """Return the nodes of ``exec_host``, such as ``n1/0*8+n2/0*8``, each once."""
    places = (place.strip("() ").partition("/")[0].partition(":")[0] for place in str(exec_host or "").split("+"))
    return list(dict.fromkeys(place for place in places if place))


def exit_code(status: int | None) -> int | None:
    """Return the exit code for an ``Exit_status``, 128 + N for signal N.

    Source: "Job Exit Status Codes" in the PBS Professional Administrator's Guide. Below 0 PBS itself ended it, and
    none of its processes had a say; from 256 on a signal did.
    """
    if status is None or status < 0:
        return None
    return 128 + status % 256 if status >= 256 else status
