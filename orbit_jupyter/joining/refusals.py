"""Why ssh didn't get there, in plain words and with what to do."""

from __future__ import annotations

import re
import shlex

from .errors import JoinError

_CHANGED = re.compile(r"ssh-keygen .*-R .*")
_OFFENDING = re.compile(r"Offending \S+ key in (\S+)")


def explain(host: str, said: str) -> JoinError:
    """Return the error for what ssh has said.

    Parameters
    ----------
    host
        As the user wrote it.
    said
        All of ssh's standard error.
    """
    last = " ".join(_words(said)[-3:])
    if "REMOTE HOST IDENTIFICATION HAS CHANGED" in said or "POSSIBLE DNS SPOOFING" in said:
        remedy = _CHANGED.search(said)
        offending = _OFFENDING.search(said)
        known = f" (it is in {offending[1]})" if offending else ""
        usual = f"ssh-keygen -R {shlex.quote(host.rpartition('@')[2])}"
        return JoinError(
            f"the host key of {host} has changed since it was last seen{known}: the machine was made anew, or "
            "somebody listens. Nothing was sent. Ask the site for its new fingerprint; if it is right, run "
            f"{remedy[0].strip() if remedy else usual} and join again"
        )
    if "Host key verification failed" in said:
        return JoinError(
            f"the host key of {host} isn't known and wasn't accepted; nothing was sent. Compare its fingerprint "
            "with the one that the site publishes, join again and answer yes. (With StrictHostKeyChecking yes in "
            f"ssh's configuration: add the key to known_hosts first.) ssh said: {last}"
        )
    if "Permission denied" in said or "Too many authentication failures" in said:
        return JoinError(
            f"{host} doesn't let you in: {last}. See that user, key and password are right; "
            f"this must work: ssh {host}"
        )
    for sign, reason in _REASONS:
        if sign in said:
            return JoinError(f"{host} can't be reached: {reason}. ssh said: {last}", transient=True)
    return JoinError(f"ssh to {host} failed: {last or 'it said nothing'}. See whether this works: ssh {host}")


def forward_refused(host: str, said: str) -> JoinError:
    """Return the error for a tunnel that the host doesn't let end there."""
    return JoinError(
        f"{host} lets no tunnel end in a Unix socket there, which is what a join needs. Ask its staff for "
        "'AllowStreamLocalForwarding yes' and 'AllowTcpForwarding yes' in sshd_config (OpenSSH's defaults; a "
        "Match block can have them for you alone), and see that your key isn't restricted in "
        "~/.ssh/authorized_keys over there (restrict, no-port-forwarding). Orbit uses no port in its place: "
        "everybody on that machine could use it, or take it. Until then join another login node, or run the "
        f"bridge where the cluster can reach it and start orbit-endpoint over there by hand. {said}"
    )


_REASONS = (
    ("Could not resolve hostname", "there is no host of that name; look at its spelling, the network and the VPN"),
    ("Connection refused", "nothing listens there; look at the port and whether the host is up"),
    ("timed out", "it doesn't answer; look at the network, the VPN, and whether the host is up"),
    ("No route to host", "there is no way there; look at the network and the VPN"),
    ("Network is unreachable", "this machine has no network"),
    ("Connection closed", "it hung up; a password that takes longer than it waits for is one reason. Join again"),
    ("Connection reset", "it hung up; too many connections at once is one reason. Join again in a minute"),
)


def _words(said: str) -> list[str]:
    lines = (line.strip() for line in said.splitlines())
    return [line for line in lines if line and not set(line) <= set("@ ")]
