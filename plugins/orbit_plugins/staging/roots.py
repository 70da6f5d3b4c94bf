"""Where files may be: the operator's folders, and the way to a file that can't be led out of them."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from orbit_jupyter.plugin import BadRequestError

from .place import Place
from .refusals import answered

ROOTS = "RADICAL_ORBIT_STAGING_ROOTS"
LIMIT = "RADICAL_ORBIT_STAGING_LIMIT"
SCRATCH = ("SCRATCH", "WORK", "PSCRATCH")
"""Variables in which HPC sites say where a user's large files belong."""

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


class Roots:
    """The folders that files may be read from and written to, with all that is below them.

    Parameters
    ----------
    folders
        Absolute paths; ``~`` is the user's home. One that isn't there is no root until it is.

    Raises
    ------
    ValueError
        If a path isn't absolute.
    """

    def __init__(self, folders: list[str]) -> None:
        self.folders = [os.path.expanduser(folder) for folder in folders]
        for folder in self.folders:
            if not os.path.isabs(folder):
                raise ValueError(f"{ROOTS}: {folder!r} is no absolute path")

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Roots:
        """Return what the environment says; else the home, the temporary folder and the scratch folders."""
        said = environment.get(ROOTS, "")
        if said.strip(":"):
            return cls([os.path.expandvars(folder) for folder in said.split(":") if folder])
        scratch = [environment[name] for name in SCRATCH if os.path.isabs(environment.get(name, ""))]
        return cls([str(Path.home()), tempfile.gettempdir(), *scratch])

    def find(self, text: str) -> Place:
        """Return the place that a path means, after all its symbolic links; it needn't exist. It blocks.

        Raises
        ------
        BadRequestError
            The path is relative, or leads out of the roots.
        """
        if "\0" in text:
            raise BadRequestError(f"{text!r} is no path: it holds a NUL")
        expanded = str(Path.home()) + text[1:] if text == "~" or text.startswith("~/") else text
        if not os.path.isabs(expanded):
            raise BadRequestError(f"{text!r} is a relative path; begin with / or ~/")
        with answered(text):
            path = _real(expanded)
            roots = [os.path.realpath(folder) for folder in self.folders if os.path.isdir(folder)]
        within = [root for root in roots if path == root or path.startswith(root.rstrip("/") + "/")]
        if not within:
            raise BadRequestError(
                f"{text} is outside of the folders that this endpoint allows: {', '.join(roots)}"
            )
        root = max(within, key=len)
        parts = path[len(root) :].strip("/")
        return Place(root, tuple(parts.split("/")) if parts else ())


def _real(path: str) -> str:
    for _ in range(20):
        try:
            return os.path.realpath(path)
        except OSError as error:
            if error.errno != errno.EINVAL:  # a link that is a file by the time it is read
                raise
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)


def limit_of(environment: Mapping[str, str]) -> int | None:
    """Return how large a file may be that is sent here, in bytes; None: as large as there is room.

    Raises
    ------
    ValueError
        The environment says what is no size, such as ``500``, ``200M`` or ``2T``.
    """
    said = environment.get(LIMIT, "").strip().upper().removesuffix("B").removesuffix("I")
    if not said:
        return None
    unit = said[-1] if said[-1] in _UNITS else ""
    number = said.removesuffix(unit)
    if not number.isdecimal():
        raise ValueError(f"{LIMIT}: {environment[LIMIT]!r} is no size, such as 500, 200M or 2T")
    return int(number) * _UNITS[unit]
