"""What an endpoint answers where the file system says no."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from orbit_jupyter.plugin import (
    BadRequestError,
    ConflictError,
    ForbiddenError,
    HTTPException,
    PluginError,
    ResourceNotFoundError,
    TooLargeError,
)

from .place import IrregularError

FULL = (errno.ENOSPC, errno.EDQUOT)

_WRONG_KIND = {
    errno.ENOTDIR: "Not a directory",  # these words are what radical.orbit 0.2.0's client looks for
    errno.EISDIR: "Is a directory",
    errno.ELOOP: "is a symbolic link that leads nowhere, or has only just been put there",
    errno.ENAMETOOLONG: "the name is too long",
}


def refusal(error: OSError, path: str) -> Exception:
    """Return what to answer for an error of the operating system."""
    code = error.errno
    if code == errno.ENOENT:
        return ResourceNotFoundError(f"there is no file or folder {path}")
    if code == errno.EEXIST:
        return ConflictError(f"{path} exists; say that it is to be overwritten")
    if code in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ForbiddenError(f"{path}: {error.strerror} for the user of this endpoint")
    if code in _WRONG_KIND:
        return BadRequestError(f"{path}: {_WRONG_KIND[code]}")
    if code in FULL:
        room = "your quota is used up" if code == errno.EDQUOT else "no space is left on the device"
        return HTTPException(507, f"{path}: {room}; nothing of the file has been kept")
    if code == errno.EFBIG:
        return TooLargeError(f"{path}: the file is larger than its file system or this process may have it")
    return PluginError(f"{path}: {error}")


@contextmanager
def answered(path: str) -> Iterator[None]:
    """Turn errors of the operating system about `path` into what is answered for them."""
    try:
        yield
    except OSError as error:
        if isinstance(error, TimeoutError):  # a deadline of Orbit's
            raise
        raise refusal(error, path) from error
    except IrregularError as error:
        raise BadRequestError(str(error)) from None
    except ValueError as error:  # a NUL in a path
        raise BadRequestError(f"{path!r} is no path: {error}") from None
