"""Which plugins to load: names, globs, ``default``, ``all``, ``module:Class``. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

DEFAULTS: dict[str, tuple[str, ...]] = {
    "bridge": ("iri*", "staging", "sysinfo", "task_dispatcher"),
    "login": ("psij", "staging", "sysinfo", "queue_info"),
    "compute": ("rhapsody", "staging", "sysinfo", "queue_info"),
    "standalone": ("psij", "staging", "sysinfo", "rhapsody", "queue_info"),
}
"""What ``default`` means in each role, as in radical.orbit 0.2.0; of it, what is installed."""


def select(tokens: Sequence[str], installed: Iterable[str], role: str) -> list[str]:
    """Return the names to load, in order, each once; ``module:Class`` stays as it is.

    Parameters
    ----------
    tokens
        An exact name, a unique prefix of one, a glob, ``default``, ``all``, or ``module:Class``.
    installed
        The names that entry points offer.
    role
        The host's role.

    Raises
    ------
    ValueError
        If a token fits nothing, or a prefix fits several; the message says what there is.
    """
    names = sorted(installed)
    chosen: dict[str, None] = {}
    for token in (part.strip() for part in tokens):
        if token == "all":  # noqa: S105 - a word of the command line
            found = names
        elif token == "default":  # noqa: S105
            found = [name for want in DEFAULTS[role] for name in names if fnmatchcase(name, want)]
        elif ":" in token or token in names:
            found = [token]
        elif any(sign in token for sign in "*?["):
            found = [name for name in names if fnmatchcase(name, token)]
        else:
            found = [name for name in names if token and name.startswith(token)]
            if len(found) > 1:
                raise ValueError(f"plugin {token!r} could be {' or '.join(found)}; say which")
        if not found and token and token != "default":  # noqa: S105
            raise ValueError(f"no plugin {token!r} is installed; there is {', '.join(names) or 'none'}")
        chosen.update(dict.fromkeys(found))
    return list(chosen)
