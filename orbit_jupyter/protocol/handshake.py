"""Who may join under which version: a function of what both sides say, and nothing else."""

from __future__ import annotations

from .errors import ProtocolError
from .frames import Bye

PROTOCOL = (1, 1)
"""Lowest and highest version of the native protocol that this release speaks."""


def choose_version(ours: tuple[int, int], theirs: tuple[int, int]) -> int | None:
    """Return the highest version that both ranges hold, or None where they have none in common."""
    low, high = max(ours[0], theirs[0]), min(ours[1], theirs[1])
    return high if low <= high else None


def refuse_version(ours: tuple[int, int], theirs: tuple[int, int]) -> Bye:
    """Return the refusal of a dialler whose versions don't meet ours."""
    older = "the dialling side" if theirs[1] < ours[0] else "this bridge"
    return Bye(
        reason=f"the bridge speaks protocol versions {ours[0]} to {ours[1]}, the dialling side {theirs[0]} to "
        f"{theirs[1]}; upgrade {older} (pip install --upgrade orbit-jupyter)",
        retry=False,
        code=ProtocolError.code,
    )
