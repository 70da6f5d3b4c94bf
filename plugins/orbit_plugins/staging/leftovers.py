"""Which parts of files this endpoint has begun and not finished, so that old ones can be removed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from pathlib import Path

from orbit_jupyter.plugin import OrbitError
from orbit_jupyter.state import write_whole

from .partial import PREFIX
from .roots import Roots

KEPT = 7 * 86_400.0
"""Seconds after its last change that a part is kept."""


class Leftovers:
    """A note for each part, in the plugin's folder: what it holds is the part's path. It blocks.

    Parameters
    ----------
    folder
        Where the notes are; None: there are none, and nothing is removed.
    roots
        Nothing outside of them is touched, whatever a note says.
    """

    def __init__(self, folder: Path | None, roots: Roots) -> None:
        self._folder, self._roots = folder, roots

    def note(self, path: str) -> None:
        """Note a part before it is made."""
        if self._folder is not None:
            write_whole(self._note_of(path), os.fsencode(path))

    def forget(self, path: str) -> None:
        """Take a note back: the part has been finished or removed."""
        if self._folder is not None:
            self._note_of(path).unlink(missing_ok=True)

    def _note_of(self, path: str) -> Path:
        assert self._folder is not None
        return self._folder / hashlib.blake2b(os.fsencode(path), digest_size=16).hexdigest()

    def sweep(self, older_than: float = KEPT) -> list[str]:
        """Remove the parts that nobody has gone on with for so many seconds; return their paths."""
        removed: list[str] = []
        notes = [] if self._folder is None or not self._folder.is_dir() else sorted(self._folder.iterdir())
        for note in notes:
            with contextlib.suppress(OSError):
                path = os.fsdecode(note.read_bytes())
                if self._is_over(path, older_than, removed):
                    note.unlink(missing_ok=True)
        return removed

    def _is_over(self, path: str, older_than: float, removed: list[str]) -> bool:
        """Remove the part if it is old; return whether there is no such part (any more)."""
        try:
            place = self._roots.find(path)
            with place.folder() as folder:
                found = os.stat(place.name, dir_fd=folder, follow_symlinks=False)
                if not place.name.startswith(PREFIX) or place.path != path:
                    return True
                if time.time() - found.st_mtime < older_than:
                    return False
                os.unlink(place.name, dir_fd=folder)
        except (FileNotFoundError, OrbitError):
            return True
        removed.append(path)
        return True
