"""BLAKE2b of a content, as ``blake2b=HEX``: the same as the program ``b2sum`` prints."""

from __future__ import annotations

import hashlib
import os
import re
import threading

from orbit_jupyter.plugin import InvalidFieldError

HEADER = "x-orbit-digest"
PIECE = 1 << 20
"""Bytes that are read at once; between two pieces it can be stopped."""

_TEXT = re.compile(r"blake2b=([0-9a-f]{128})")


class Stopped(Exception):
    """Nobody waits for the digest any more."""


def text_of(hasher: hashlib.blake2b) -> str:
    """Return a digest as the header has it."""
    return f"blake2b={hasher.hexdigest()}"


def checked(text: str, field: str = HEADER) -> str:
    """Return a digest that somebody has sent.

    Raises
    ------
    InvalidFieldError
        It isn't ``blake2b=`` and 128 hexadecimal digits.
    """
    if _TEXT.fullmatch(text.strip().lower()) is None:
        raise InvalidFieldError(f"{field}: {text[:160]!r} isn't blake2b=HEX with 128 digits", field=field)
    return text.strip().lower()


def of_bytes(content: bytes) -> str:
    """Return the digest of a content that is in memory."""
    return text_of(hashlib.blake2b(content))


def of_open_file(fd: int, size: int, stop: threading.Event | None = None) -> hashlib.blake2b:
    """Return the hash over the first bytes of an open file, which can be fed with more; it blocks.

    Parameters
    ----------
    fd
        Its file position stays where it is.
    size
        How many bytes; of a shorter file all.
    stop
        Looked at now and then.

    Raises
    ------
    Stopped
        `stop` has been set.
    """
    hasher, offset = hashlib.blake2b(), 0
    while offset < size:
        if stop is not None and stop.is_set():
            raise Stopped
        piece = os.pread(fd, min(PIECE, size - offset), offset)
        if not piece:
            break
        hasher.update(piece)
        offset += len(piece)
    return hasher
