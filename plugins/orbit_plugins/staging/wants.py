"""What the headers of an upload say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orbit_jupyter.plugin import InvalidFieldError

from . import digests

OFFSET, PREFIX, SIZE = "x-orbit-offset", "x-orbit-prefix", "x-orbit-size"
MODE, MTIME = "x-orbit-mode", "x-orbit-mtime"
_LARGEST = 2**63 - 1


@dataclass(frozen=True)
class Wants:
    """An upload.

    Attributes
    ----------
    digest
        Of the whole content, as ``blake2b=HEX``; empty: it isn't known, and the upload can't be resumed.
    offset
        Bytes that are there already and aren't sent again.
    prefix
        Digest of those bytes; empty: it isn't known.
    size
        Bytes of the whole content; None: not known.
    mode
        Permissions; None: as usual.
    mtime
        Nanoseconds since the epoch; None: now.
    """

    digest: str = ""
    offset: int = 0
    prefix: str = ""
    size: int | None = None
    mode: int | None = None
    mtime: int | None = None

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Wants:
        """Read them.

        Raises
        ------
        InvalidFieldError
            Naming the header.
        """
        digest, prefix = headers.get(digests.HEADER, ""), headers.get(PREFIX, "")
        offset = _number(headers, OFFSET) or 0
        size = _number(headers, SIZE)
        if size is None and "content-length" in headers:
            size = offset + (_number(headers, "content-length") or 0)
        if offset and not digest:
            raise InvalidFieldError(f"{OFFSET}: needs {digests.HEADER}, by which the part is found", field=OFFSET)
        if size is not None and offset > size:
            raise InvalidFieldError(f"{OFFSET}: {offset} is behind the end of {size} bytes", field=OFFSET)
        mode = _number(headers, MODE, base=8)
        if mode is not None and mode > 0o7777:
            raise InvalidFieldError(f"{MODE}: {headers[MODE]!r} is no mode, such as 644", field=MODE)
        return cls(
            digest=digests.checked(digest) if digest else "",
            offset=offset,
            prefix=digests.checked(prefix, PREFIX) if prefix else "",
            size=size,
            mode=mode,
            mtime=_number(headers, MTIME),
        )


def _number(headers: Mapping[str, str], name: str, base: int = 10) -> int | None:
    text = headers.get(name)
    if text is None:
        return None
    try:
        number = int(text, base) if text.isalnum() and text.isascii() else -1
    except ValueError:
        number = -1
    if not 0 <= number <= _LARGEST:
        raise InvalidFieldError(f"{name}: {text[:80]!r} is no number", field=name)
    return number
