"""What this side remembers of each cluster that was joined: one small file a name."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import msgspec

from orbit_jupyter.link import orbit_home
from orbit_jupyter.protocol import check_name
from orbit_jupyter.protocol.names import RESERVED
from orbit_jupyter.state import write_whole

from .errors import JoinError


class Joined(msgspec.Struct, frozen=True):
    """A cluster that was joined.

    Attributes
    ----------
    name
        The endpoint's.
    host, options
        As they were given to ssh.
    python
        Path of the Python there that answers.
    token_id
        Of the token that it joined with.
    way, target
        Path of the tunnel's socket there, and ``host:port`` of the bridge here.
    master
        Which master connection carries it.
    """

    name: str
    host: str
    options: tuple[str, ...]
    python: str
    token_id: str = ""
    way: str = ""
    target: str = ""
    master: str = ""


def folder() -> Path:
    """Return where the files are."""
    return orbit_home() / "hosts"


def keep(joined: Joined) -> None:
    """Write one down."""
    write_whole(folder() / f"{joined.name}.json", msgspec.json.encode(joined))


def forget(name: str) -> None:
    """Remove one."""
    (folder() / f"{name}.json").unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder().rmdir()


def all_kept() -> list[Joined]:
    """Return all, by name; a file that can't be read is left out."""
    found = []
    for path in sorted(folder().glob("*.json")):
        with contextlib.suppress(OSError, msgspec.DecodeError):
            found.append(msgspec.json.decode(path.read_bytes(), type=Joined))
    return found


def kept(name: str) -> Joined | None:
    """Return the one of that name."""
    return next((one for one in all_kept() if one.name == name), None)


def meant(word: str) -> Joined | None:
    """Return the one that is called so, or whose host was given so.

    Raises
    ------
    JoinError
        Several names were joined on that host.
    """
    named = kept(word)
    if named is not None:
        return named
    found = [one for one in all_kept() if one.host == word]
    if len(found) > 1:
        names = ", ".join(one.name for one in found)
        raise JoinError(f"{word} was joined under several names: {names}; give the one to leave")
    return found[0] if found else None


def name_for(host: str) -> str:
    """Return what an endpoint on a host is called unless its user says otherwise: the host, as it was written."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", host.rpartition("@")[2]).lstrip("._-")[:63]
    return check_name(f"{name}-host" if name in RESERVED else name, "endpoint name")
