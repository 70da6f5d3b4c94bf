"""The file that audit lines go to: appended, rotated, its owner's alone. It blocks; use it in a thread."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

KEPT = 9
"""Older files, ``audit.jsonl.1`` the youngest of them."""


class AuditFile:
    """Appends whole lines. Nothing stays open, so that several servers with one home can share a file.

    Parameters
    ----------
    path
        Made with mode 0600, its folder too where it isn't there.
    max_bytes
        Size beyond which a new file is begun; 0: never.
    kept
        How many older files stay.
    """

    def __init__(self, path: Path, max_bytes: int, kept: int = KEPT) -> None:
        self.path, self._max_bytes, self._kept = path, max_bytes, kept

    def append(self, lines: bytes) -> None:
        """Add lines, all of them or none.

        Raises
        ------
        OSError
            The disk is full, or the file can't be opened.
        """
        file, size = self._open()
        try:
            if self._max_bytes and size and size + len(lines) > self._max_bytes:
                self._rotate()
                os.close(file)
                file, size = self._open()
            rest = memoryview(lines)
            try:
                while rest:
                    rest = rest[os.write(file, rest) :]
            except OSError:
                # Half a line would spoil the next one; only what is ours is taken back.
                if os.fstat(file).st_size == size + len(lines) - len(rest):
                    os.ftruncate(file, size)
                raise
        finally:
            os.close(file)

    def _open(self) -> tuple[int, int]:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        facts = os.fstat(file)
        if stat.S_ISREG(facts.st_mode) and stat.S_IMODE(facts.st_mode) != 0o600:
            with contextlib.suppress(PermissionError):  # it is somebody else's, who lets us write
                os.fchmod(file, 0o600)
        return file, facts.st_size

    def _rotate(self) -> None:
        # Two servers that do this at the same moment count one number up too many; that costs the oldest file.
        for number in range(self._kept - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                self._numbered(number).replace(self._numbered(number + 1))
        with contextlib.suppress(FileNotFoundError):
            self.path.replace(self._numbered(1))

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")
