"""SQLite in a folder that this process has leased: also on file systems that its locks don't work on."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from pathlib import Path
from urllib.parse import quote

log = logging.getLogger("orbit.state")

CHECK_TIME = 10.0
"""Seconds after which the check of a large file ends; what is read later shows its damage then."""

BUSY_TIME = 5.0
"""Seconds to wait for another process's lock, which under a lease is one that is just ending."""

LOCKS, NO_LOCKS = "unix", "unix-none"

_REFUSED = ("SQLITE_IOERR_LOCK", "SQLITE_IOERR_RDLOCK", "SQLITE_IOERR_CHECKRESERVEDLOCK", "SQLITE_PROTOCOL")
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")


class DamagedError(sqlite3.DatabaseError):
    """The check found what can't be."""


def open_database(path: Path, *, synchronous: str = "NORMAL", vfs: str = LOCKS) -> sqlite3.Connection:
    """Open a database for this process alone; under the lease of its folder.

    It has no file of shared memory, which NFS and Lustre can't have: the locking mode is set before the journal's.
    Where the file system refuses locks it is opened without them; the lease stands for them. The connection may be
    used from any thread, by one at a time, and commits by itself unless a transaction was begun.

    A damaged file is set aside as ``NAME.damaged-TIME``, with its journal; that is logged, and a new one is made.

    Parameters
    ----------
    synchronous
        ``FULL``: a commit is on the disk when it returns. ``NORMAL``: it outlives this process; a power cut may
        take back the last ones, never a part of one.
    vfs
        SQLite's, by which it locks.

    Raises
    ------
    sqlite3.Error, OSError
        It can't be opened or written.
    """
    try:
        return _open(path, synchronous, vfs)
    except sqlite3.DatabaseError as error:
        if not _damaged(error):
            raise
        _set_aside(path, error)
    return _open(path, synchronous, vfs)


def _open(path: Path, synchronous: str, vfs: str) -> sqlite3.Connection:
    try:
        return _connect(path, synchronous, vfs)
    except sqlite3.OperationalError as error:
        if vfs == NO_LOCKS or _name(error) not in _REFUSED:
            raise
        log.info("%s: the file system refuses locks (%s); the lease stands for them", path, error)
        return _connect(path, synchronous, NO_LOCKS)


def _connect(path: Path, synchronous: str, vfs: str) -> sqlite3.Connection:
    uri = f"file:{quote(str(path))}?vfs={vfs}"
    database = sqlite3.connect(uri, uri=True, timeout=BUSY_TIME, isolation_level=None, check_same_thread=False)
    try:
        database.execute("PRAGMA locking_mode=EXCLUSIVE")
        database.execute("PRAGMA journal_mode=WAL")
        database.execute(f"PRAGMA synchronous={synchronous}")
        database.execute(f"PRAGMA journal_size_limit={8 * 2**20}")
        _check(database)
        os.chmod(path, 0o600)
        return database
    except BaseException:
        database.close()
        raise


def _check(database: sqlite3.Connection) -> None:
    until = time.monotonic() + CHECK_TIME
    database.set_progress_handler(lambda: time.monotonic() > until, 100_000)
    try:
        found = [row[0] for row in database.execute("PRAGMA quick_check(5)")]
    except sqlite3.OperationalError as error:
        if _name(error) != "SQLITE_INTERRUPT":
            raise
    else:
        if found != ["ok"]:
            raise DamagedError("; ".join(found))
    finally:
        database.set_progress_handler(None, 0)


def _name(error: sqlite3.Error) -> str:
    """Return SQLite's name of an error. Python 3.10 has but its text."""
    name = getattr(error, "sqlite_errorname", "")
    if not name:
        text = str(error)
        known = {
            "interrupted": "SQLITE_INTERRUPT",
            "locking protocol": "SQLITE_PROTOCOL",
            "disk I/O error": "SQLITE_IOERR_LOCK",
            "file is not a database": "SQLITE_NOTADB",
            "database disk image is malformed": "SQLITE_CORRUPT",
        }
        name = known.get(text, "")
    return str(name)


def _damaged(error: sqlite3.Error) -> bool:
    return isinstance(error, DamagedError) or _name(error).startswith(_DAMAGED)


def _set_aside(path: Path, error: sqlite3.Error) -> None:
    aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%dT%H%M%S')}-{time.time_ns() % 10**6:06d}")
    for suffix in ("-wal", "-journal", "-shm"):
        with_it = path.with_name(path.name + suffix)
        if with_it.exists():
            with_it.rename(aside.with_name(aside.name + suffix))
    path.rename(aside)
    log.error("%s is damaged (%s); it was set aside as %s, and a new one is begun", path, error, aside.name)
