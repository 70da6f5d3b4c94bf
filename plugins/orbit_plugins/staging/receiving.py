"""A file that comes in: into its part, and whole under its name."""

from __future__ import annotations

import os
import threading

from orbit_jupyter.plugin import InvalidFieldError, OrbitError, TooLargeError

from .answers import Stored
from .leftovers import Leftovers
from .partial import Partial, check_target, name_of
from .place import Place
from .refusals import answered
from .wants import SIZE, Wants

WORTH_KEEPING = 1 << 20
"""Bytes from which on a part is kept for a second try; less is sent again sooner than it is looked for."""


class Receiving:
    """One upload. It blocks.

    Parameters
    ----------
    place
        Where to.
    wants
        What the headers say.
    overwrite
        Whether a file may be there.
    limit
        Largest size in bytes; None: any.
    leftovers
        Where a part is noted that may be left behind.
    stop
        Set where nobody waits any more.

    Raises
    ------
    OrbitError
        Before any of the body has been looked at: the file exists, may not be there, or is too large.
    """

    def __init__(
        self,
        place: Place,
        wants: Wants,
        *,
        overwrite: bool,
        limit: int | None,
        leftovers: Leftovers,
        stop: threading.Event | None = None,
    ) -> None:
        self._place, self._wants, self._overwrite, self._limit = place, wants, overwrite, limit
        self._leftovers = leftovers
        self._check_size(wants.size or 0)
        # One of a size that isn't known may become large.
        large = wants.size is None or wants.size >= WORTH_KEEPING
        self._lasting = large and bool(wants.digest)
        with answered(place.path), place.folder(make=True) as folder:
            check_target(folder, place.name, overwrite=overwrite)
            name = name_of(place.name, wants.digest if self._lasting else "")
            self._noted = os.path.join(os.path.dirname(place.path), name) if large else ""
            if self._noted:
                leftovers.note(self._noted)
            private = wants.mode is not None
            self._part = Partial.open(folder, place.name, name, lasting=self._lasting, private=private)
            try:
                self._part.resume(wants.offset, wants.prefix, stop)
            except BaseException:
                self._part.close()
                raise

    @property
    def path(self) -> str:
        """Of the file."""
        return self._place.path

    @property
    def size(self) -> int:
        """Bytes that are there by now."""
        return self._part.size

    def write(self, data: bytes) -> None:
        """Append."""
        self._check_size(self._part.size + len(data))
        with answered(self._place.path):
            self._part.write(data)

    def finish(self) -> Stored:
        """Have the file under its name.

        Raises
        ------
        InvalidFieldError
            It isn't what the headers said.
        OrbitError
            It can't be there.
        """
        size, digest = self._part.size, self._part.digest
        path, wants = self._place.path, self._wants
        if wants.size is not None and size != wants.size:
            raise InvalidFieldError(f"{path}: {wants.size} bytes were to come, and {size} came", field=SIZE)
        if wants.digest and digest != wants.digest:
            raise DigestError(f"{path}: what came isn't what was to come; has it been changed while it was sent?")
        with answered(path):
            self._part.finish(overwrite=self._overwrite, mode=wants.mode, mtime=wants.mtime)
        self._forget()
        return {"path": path, "size": size, "digest": digest}

    def stop(self, *, keep: bool) -> None:
        """End without a file.

        Parameters
        ----------
        keep
            Whether to leave the part for another try, where it is worth that.
        """
        if keep and self._lasting and self._part.size >= WORTH_KEEPING:
            self._part.close()
        else:
            self._part.discard()
            self._forget()

    def _forget(self) -> None:
        if self._noted:
            self._leftovers.forget(self._noted)

    def _check_size(self, size: int) -> None:
        if self._limit is not None and size > self._limit:
            raise TooLargeError(
                f"{self._place.path}: this endpoint takes files of at most {self._limit} bytes",
                data={"limit": self._limit},
            )


class DigestError(InvalidFieldError):
    """The content isn't what its digest says."""

    def __init__(self, message: str) -> None:
        super().__init__(message, field="x-orbit-digest")


def is_over(error: BaseException) -> bool:
    """Return whether trying again would come to the same end, so that nothing is worth keeping."""
    if isinstance(error, OrbitError):
        return not error.transient and error.status not in (499, 500)
    return getattr(error, "status_code", 0) == 507
