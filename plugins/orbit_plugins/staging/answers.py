"""What the routes take and answer; names and keys are those of radical.orbit 0.2.0, and more."""

from __future__ import annotations

from typing import Literal, TypedDict

import msgspec


class Put(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``put/{sid}``; the content is base64."""

    filename: str
    content: bytes
    overwrite: bool = False


class Get(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``get/{sid}``."""

    filename: str


class List(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``list/{sid}``."""

    path: str


class Written(TypedDict):
    """Of ``put/{sid}``: the path with all its symbolic links followed, and the bytes."""

    path: str
    size: int


class Stored(Written):
    """Of ``PUT files/…``: what was written, and its digest as it came in."""

    digest: str


class Got(Written):
    """Of ``get/{sid}``; the content is base64."""

    content: str


class _Named(TypedDict):
    name: str
    type: Literal["file", "dir", "unknown"]
    size: int | None


class Entry(_Named, total=False):
    """One name in a folder; `size` (bytes) of files only. A symbolic link is what it leads to, and has `link`."""

    link: bool


class Listing(TypedDict):
    """Of ``list/{sid}``."""

    path: str
    entries: list[Entry]


class Part(TypedDict):
    """Of ``part/…``: how many bytes of a content are there already."""

    path: str
    offset: int


class Digest(TypedDict):
    """Of ``digest/…``: of the file as it is now, which `etag` stands for."""

    path: str
    size: int
    digest: str
    etag: str


class Folder(TypedDict):
    """Of ``PUT folders/…``."""

    path: str


State = Literal["ACTIVE", "DONE", "FAILED", "CANCELED"]


class Transfer(TypedDict):
    """A file that comes in (`put`) or goes out (`get`).

    `bytes` are there by now, of `size` (null: not known); `time` is that of the last news, in s since the epoch.
    """

    id: str
    direction: Literal["put", "get"]
    path: str
    bytes: int
    size: int | None
    state: State
    message: str | None
    time: float


class Transfers(TypedDict):
    """Of ``transfers/{sid}``, the oldest first."""

    transfers: list[Transfer]
