"""Lengths of time, as people and schedulers write them."""

from __future__ import annotations

from orbit_jupyter.plugin.durations import written_seconds

LONGEST = 10 * 366 * 86400
"""Seconds of the longest duration."""

_WITH_UNITS = r"\d+d(\d+h)?(\d+m)?(\d+s)?|\d+h(\d+m)?(\d+s)?|\d+m(\d+s)?|\d+s"
PATTERN = rf"^\s*(\d+|(\d+-)?\d+:[0-5]?\d:[0-5]?\d|{_WITH_UNITS})\s*$"
"""Of what `seconds_of` reads, for descriptions of it."""


def seconds_of(given: int | str) -> int:
    """Return a duration in seconds.

    Parameters
    ----------
    given
        Seconds, also as text; ``90s``, ``30m``, ``2h``, ``1h30m``, ``2d``; ``HH:MM:SS`` or Slurm's ``D-HH:MM:SS``.

    Raises
    ------
    ValueError
        It is none of these, or not between a second and ten years.
    """
    if isinstance(given, int):
        seconds = given
    else:
        text = given.strip()
        if len(text) > 40:  # Python itself refuses to read numbers without end
            raise ValueError(f"{text[:40]!r}… is neither seconds nor HH:MM:SS, nor like 30m or 1h30m")
        written = written_seconds(text) if text else None
        if written is not None:
            seconds = written
        elif text.isascii() and text.isdecimal():
            seconds = int(text)
        else:
            raise ValueError(f"{given!r} is neither seconds nor HH:MM:SS, nor like 30m or 1h30m")
    if not 0 < seconds <= LONGEST:
        raise ValueError(f"{seconds} s is not between 1 s and ten years")
    return seconds
