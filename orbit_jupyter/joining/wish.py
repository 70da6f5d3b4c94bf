"""What a user wants to join, and how."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Wish:
    """What to join.

    Attributes
    ----------
    host, options
        As for ssh.
    name
        The endpoint's; empty: the host's.
    python
        Of the Python to use there; None: one is looked for.
    plugins
        As for ``orbit-endpoint --plugins``.
    packages
        Distributions to bring along besides.
    timeout
        Seconds until the endpoint has to be connected, from its start.
    """

    host: str
    name: str = ""
    python: str | None = None
    plugins: str = "default"
    packages: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    timeout: float = 120.0
