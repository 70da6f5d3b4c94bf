"""What a bridge on its own says at its start: its URL, who can reach it, how an endpoint joins."""

from __future__ import annotations

import contextlib
import os
import shlex
import socket
from collections.abc import Callable
from pathlib import Path

WILDCARDS = ("", "*", "0.0.0.0", "::")  # noqa: S104 - to recognise them

# Reserved for documentation (RFC 5737): the system looks up a way out, and no packet is sent.
ANYWHERE = ("192.0.2.1", 9)


def outbound_address() -> str | None:
    """Return the IPv4 address that this machine has towards others; None without a network."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        way.connect(ANYWHERE)
        address: str = way.getsockname()[0]
        return address
    return None


def public_host(
    ip: str,
    fqdn: Callable[[], str] = socket.getfqdn,
    outbound: Callable[[], str | None] = outbound_address,
    hostname: Callable[[], str] = socket.gethostname,
) -> str:
    """Return the name or address under which other machines reach a server that listens on `ip`.

    The rule is radical.orbit's: for a server on all interfaces the full name of this machine, then its address
    towards others, then its short name.
    """
    if ip not in WILDCARDS:
        return ip
    name = fqdn()
    if "." in name and not name.startswith("localhost") and not name.endswith(".arpa"):
        return name
    return outbound() or hostname()


def url_of(scheme: str, host: str, port: int, base: str) -> str:
    """Return the URL of a bridge."""
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}:{port}{base.rstrip('/')}/orbit"


def announcement(url: str, *, cert: str, alone: bool, proxied: bool) -> list[str]:
    """Return the lines that people read.

    Parameters
    ----------
    url
        The bridge's, without credentials.
    cert
        Path of its certificate; empty: it speaks no TLS itself.
    alone
        Whether it listens for this machine alone.
    proxied
        Whether the URL is that of a proxy in front of it.
    """
    trust = f" --cert {shlex.quote(cert)}" if cert and not proxied else ""
    lines = [
        f"URL: {url}",
        "To join, an endpoint needs a token, made here: jupyter orbit token create NAME",
        f"Then, on its machine:  orbit-endpoint --name NAME --url {url}{trust}",
    ]
    if trust:
        lines.append("with a copy of that certificate there, unless its system trusts it anyway")
    if proxied or cert:
        return lines
    if alone:
        lines.append(
            "Without a certificate only this machine can reach it. For others give one: --cert FILE --key FILE"
        )
    else:
        lines.append(
            "Without a certificate tokens and data can be read on their way. Give one: --cert FILE --key FILE"
        )
    return lines


def write_url_file(path: Path, url: str) -> str:
    """Leave the URL where endpoints and clients of this home look for it; return what is there.

    As radical.orbit has it: only where there is none yet, whole or not at all, readable by all (mode 0644).
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_text(f"{url}\n", encoding="utf-8")
        aside.chmod(0o644)  # whatever the umask says
        with contextlib.suppress(FileExistsError):
            os.link(aside, path)
    finally:
        aside.unlink(missing_ok=True)
    return path.read_text(encoding="utf-8").strip()
