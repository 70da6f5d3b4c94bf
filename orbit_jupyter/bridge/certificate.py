"""The certificate and key of a bridge on its own: where they are found, and whether they can be used."""

from __future__ import annotations

import shlex
import ssl
import stat
from pathlib import Path

from orbit_jupyter.link import Search, orbit_home

KEY_VARIABLE = "RADICAL_ORBIT_BRIDGE_KEY"


def find_key() -> str | None:
    """Return the path of the bridge's key where no option gives it: environment, then file; None without one."""
    default = orbit_home() / "bridge_key.pem"
    search = Search("key").variable(KEY_VARIABLE)
    search.look(str(default), lambda: str(default) if default.is_file() else None)
    return search.found.value if search.found else None


def check_pair(cert: str, key: str) -> None:
    """Look at a certificate and its key as a server will use them; `key` is empty where one file holds both.

    Raises
    ------
    ValueError
        They can't be used: one is missing, no PEM, not the other's, behind a passphrase.
    PermissionError
        Others than its owner can read the key.
    """
    if not cert:
        raise ValueError(f"there is a key, {key}, but no certificate; give it with --cert")
    for what, path in (("certificate", cert), ("key", key)):
        if path and not Path(path).is_file():
            raise ValueError(f"the {what} {path} isn't there, or is no file")
    if key:
        _check_mode(key)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key or None, password=_no_passphrase)
    except (ssl.SSLError, OSError) as error:
        raise ValueError(_why(cert, key, error)) from None
    if not key:
        _check_mode(cert)


def _check_mode(key: str) -> None:
    if Path(key).stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise PermissionError(
            f"the key {key} can be read by others than its owner; run: chmod 600 {shlex.quote(key)}"
        )


def _no_passphrase() -> str:
    raise ValueError("the key is behind a passphrase, which a server can't type; give one without")


def _why(cert: str, key: str, error: OSError) -> str:
    if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
        return f"the certificate {cert} and the key {key} don't belong together"
    if not key:
        return f"there is a certificate, {cert}, but no key; give it with --key, or start without TLS: --cert ''"
    return f"the certificate {cert} and the key {key} can't be used, both must be PEM files: {error}"
