"""The header ``Range``, as RFC 9110 has it (section 14): one range of bytes; several at once are not answered."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ONE = re.compile(r"\s*bytes\s*=\s*(?:(\d+)\s*-\s*(\d*)|-\s*(\d+))\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Span:
    """`size` bytes from `first` on, of `total`."""

    first: int
    size: int
    total: int

    @property
    def content_range(self) -> str:
        """The header that says it in an answer."""
        return f"bytes {self.first}-{self.first + self.size - 1}/{self.total}"


class NotSatisfiable(Exception):
    """The range lies behind the end."""


def span_of(header: str, total: int) -> Span | None:
    """Return what ``Range`` asks for of a content of `total` bytes.

    Returns
    -------
    Span or None
        None: all of it. That is also the answer to a header that can't be read, and to several ranges.

    Raises
    ------
    NotSatisfiable
        None of the bytes that are asked for is there.
    """
    found = _ONE.fullmatch(header)
    if found is None:
        return None
    begin, end, suffix = found.groups()
    if suffix is not None:
        size = min(int(suffix), total)
        if not size:
            raise NotSatisfiable
        return Span(total - size, size, total)
    first = int(begin)
    last = min(int(end), total - 1) if end else total - 1
    if end and int(end) < first:
        return None  # no range at all
    if first >= total:
        raise NotSatisfiable
    return Span(first, last - first + 1, total)
