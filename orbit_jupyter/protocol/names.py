"""The grammar of endpoint and plugin names, and the names that routes have taken."""

from __future__ import annotations

import re

from .errors import InvalidFieldError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")

BRIDGE = "bridge"
"""The name of the bridge's own plugin host; nobody else may have it."""

RESERVED = frozenset(
    {
        BRIDGE,
        "endpoint",
        "endpoints",
        "events",
        "register",
        "client",
        "tokens",
        "static",
        "plugins",
        "metrics",
        "openapi.json",
    }
)


def check_name(name: str, what: str = "name") -> str:
    """Return `name` if it may be given to an endpoint or a plugin.

    Parameters
    ----------
    name
        The name to look at.
    what
        What it names, for the message.

    Raises
    ------
    InvalidFieldError
        If the name breaks the grammar or is reserved.
    """
    if not NAME.fullmatch(name):
        raise InvalidFieldError(
            f"{name!r} can't be the {what}: use 1 to 63 letters, digits, '.', '_' or '-', "
            "beginning with a letter or a digit",
            field=what,
        )
    if name in RESERVED:
        raise InvalidFieldError(f"{name!r} can't be the {what}: Orbit's own routes use it", field=what)
    return name
