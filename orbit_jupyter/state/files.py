"""Small files that are there whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_whole(path: Path, content: bytes, *, mode: int = 0o600, durable: bool = False) -> None:
    """Write a file aside and rename it into place, so that no reader sees half of it; its folder is made.

    Parameters
    ----------
    path
        Where; what is there already is replaced.
    mode
        Permissions, whatever the umask says.
    durable
        Whether it has to be there after a power cut as well: the file and its folder are synced, which takes
        milliseconds on a disk and tens of them on NFS.

    Raises
    ------
    OSError
        It can't be written; what was there before is untouched and nothing is left aside.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    if durable:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk, too."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
