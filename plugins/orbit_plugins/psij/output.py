"""Where jobs' output lies, and how it is read in pieces."""

from __future__ import annotations

from pathlib import Path

import msgspec

from orbit_jupyter.plugin import PluginError

READ_AT_MOST = 1 << 20
"""Bytes of one answer, for each of the two streams."""

TAIL = 24 * 1024
"""Bytes of output in an event, for each of the two streams: both and the rest fit into its 64 KiB."""

# PSI/J's launcher script leaves its redirections unquoted: the shell takes such a path apart.
_UNSAFE = frozenset(" \t\n*?[")


def unsafe(path: Path) -> bool:
    """Return whether PSI/J's launcher can't write to `path`."""
    return not _UNSAFE.isdisjoint(str(path))


class OutputFolder:
    """The output files of jobs that don't name their own.

    Parameters
    ----------
    root
        The plugin's folder.
    """

    def __init__(self, root: Path) -> None:
        self.path = root / "output"

    def files(self, job_id: str) -> tuple[Path, Path]:
        """Return where the job's stdout and stderr go; only their owner can look in there.

        Raises
        ------
        PluginError
            If the folder's name has characters that PSI/J can't cope with.
        """
        if unsafe(self.path):
            raise PluginError(f"PSI/J can't write to {self.path}: give the endpoint a folder without spaces")
        for folder in (self.path.parent, self.path):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
        return self.path / f"{job_id}.out", self.path / f"{job_id}.err"


def read_from(path: Path, offset: int, *, ended: bool, at_most: int | None = None) -> tuple[str, int]:
    """Read a file from a byte on, at most `READ_AT_MOST` bytes.

    Parameters
    ----------
    path
        The file; one that isn't there yet is empty.
    offset
        Bytes to skip.
    ended
        Whether nobody writes any more. Otherwise a character whose bytes aren't all there is left for next time.
    at_most
        Bytes to read instead.

    Returns
    -------
    tuple
        The text, and the offset to go on from: the same again where there is nothing new.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            if offset >= size:
                return "", offset
            file.seek(offset)
            piece = file.read(READ_AT_MOST if at_most is None else at_most)
    except (FileNotFoundError, NotADirectoryError):
        return "", offset
    if not ended or offset + len(piece) < size:
        piece = piece[: len(piece) - _unfinished(piece)]
    return piece.decode("utf-8", "replace"), offset + len(piece)


def read_tail(path: Path, at_most: int = TAIL) -> tuple[str, bool]:
    """Return the end of a file, at most `at_most` bytes once it is JSON, and whether anything was cut off."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - at_most))
            piece = file.read(at_most)
    except OSError:
        return "", False
    cut = size > at_most
    if cut:
        # Begin with a whole character: at most three bytes of the one before are left.
        piece = piece[next((i for i in range(min(3, len(piece))) if piece[i] & 0xC0 != 0x80), 3) :]
    text = piece.decode("utf-8", "replace")
    # JSON writes a control character as six bytes, and what isn't UTF-8 has become three.
    while (excess := len(msgspec.json.encode(text)) - 2 - at_most) > 0:
        text, cut = text[max(1, excess // 6) :], True
    return text, cut


def _unfinished(piece: bytes) -> int:
    """Return how many bytes at the end begin a UTF-8 sequence that isn't complete."""
    for length in range(1, min(3, len(piece)) + 1):
        byte = piece[-length]
        if byte & 0xC0 == 0x80:
            continue
        needs = 2 if 0xC2 <= byte <= 0xDF else 3 if 0xE0 <= byte <= 0xEF else 4 if 0xF0 <= byte <= 0xF4 else 1
        return length if length < needs else 0
    return 0
