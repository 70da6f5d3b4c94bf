"""The end of the tunnel, and whom the endpoint trusts behind it."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

from .places import Trouble, folder_of, make_private, write_private

SOCKET_PATH = 100
"""Bytes of a socket's path: the system takes 107 or fewer, and sshd binds under the very name."""


def way(name: str, path: str = "", **_: Any) -> dict[str, Any]:
    """Return where the tunnel is to end: the path of a socket that nobody else can come to.

    With a path it is that one, made free for a new listener: sshd leaves the socket of one that is gone.
    """
    if path:
        make_private(Path(path).parent)
        Path(path).unlink(missing_ok=True)
        return {"path": path}
    refused = ""
    for folder in (folder_of(name), Path(f"/tmp/orbit-{os.getuid()}")):  # noqa: S108 - its owner is checked
        place = folder / ("bridge.sock" if folder.name == name else f"{name}.sock")
        if len(os.fsencode(place)) > SOCKET_PATH:
            refused = f"the path {place} is too long"
            continue
        try:
            make_private(folder)
            place.unlink(missing_ok=True)
            with socket.socket(socket.AF_UNIX) as probe:  # some file systems have no sockets
                probe.bind(str(place))
            place.unlink()
        except (OSError, Trouble) as error:
            refused = f"{place}: {error}"
            continue
        return {"path": str(place)}
    raise Trouble(f"there is no place for the tunnel's socket: {refused}")


def trust(name: str, cert: str, **_: Any) -> dict[str, Any]:
    """Have the endpoint trust another certificate; it reads it each time that it dials."""
    write_private(folder_of(name) / "bridge_cert.pem", cert)
    return {}


def reaches(path: str, **_: Any) -> dict[str, Any]:
    """Say whether something listens at the tunnel's end."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(5)
        try:
            probe.connect(path)
            # Without a far side the connection is taken by sshd and closed at once.
            probe.settimeout(1)
            return {"reaches": bool(probe.recv(1))}
        except TimeoutError:
            return {"reaches": True}
        except OSError:
            return {"reaches": False}
