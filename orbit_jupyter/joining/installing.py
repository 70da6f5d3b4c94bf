"""Bringing an installation over: what is here first, then what can be fetched, and tried out before it counts."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import NamedTuple

from .bundle import pack
from .errors import JoinError
from .far_side import INSTALL_TIME, FarSide
from .fetch import fetch
from .pythons import Python
from .steps import Kind


class Environments(NamedTuple):
    """What is installed there: the folder, and the names in it."""

    folder: str
    names: tuple[str, ...]


def install(
    far: FarSide,
    name: str,
    python: Python,
    packages: Sequence[str],
    there: Environments,
    say: Callable[[Kind, str], None],
    take_back: Callable[[str, str], None],
) -> str:
    """Bring an installation over, unless it is there already; return the path of its Python.

    Parameters
    ----------
    take_back
        Is told attempt and name of what is about to be made, for `uninstall`.

    Raises
    ------
    JoinError
        It can't be made, or what was made doesn't run there.
    """
    failed: JoinError | None = None
    for compiled in (True, False):  # what is compiled here runs there, as far as its tags say; else it is fetched
        bundle = pack(python, packages, compiled=compiled)
        if bundle.missing:
            say("install", f"Fetching for {python.machine}, {python.libc}: {', '.join(bundle.missing)}")
            bundle = fetch(bundle, python)
        digest = bundle.digest(python)
        if digest in there.names:
            return f"{there.folder}/{digest}/bin/python"
        archive = bundle.archive()
        say("install", f"Installing the endpoint ({len(archive) / 1e6:.0f} MB) into ~/.radical/orbit/env")
        attempt = secrets.token_hex(6)
        take_back(attempt, digest)
        wanted = {"digest": digest, "attempt": attempt, "missing": bundle.missing}
        try:
            made = far("install", name, archive=archive, seconds=INSTALL_TIME, **wanted)
        except JoinError as error:
            failed = error
            if "doesn't run there" not in str(error):
                raise
        else:
            return str(made["python"])
    assert failed is not None
    raise failed


def uninstall(far: FarSide, name: str, attempt: str, digest: str) -> None:
    """Take an installation back, whole or half."""
    far("abandon", name, attempt=attempt)
    far("uninstall", name, digest=digest)
