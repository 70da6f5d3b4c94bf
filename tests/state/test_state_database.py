"""SQLite without shared memory, where there are no locks, and after damage."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

import pytest

from orbit_jupyter.state import open_database
from orbit_jupyter.state.database import NO_LOCKS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    return tmp_path / "state"


def filled(path: Path, rows: int = 3) -> sqlite3.Connection:
    database = open_database(path)
    database.execute("CREATE TABLE numbers (number INTEGER, padding TEXT)")
    database.execute("BEGIN")
    database.executemany("INSERT INTO numbers VALUES (?, ?)", [(n, "x" * 500) for n in range(rows)])
    database.execute("COMMIT")
    return database


def count(database: sqlite3.Connection) -> int:
    number: int = database.execute("SELECT count(*) FROM numbers").fetchone()[0]
    return number


def test_there_is_a_journal_and_no_shared_memory(folder: Path) -> None:
    database = filled(folder / "a b?.db")  # signs that mean something in a URI
    assert sorted(path.name for path in folder.iterdir()) == ["a b?.db", "a b?.db-wal"]
    assert (folder / "a b?.db").stat().st_mode & 0o777 == 0o600
    database.close()
    assert [path.name for path in folder.iterdir()] == ["a b?.db"]
    again = open_database(folder / "a b?.db")
    assert count(again) == 3
    again.close()


def test_nobody_else_can_open_it(folder: Path) -> None:
    database = filled(folder / "x.db")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        sqlite3.connect(folder / "x.db", timeout=0).execute("SELECT * FROM numbers")
    database.close()


def test_a_file_system_that_refuses_locks_is_done_without(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    filled(folder / "x.db").close()
    # This way of locking makes NAME.lock, and that name is one sign too long for any file system.
    path = folder / ("x" * 251)
    (folder / "x.db").rename(path)
    with pytest.raises(sqlite3.OperationalError):
        sqlite3.connect(f"file:{path}?vfs=unix-dotfile", uri=True).execute("SELECT * FROM numbers")
    with caplog.at_level(logging.INFO, "orbit.state"):
        database = open_database(path, vfs="unix-dotfile")
    assert "refuses locks" in caplog.text
    database.execute("INSERT INTO numbers VALUES (4, '')")
    assert not list(folder.glob("*-shm"))
    beside = open_database(path, vfs=NO_LOCKS)  # nothing was locked
    beside.close()
    database.close()


@pytest.mark.parametrize("damage", ["not a database", "a page"])
def test_a_damaged_file_is_set_aside_and_told(folder: Path, caplog: pytest.LogCaptureFixture, damage: str) -> None:
    path = folder / "x.db"
    filled(path, rows=200).close()
    content = bytearray(path.read_bytes())
    if damage == "a page":
        content[4096 * 3 : 4096 * 4] = b"\xab" * 4096
    else:
        content[:100] = b"\xab" * 100
    path.write_bytes(content)
    with caplog.at_level(logging.ERROR, "orbit.state"):
        database = open_database(path)
    assert "is damaged" in caplog.text
    assert database.execute("SELECT name FROM sqlite_master").fetchall() == []
    database.close()
    (aside,) = folder.glob("x.db.damaged-*")
    assert aside.read_bytes() == bytes(content)


def test_a_file_that_cant_be_opened_is_left_alone(folder: Path) -> None:
    (folder / "x.db").mkdir()
    with pytest.raises(sqlite3.OperationalError):
        open_database(folder / "x.db")
    assert [path.name for path in folder.iterdir()] == ["x.db"]
