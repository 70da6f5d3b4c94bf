"""Lengths of time, as people write them and as they read them."""

from __future__ import annotations

import argparse

from orbit_jupyter.plugin.durations import written_seconds


def seconds_of(text: str) -> int:
    """Return the seconds of ``90s``, ``10m``, ``1h30m``, ``2d``, ``HH:MM:SS`` or Slurm's ``D-HH:MM:SS``.

    A bare number is refused: it would be minutes to Slurm and seconds to PSI/J.

    Raises
    ------
    argparse.ArgumentTypeError
        If it is none of these, or nothing.
    """
    total = written_seconds(text)
    if total is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no length of time; write it like 90s, 10m, 1h30m or HH:MM:SS"
        )
    if total == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no time at all")
    return total


def clock(seconds: float) -> str:
    """Return a length of time as ``1:05`` or ``2:03:04``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
