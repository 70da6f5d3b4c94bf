"""Events on disk that the memory has no room for, while this process lives."""

from __future__ import annotations

import contextlib
import logging
import shutil
import time
import uuid
from pathlib import Path

import msgspec

from orbit_jupyter.protocol import Event
from orbit_jupyter.state import Holder

log = logging.getLogger("orbit.endpoint")

OLD = 7 * 86_400.0
"""Seconds after which the files of a process are removed that can't be seen from here."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Event]).decode


class UnreadableError(Exception):
    """A segment is gone, or damaged."""


class Spill:
    """Segments of events, a file each, in a folder of this process's own.

    Not synced: they are of no use without the process. What dead processes have left is removed.

    Parameters
    ----------
    folder
        In which that folder is made, when it is needed; several processes may share it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / uuid.uuid4().hex
        self._made = self._failed = False
        with contextlib.suppress(OSError):
            for left in folder.iterdir():
                if _is_left(left):
                    shutil.rmtree(left, ignore_errors=True)

    def write(self, first: int, events: list[Event]) -> bool:
        """Write a segment; return False where the disk doesn't take it."""
        path = self._path(first)
        try:
            if not self._made:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                (self._folder / "holder.json").write_bytes(msgspec.json.encode(Holder.here()))
                self._made = True
            path.write_bytes(_encode(events))
        except OSError as error:
            if not self._failed:
                log.error("events can't be put on disk until the bridge takes them, and the oldest go: %s", error)
            self._failed = True
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            return False
        self._failed = False
        return True

    def read(self, first: int, count: int) -> list[Event]:
        """Return the events of a segment.

        Raises
        ------
        UnreadableError
        """
        try:
            events = _decode(self._path(first).read_bytes())
        except (OSError, msgspec.MsgspecError) as error:
            log.error("events that were put on disk can't be read any more, and are lost: %s", error)
            raise UnreadableError from None
        if len(events) != count:
            log.error("%s holds %d events instead of %d; they are lost", self._path(first), len(events), count)
            raise UnreadableError
        return events

    def remove(self, first: int) -> None:
        """Remove a segment."""
        with contextlib.suppress(OSError):
            self._path(first).unlink(missing_ok=True)

    def close(self) -> None:
        """Remove them all."""
        if self._made:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, first: int) -> Path:
        return self._folder / f"{first}.events"


def _is_left(folder: Path) -> bool:
    """Whether the process is gone that made a folder."""
    try:
        holder = msgspec.json.decode((folder / "holder.json").read_bytes(), type=Holder)
        fate = holder.fate()
    except (OSError, msgspec.MsgspecError):
        fate = "unknown"
    return fate == "dead" or (fate == "unknown" and time.time() - folder.stat().st_mtime > OLD)
