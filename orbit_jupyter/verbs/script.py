"""A script that goes to the endpoint inside its job: no file system has to be shared.

It travels as one argument of the job's command. An interpreter that takes a program as an argument (``bash -c``,
``perl -e``) gets it so; for any other a line of shell writes it to a temporary file on the node and gives it that.
"""

from __future__ import annotations

import re
import shlex
from pathlib import PurePosixPath

from .usage import UsageMistake

LONGEST = 100 * 1024
"""Bytes of a script: Linux takes an argument of 128 KiB, and a batch script's quotes need some of that."""

DEFAULT = ("/bin/bash",)

# The option that takes a program as the next argument, by the interpreter's name without its version.
_PROGRAM_OPTIONS = {
    **dict.fromkeys(("sh", "bash", "dash", "ksh", "zsh", "python", "pypy"), "-c"),
    **dict.fromkeys(("perl", "ruby", "julia", "node"), "-e"),
}

_BY_FILE = """\
f=$(mktemp) || exit 1
trap 'rm -f "$f"' EXIT
trap 'exit 143' TERM
printf %s "$1" > "$f"
shift
"$@" "$f"
exit $?"""

_DIRECTIVE = re.compile(r"^#\s?(SBATCH|PBS|BSUB|FLUX)\b", re.IGNORECASE | re.MULTILINE)


def command_of(body: str, interpreter: list[str]) -> list[str]:
    """Return the command that runs a script.

    Parameters
    ----------
    body
        The script.
    interpreter
        Who runs it, with options; empty: as its first line says (``#!…``), else bash.

    Raises
    ------
    UsageMistake
        If there is nothing in it, or too much.
    """
    if not body.strip():
        raise UsageMistake("the script is empty: there is nothing to submit")
    size = len(body.encode())
    if size > LONGEST:
        raise UsageMistake(
            f"the script has {size} bytes, and a job takes {LONGEST} along; "
            "put what is long into a file on the endpoint and call it from here"
        )
    words = interpreter or _shebang(body) or list(DEFAULT)
    option = _PROGRAM_OPTIONS.get(_name(words))
    if option is not None:
        return [*words, option, body]
    return ["/bin/sh", "-c", _BY_FILE, "orbit", body, *words]


def directives(body: str) -> str:
    """Return the scheduler whose directives (``#SBATCH …``) the script has; nobody would read them."""
    match = _DIRECTIVE.search(body)
    return f"#{match.group(1)}" if match else ""


def _shebang(body: str) -> list[str]:
    first = body.partition("\n")[0]
    return shlex.split(first[2:]) if first.startswith("#!") else []


def _name(words: list[str]) -> str:
    name = PurePosixPath(words[0]).name
    if name == "env":
        named = (word for word in words[1:] if not word.startswith("-") and "=" not in word)
        name = PurePosixPath(next(named, "")).name
    return re.sub(r"[\d.]+$", "", name)
