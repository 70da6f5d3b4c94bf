"""ssh's command line: the user's own configuration and keys, and what we insist on."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence

from .hosts import check_login

PROGRAM_VARIABLE = "RADICAL_ORBIT_SSH"
"""The ssh program, with further options if need be, such as ``ssh -F FILE``."""

CONNECT_TIME = 15
"""Seconds that reaching a host may take."""

ALIVE, ALIVE_COUNT = 5, 3
"""Seconds between two looks whether the far side answers, and how many may fail."""

ASK_TIME = 10.0
"""Seconds that ssh may take to say how it is configured."""


def ssh_command(login: str, *arguments: str, control_path: str = "none") -> list[str]:
    """Return the command line that runs ssh to a host without ever asking anybody anything.

    Parameters
    ----------
    login
        ``HOST`` or ``USER@HOST``.
    arguments
        What goes before the host.
    control_path
        Socket of a master connection to use. Usually none: what a master forwards outlives who asked for it.

    Raises
    ------
    ValueError
        The login isn't one, or the variable can't be read.
    """
    check_login(login)
    program, *more = ssh_program()
    # An option counts where it is given first: these before all that the user says, the others behind.
    insist = {
        "StrictHostKeyChecking": _host_key_checking([program, *more], login),
        "BatchMode": "yes",
        "ExitOnForwardFailure": "yes",
        "ControlMaster": "no",
        "ControlPath": control_path,
    }
    usual = {"ConnectTimeout": CONNECT_TIME, "ServerAliveInterval": ALIVE, "ServerAliveCountMax": ALIVE_COUNT}
    return [
        program,
        *ssh_options(**insist),
        *more,
        *ssh_options(**usual),
        "-T",
        "-x",
        "-a",
        *arguments,
        "--",
        login,
    ]


def ssh_program() -> list[str]:
    """Return the ssh program and the options that the user gives it always.

    Raises
    ------
    ValueError
        `PROGRAM_VARIABLE` can't be read.
    """
    given = os.environ.get(PROGRAM_VARIABLE, "")
    try:
        return shlex.split(given) or ["ssh"]
    except ValueError as error:
        raise ValueError(f"{PROGRAM_VARIABLE}={given!r} can't be read: {error}") from None


def ssh_options(**options: object) -> list[str]:
    """Return options of ssh's configuration as its command line has them."""
    return [word for name, value in options.items() for word in ("-o", f"{name}={value}")]


def _host_key_checking(program: Sequence[str], login: str) -> str:
    """Return ``yes``, or ``accept-new`` where the user's configuration says that of this host; never ``no``."""
    try:
        asked = subprocess.run(
            [*program, "-G", "--", login],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ASK_TIME,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "yes"
    return "accept-new" if "stricthostkeychecking accept-new" in asked.stdout.splitlines() else "yes"
