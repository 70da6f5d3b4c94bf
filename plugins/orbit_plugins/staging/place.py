"""A path below a root, and the way there.

It is walked one folder at a time, each opened relative to the one before and never through a symbolic link: where
one is put in the way after the path was looked at, the walk ends.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

# With O_PATH a folder needn't be readable to be passed; other systems than Linux haven't got it.
_STEP = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | getattr(os, "O_PATH", os.O_RDONLY)
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


@dataclass(frozen=True)
class Place:
    """What `Roots.find` has found: a root, and the names below it, none of them a symbolic link at that time."""

    root: str
    parts: tuple[str, ...]

    @property
    def path(self) -> str:
        """All of it."""
        return os.path.join(self.root, *self.parts)

    @property
    def name(self) -> str:
        """The last name.

        Raises
        ------
        IsADirectoryError
            It is a root itself.
        """
        if not self.parts:
            raise IsADirectoryError(errno.EISDIR, "Is a directory", self.path)
        return self.parts[-1]

    @contextmanager
    def folder(self, *, make: bool = False) -> Iterator[int]:
        """Open the folder that it is in; with `make`, folders that are missing are made.

        Raises
        ------
        OSError
            As it can't be, `NotADirectoryError` also for a symbolic link that has come in between.
        """
        with _walked(self.root, self.parts[:-1], make) as fd:
            yield fd

    @contextmanager
    def itself(self, *, make: bool = False) -> Iterator[int]:
        """Open it as a folder."""
        with _walked(self.root, self.parts, make) as fd:
            yield fd

    def open_file(self) -> int:
        """Open it for reading.

        Raises
        ------
        OSError
            As it can't be; `IsADirectoryError` for a folder.
        IrregularError
            It is neither a file nor a folder.
        """
        name = self.name
        with self.folder() as folder:
            check_regular(os.stat(name, dir_fd=folder, follow_symlinks=False), self.path)
            fd = os.open(name, _READ, dir_fd=folder)
        try:
            check_regular(os.fstat(fd), self.path)  # it may have been replaced meanwhile
        except BaseException:
            os.close(fd)
            raise
        return fd


class IrregularError(ValueError):
    """A device, a pipe or a socket."""


def check_regular(found: os.stat_result, path: str) -> None:
    """Raise unless it is a plain file."""
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, "Is a directory", path)
    if stat.S_ISLNK(found.st_mode):
        raise OSError(errno.ELOOP, "Too many levels of symbolic links", path)
    if not stat.S_ISREG(found.st_mode):
        raise IrregularError(f"{path} is a device, a pipe or a socket")


@contextmanager
def _walked(root: str, parts: tuple[str, ...], make: bool) -> Iterator[int]:
    fd = os.open(root, _STEP)
    try:
        for part in parts:
            if make:
                try:
                    os.mkdir(part, dir_fd=fd)
                except FileExistsError:
                    pass
                except PermissionError:
                    os.stat(part, dir_fd=fd, follow_symlinks=False)  # it may be there, which is enough
            inner = os.open(part, _STEP, dir_fd=fd)
            os.close(fd)
            fd = inner
        yield fd
    finally:
        os.close(fd)
