"""Becomes a program that ends with who started it: ``python leash.py PARENT PROGRAM ARGUMENTS``.

Linux sends the signal when the *thread* ends that has started the process. Elsewhere there is no such signal.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Put the leash on, and become the program."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it has died before the leash was on
        sys.exit(1)
    try:
        os.execvp(command[0], command)  # noqa: S606 - there is no shell to be had here
    except OSError as error:
        sys.exit(f"{command[0]} can't be started: {error.strerror}")


if __name__ == "__main__":
    main()
