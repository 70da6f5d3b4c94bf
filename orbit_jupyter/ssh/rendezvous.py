"""Where an endpoint inside a job and the one that has submitted it find each other: files on a shared home.

==========  ==========================================  ==================================================
file        written by                                  holds
==========  ==========================================  ==================================================
NAME.req    the endpoint inside the job (`reverse`)     its host, and the bridge that it wants, as JSON
NAME.port   who runs ssh                                the port on the job's host that leads to the bridge
NAME.pid    who runs ssh                                the process id of ssh
==========  ==========================================  ==================================================

Names and contents are those of radical.orbit 0.2.0. Others may be able to write there, on a home that isn't
guarded well: what is read is believed only where it is the user's own and fits the grammar.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

import msgspec

from orbit_jupyter.protocol import check_name
from orbit_jupyter.state import write_whole

from .hosts import check_host

MAX_SIZE = 4096
"""Bytes of a file; a longer one is none of ours."""


class RequestError(Exception):
    """What lies there as a request is none."""


class Request(msgspec.Struct, frozen=True):
    """What an endpoint inside a job asks for."""

    endpoint_name: str
    hostname: str
    bridge_host: str = ""
    bridge_port: int = 0


class Rendezvous:
    """The files of one endpoint.

    Parameters
    ----------
    name
        The endpoint's.
    folder
        None: ``~/.radical/orbit/tunnels``.
    """

    def __init__(self, name: str, folder: Path | None = None) -> None:
        self.name = check_name(name, "endpoint name")
        self.folder = folder or Path.home() / ".radical" / "orbit" / "tunnels"
        self._request, self._port, self._pid = (self.folder / f"{name}.{kind}" for kind in ("req", "port", "pid"))

    def ask(self, request: Request) -> None:
        """Ask for a tunnel; a port that an earlier life was given is forgotten."""
        self._prepare()
        self._port.unlink(missing_ok=True)
        write_whole(self._request, msgspec.json.encode(request))

    def asked(self) -> tuple[Request, str] | None:
        """Return what is asked for, and a mark that is another one for another request; or None.

        Raises
        ------
        RequestError
            It isn't the user's own file, can't be read, or names no host.
        """
        found = _read(self._request)
        if found is None:
            return None
        content, about = found
        try:
            request = msgspec.json.decode(content, type=Request)
            if request.endpoint_name != self.name:
                raise ValueError(f"it is for {request.endpoint_name[:80]!r}")
            check_host(request.hostname)
        except (msgspec.DecodeError, ValueError) as error:
            raise RequestError(f"{self._request} asks for no tunnel of {self.name}: {error}") from None
        return request, f"{about.st_ino}-{about.st_mtime_ns}"

    def offer(self, port: int, pid: int) -> None:
        """Say which port leads to the bridge."""
        self._prepare()
        write_whole(self._pid, f"{pid}\n".encode())
        write_whole(self._port, f"{port}\n".encode())

    def offered(self) -> int | None:
        """Return that port, or None where there is none just now."""
        port = self._number(self._port)
        return port if port is not None and 0 < port < 65536 else None

    @property
    def pid(self) -> int | None:
        """The process id of ssh, on whichever host it runs."""
        return self._number(self._pid)

    def withdraw(self) -> None:
        """Take the port back: the tunnel is down."""
        self._port.unlink(missing_ok=True)
        self._pid.unlink(missing_ok=True)

    def ask_no_more(self) -> None:
        """Take the request back."""
        self._request.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove all of it."""
        self.ask_no_more()
        self.withdraw()

    def _number(self, path: Path) -> int | None:
        with contextlib.suppress(RequestError, ValueError):
            found = _read(path)
            return None if found is None else int(found[0].decode("ascii"))
        return None

    def _prepare(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        about = self.folder.stat()
        if about.st_uid != os.getuid():
            raise PermissionError(f"{self.folder} belongs to somebody else: it can't be used for tunnels")
        if stat.S_IMODE(about.st_mode) & 0o077:
            self.folder.chmod(0o700)


def _read(path: Path) -> tuple[bytes, os.stat_result] | None:
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RequestError(f"{path} can't be read: {error.strerror}") from None
    with open(opened, "rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode) or about.st_uid != os.getuid() or about.st_size > MAX_SIZE:
            raise RequestError(f"{path} is no file of ours")
        return file.read(MAX_SIZE), about
