"""What ssh says when it fails, and what to do about it."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from orbit_jupyter.protocol import OrbitError


class TunnelError(OrbitError):
    """There is no tunnel; the message has ssh's last words.

    Attributes
    ----------
    lasting
        Whether trying again can't help before somebody has done something.
    """

    def __init__(self, message: str, *, lasting: bool = False) -> None:
        super().__init__(message, transient=not lasting)
        self.lasting = lasting


KNOWN: list[tuple[str, str, bool]] = [
    (
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        "the host key of {host} isn't the one that is known here: somebody may be listening. Ask its "
        "administrators; if the new key is right, run on {here}: ssh-keygen -R {host}, then: ssh {login}",
        True,
    ),
    (
        "Host key verification failed",
        "the host key of {host} isn't known here. Run once on {here}: ssh {login}, compare the fingerprint "
        "that it shows with the one that the site publishes, and say yes",
        True,
    ),
    (
        "Permission denied (",
        "{host} lets nobody in without being asked something. On {here} this must work by itself: ssh {login} "
        "true; put a public key into ~/.ssh/authorized_keys there, or choose another tunnel",
        False,
    ),
    (
        "remote port forwarding failed",
        "{host} refuses to forward a port: its sshd must have AllowTcpForwarding",
        False,
    ),
    (
        "administratively prohibited",
        "{host} refuses to forward a port: its sshd must have AllowTcpForwarding",
        False,
    ),
    ("Could not resolve hostname", "{here} can't find the host {host}: name one that it can reach", False),
    (
        "can't be started",
        "there is no ssh on {here}: install OpenSSH's client, or name it in RADICAL_ORBIT_SSH",
        True,
    ),
]
"""(what ssh says, what that means and what to do, whether it stays so)."""

_NOISE = (
    "debug1:",
    "debug2:",
    "debug3:",
    "OpenSSH_",
    "Pseudo-terminal",
    "Authenticated to ",
    "Transferred: ",
    "Allocated port ",
)


def last_words(lines: Iterable[str]) -> str:
    """Return the last three lines that are no debug output."""
    said = [line.strip().removeprefix("ssh: ") for line in lines if line.strip() and not line.startswith(_NOISE)]
    return "; ".join(said[-3:])


def explain(lines: Iterable[str], login: str, what: str) -> TunnelError:
    """Return the error for what ssh wrote.

    Parameters
    ----------
    lines
        Its standard error.
    login
        Where it was to log in.
    what
        What didn't work, such as ``the tunnel through login1``.
    """
    lines = list(lines)
    text, words = "\n".join(lines), last_words(lines)
    said = f" (ssh: {words})" if words else " (ssh said nothing)"
    names = {"host": login.rpartition("@")[2], "here": socket.gethostname(), "login": login}
    for sign, advice, lasting in KNOWN:
        if sign in text:
            return TunnelError(f"{what} doesn't stand: {advice.format(**names)}{said}", lasting=lasting)
    return TunnelError(f"{what} doesn't stand{said}")
