"""The grammar of hosts. What doesn't fit never comes near ssh, which takes ``-oProxyCommand=…`` for an option."""

from __future__ import annotations

import ipaddress
import re

_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")


def check_host(host: str) -> str:
    """Return `host` if it is the name or the address of a host.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if not _HOST.fullmatch(host):
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            raise ValueError(f"{host[:80]!r} is no host name") from None
    return host


def check_login(login: str) -> str:
    """Return `login` if it is ``HOST`` or ``USER@HOST``, where HOST may be an alias of ssh's configuration.

    Raises
    ------
    ValueError
        If it is neither.
    """
    user, at, host = login.rpartition("@")
    if at and not _USER.fullmatch(user):
        raise ValueError(f"{login[:80]!r} is neither HOST nor USER@HOST")
    check_host(host)
    return login
