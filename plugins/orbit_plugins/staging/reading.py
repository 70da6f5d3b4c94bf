"""A file that goes out."""

from __future__ import annotations

import os
import stat
import threading
from email.utils import formatdate

from orbit_jupyter.plugin import OrbitError

from .digests import HEADER, of_open_file, text_of
from .place import Place
from .refusals import answered
from .wants import MODE, MTIME, SIZE


class Reading:
    """An open file, as it was when it was opened. It blocks.

    Raises
    ------
    OrbitError
        As it can't be opened.
    """

    def __init__(self, place: Place) -> None:
        self._lock = threading.Lock()
        self._fd = -1
        self.path = place.path
        with answered(self.path):
            self._fd = place.open_file()
            self._found = os.fstat(self._fd)
        self.size = self._found.st_size

    @property
    def etag(self) -> str:
        """Changes with the content, as far as the file system tells."""
        return f'"{self._found.st_ino:x}-{self._found.st_mtime_ns:x}-{self.size:x}"'

    def headers(self, digest: str | None) -> dict[str, str]:
        """Return what is known of it, as headers."""
        return {
            "content-type": "application/octet-stream",
            "accept-ranges": "bytes",
            "etag": self.etag,
            "last-modified": formatdate(self._found.st_mtime, usegmt=True),
            MODE: f"{stat.S_IMODE(self._found.st_mode) & 0o777:o}",
            MTIME: str(self._found.st_mtime_ns),
            SIZE: str(self.size),
            **({HEADER: digest} if digest else {}),
        }

    def read(self, offset: int, size: int) -> bytes:
        """Return so many bytes.

        Raises
        ------
        OrbitError
            Transient: the file has become shorter, or has been closed.
        """
        pieces, got = [], 0
        with self._lock, answered(self.path):
            while self._fd >= 0 and got < size and (piece := os.pread(self._fd, size - got, offset + got)):
                pieces.append(piece)
                got += len(piece)
        if got < size:
            raise OrbitError(f"{self.path} has become shorter while it was read", status=409, transient=True)
        return b"".join(pieces)

    def digest(self, stop: threading.Event | None = None) -> str:
        """Return the digest of all of it."""
        with answered(self.path):
            fd = os.dup(self._fd)
            try:
                return text_of(of_open_file(fd, self.size, stop))
            finally:
                os.close(fd)

    def changed(self) -> bool:
        """Return whether somebody has written to it since it was opened."""
        with self._lock, answered(self.path):
            now = os.fstat(self._fd)
        return (now.st_mtime_ns, now.st_size) != (self._found.st_mtime_ns, self._found.st_size)

    def close(self) -> None:
        """Give it back."""
        with self._lock:
            fd, self._fd = self._fd, -1
            if fd >= 0:
                os.close(fd)

    def __del__(self) -> None:
        self.close()


class Digests:
    """The digests of files that were read lately, by path and tag."""

    KEPT = 1_000

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}

    def get(self, reading: Reading) -> str | None:
        """Return that of a file as it is now."""
        return self._known.get((reading.path, reading.etag))

    def put(self, reading: Reading, digest: str) -> None:
        """Remember one."""
        self._known[(reading.path, reading.etag)] = digest
        while len(self._known) > self.KEPT:
            self._known.pop(next(iter(self._known)))
