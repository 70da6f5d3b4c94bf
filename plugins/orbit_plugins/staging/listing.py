"""What is in a folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from orbit_jupyter.plugin import BadRequestError

from .answers import Entry, Listing
from .partial import PREFIX
from .place import Place
from .refusals import answered
from .roots import Roots


def listing_of(place: Place, roots: Roots) -> Listing:
    """Return the entries of a folder by name; parts that are under way are left out. It blocks.

    Raises
    ------
    OrbitError
        As it can't be read.
    """
    with answered(place.path), place.itself() as folder:
        # The descriptor of the walk may be one that can be passed only, not read.
        fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
        try:
            entries = sorted(_entries(fd, place, roots), key=lambda entry: entry["name"])
        finally:
            os.close(fd)
    return {"path": place.path, "entries": entries}


def _entries(fd: int, place: Place, roots: Roots) -> Iterator[Entry]:
    with os.scandir(fd) as found:
        for one in found:
            if not one.name.startswith(PREFIX):
                yield _entry(one, place, roots)


def _entry(one: os.DirEntry[str], place: Place, roots: Roots) -> Entry:
    # A name that isn't UTF-8 is shown, though no path can say it.
    entry: Entry = {
        "name": os.fsencode(one.name).decode("utf-8", "backslashreplace"),
        "type": "unknown",
        "size": None,
    }
    try:
        if one.is_symlink():
            entry["link"] = True
            roots.find(os.path.join(place.path, one.name))  # where it leads to is shown within the roots only
        about = one.stat()
    except (OSError, BadRequestError):
        return entry
    if stat.S_ISDIR(about.st_mode):
        entry["type"] = "dir"
    elif stat.S_ISREG(about.st_mode):
        entry["type"], entry["size"] = "file", about.st_size
    return entry
