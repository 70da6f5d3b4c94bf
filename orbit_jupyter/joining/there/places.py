"""Where things are over there, and files and folders that are their owner's alone."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

HOME = Path.home() / ".radical" / "orbit"


class Trouble(Exception):
    """It can't be done; the message is for the user."""


def folder_of(name: str) -> Path:
    """Return the folder of one joined endpoint."""
    return HOME / "joined" / name


def token_of(name: str) -> Path:
    """Return the file with its token, where `orbit-endpoint` looks for it."""
    return HOME / "endpoints" / f"{name}.token"


def make_private(folder: Path) -> Path:
    """Make a folder that is its owner's alone.

    Raises
    ------
    Trouble
        It can't be made, or is somebody else's.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = folder.lstat()
        if facts.st_uid != os.getuid():
            raise Trouble(f"{folder} belongs to another user; choose another name, or ask for it to be removed")
        if facts.st_mode & 0o077:
            folder.chmod(0o700)
    except OSError as error:
        raise Trouble(
            f"{folder} can't be made: {error.strerror}; see that {HOME.parent} can be written to, and the quota"
        ) from None
    return folder


def write_private(path: Path, content: str) -> None:
    """Write a file that its owner alone can read, whole or not at all."""
    make_private(path.parent)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
        os.replace(aside, path)
    except OSError as error:
        raise Trouble(f"{path} can't be written: {error.strerror}; is the disk full, or the quota?") from None
    finally:
        aside.unlink(missing_ok=True)


def folders(folder: Path) -> list[Path]:
    """Return the folders in a folder, which needn't be there."""
    return [one for one in folder.iterdir() if one.is_dir()] if folder.is_dir() else []


def remove_empty(folder: Path) -> None:
    """Remove a folder if nothing is in it."""
    with contextlib.suppress(OSError):
        folder.rmdir()
