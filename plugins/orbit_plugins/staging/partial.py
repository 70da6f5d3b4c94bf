"""A file that isn't whole yet: beside its target, under a hidden name, until it is renamed. For both sides."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import secrets
import threading

from orbit_jupyter.protocol import OrbitError, OverloadedError

from . import digests
from .place import check_regular

PREFIX = ".orbit-part-"
_WRITE = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


def name_of(target: str, key: str) -> str:
    """Return the name of the part of `target` that `key` (of its content) stands for; empty: of nobody else's."""
    if not key:
        return PREFIX + secrets.token_hex(16)
    return (
        PREFIX + hashlib.blake2b(f"{target}\0{key}".encode(errors="surrogateescape"), digest_size=16).hexdigest()
    )


def size_of(folder: int, target: str, key: str) -> int:
    """Return how many bytes of a part are there."""
    with contextlib.suppress(FileNotFoundError):
        return os.stat(name_of(target, key), dir_fd=folder, follow_symlinks=False).st_size
    return 0


class Partial:
    """One part. Every method blocks, and may be called from any thread; after `close` each fails.

    Parameters
    ----------
    folder
        Descriptor of the folder; the part has one of its own.
    target
        Name of the file that it is to be.
    name
        Name that it has until then.
    fd
        The open part, which is the object's from now on.
    lasting
        Whether somebody may go on with it; else it goes with this object.
    """

    def __init__(self, folder: int, target: str, name: str, fd: int, *, lasting: bool = False) -> None:
        self._lock, self._lasting = threading.Lock(), lasting
        self._fd, self._folder = fd, os.dup(folder)
        self._hasher = hashlib.blake2b()
        self.size = 0
        self._target, self._name = target, name

    @classmethod
    def open(cls, folder: int, target: str, name: str, *, lasting: bool = False, private: bool = False) -> Partial:
        """Open a part that is there, or make one; nobody else has it then.

        Parameters
        ----------
        folder, target, name, lasting
            As above; one that isn't lasting is always made.
        private
            Whether others mustn't be able to read it.

        Raises
        ------
        OverloadedError
            Somebody is writing it.
        OSError
        """
        flags = _WRITE if lasting else _WRITE | os.O_EXCL
        fd = os.open(name, flags, 0o600 if private else 0o666, dir_fd=folder)
        try:
            found = os.fstat(fd)
            check_regular(found, name)
            if found.st_uid != os.geteuid():
                raise PermissionError(errno.EACCES, "Permission denied", name)
            _lock(fd)
            # Who had it before may have renamed it since: then this is the finished file.
            if not _is_there(folder, name, found):
                raise OverloadedError(f"another transfer has just finished {target}")
            return cls(folder, target, name, fd, lasting=lasting)
        except BaseException:
            os.close(fd)
            raise

    def resume(self, offset: int, digest: str = "", stop: threading.Event | None = None) -> None:
        """Go on behind the first `offset` bytes; the rest is cut off.

        Parameters
        ----------
        offset
            Bytes.
        digest
            Of these bytes, where it is known.
        stop
            Set where nobody waits any more.

        Raises
        ------
        OrbitError
            Status 412, transient: that isn't what is there, or not so much is. All is cut off then.
        """
        with self._lock:
            size = os.fstat(self._fd).st_size
            hasher = digests.of_open_file(self._fd, offset, stop) if offset <= size else None
            if hasher is None or (digest and digests.text_of(hasher) != digest):
                os.ftruncate(self._fd, 0)
                raise OrbitError(
                    f"of {self._target} there are no such {offset} bytes to go on behind; begin anew",
                    status=412,
                    transient=True,
                )
            os.ftruncate(self._fd, offset)
            os.lseek(self._fd, offset, os.SEEK_SET)
            self._hasher, self.size = hasher, offset

    def write(self, data: bytes) -> None:
        """Append."""
        with self._lock:
            view = memoryview(data)
            while view:
                view = view[os.write(self._fd, view) :]
            self._hasher.update(data)
            self.size += len(data)

    @property
    def digest(self) -> str:
        """Of what has been written."""
        return digests.text_of(self._hasher)

    def finish(self, *, overwrite: bool, mode: int | None = None, mtime: int | None = None) -> None:
        """Have it under its own name, whole, and close.

        Parameters
        ----------
        overwrite
            Whether a file of that name may be there.
        mode
            Permissions; None: those of the file that is overwritten, or what is usual.
        mtime
            Nanoseconds since the epoch.

        Raises
        ------
        FileExistsError
        OSError
            Nothing under that name has changed.
        """
        with self._lock:
            old = check_target(self._folder, self._target, overwrite=overwrite)
            if mode is None and old is not None:
                mode = old.st_mode
            if mode is not None:
                os.fchmod(self._fd, mode & 0o777)
            if mtime is not None:
                os.utime(self._fd, ns=(mtime, mtime))
            os.fsync(self._fd)  # a network file system says only now that it has no room
            if overwrite or not self._link():
                os.rename(self._name, self._target, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            self._close()

    def _link(self) -> bool:
        """Give it its name only if there is no such name; return False where links can't be made."""
        try:
            os.link(self._name, self._target, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        except OSError as error:
            if error.errno in _NO_LINKS:
                return False
            raise
        os.unlink(self._name, dir_fd=self._folder)
        return True

    def discard(self) -> None:
        """Remove it."""
        with self._lock:
            if self._fd >= 0:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self._name, dir_fd=self._folder)
                self._close()

    def close(self) -> None:
        """Leave it for later, if it is lasting; else remove it."""
        if not self._lasting:
            self.discard()
        with self._lock:
            self._close()

    def _close(self) -> None:
        fds, self._fd, self._folder = (self._fd, self._folder), -1, -1
        for fd in fds:
            if fd >= 0:
                os.close(fd)

    def __del__(self) -> None:
        if hasattr(self, "_name"):
            with contextlib.suppress(OSError):
                self.close()


def check_target(folder: int, name: str, *, overwrite: bool) -> os.stat_result | None:
    """Return what is known of a file that is to be overwritten, or None where there is none.

    Raises
    ------
    FileExistsError
        It is there, and isn't to be.
    IsADirectoryError, IrregularError
        It can't be.
    """
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    check_regular(found, name)
    if not overwrite:
        raise FileExistsError(errno.EEXIST, "File exists", name)
    return found


def _lock(fd: int) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OverloadedError("another transfer is writing the same file", data={"retry_after": 1}) from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:  # some file systems have none
            raise


def _is_there(folder: int, name: str, found: os.stat_result) -> bool:
    with contextlib.suppress(FileNotFoundError):
        now = os.stat(name, dir_fd=folder, follow_symlinks=False)
        return (now.st_dev, now.st_ino) == (found.st_dev, found.st_ino)
    return False
