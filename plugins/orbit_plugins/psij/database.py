"""The jobs of an endpoint on its disk: each is there from before it is handed over until it is forgotten.

One connection, used by one thread at a time, under the lease of the endpoint's folder. Everything here may block.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from orbit_jupyter.plugin import PluginError
from orbit_jupyter.state import open_database

PAGE_BYTES = 32 * 2**20
"""Bytes of one page of a listing, as JSON; a body may have twice as many."""

_FORMAT = 1
_TABLE = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    changed REAL NOT NULL,
    ended INTEGER NOT NULL,
    array_id TEXT,
    summary TEXT NOT NULL,
    more TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS jobs_by_end ON jobs (ended, changed);
CREATE INDEX IF NOT EXISTS jobs_by_array ON jobs (array_id) WHERE array_id IS NOT NULL;
"""
_PUT = """
INSERT INTO jobs (job_id, state, changed, ended, array_id, summary, more) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (job_id) DO UPDATE SET state = excluded.state, changed = excluded.changed, ended = excluded.ended,
    summary = excluded.summary, more = excluded.more
"""


class Row(msgspec.Struct, frozen=True):
    """A job as it is kept: what is looked for, what a listing shows, and the rest, both as JSON."""

    job_id: str
    state: str
    changed: float
    ended: bool
    array_id: str | None
    summary: bytes
    more: bytes


class Page(msgspec.Struct, frozen=True):
    """A part of the jobs, the oldest first: their summaries as JSON, by id.

    `before` is where to go on to older ones; None: there are none.
    """

    jobs: dict[str, bytes]
    before: str | None

    @property
    def summaries(self) -> list[dict[str, Any]]:
        """The same, as Python has it."""
        return [msgspec.json.decode(job) for job in self.jobs.values()]


class JobDatabase:
    """The table of jobs; opened at its first use.

    Every method raises `PluginError` (503, transient) where the file can't be opened, read or written.

    Parameters
    ----------
    path
        Of the file; folders that are missing are made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether it is closed for good."""
        return self._closed

    def put(self, rows: Sequence[Row], *, durable: bool = False) -> None:
        """Write jobs, all or none of them; a durable write outlives a power cut, and with it all before."""
        values = [(*msgspec.structs.astuple(row)[:5], row.summary.decode(), row.more.decode()) for row in rows]
        with self._use() as database:
            database.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            with _transaction(database):
                database.executemany(_PUT, values)

    def get(self, job_id: str) -> Row | None:
        """Return a job."""
        found = self._rows("WHERE job_id = ?", job_id)
        return found[0] if found else None

    def knows(self, job_id: str) -> bool:
        """Return whether there is such a job."""
        with self._use() as database:
            return database.execute("SELECT 1 FROM jobs WHERE job_id = ?", (job_id,)).fetchone() is not None

    def remove(self, job_ids: Iterable[str]) -> None:
        """Forget jobs."""
        with self._use() as database, _transaction(database):
            database.executemany("DELETE FROM jobs WHERE job_id = ?", [(job_id,) for job_id in job_ids])

    def live(self) -> list[Row]:
        """Return the jobs that haven't ended, the oldest first."""
        return self._rows("WHERE ended = 0 ORDER BY number")

    def ended(self) -> int:
        """Return how many have."""
        with self._use() as database:
            return int(database.execute("SELECT count(*) FROM jobs WHERE ended = 1").fetchone()[0])

    def oldest_ended(self, many: int) -> list[Row]:
        """Return so many of those that have ended, the oldest."""
        return self._rows("WHERE ended = 1 ORDER BY number LIMIT ?", many)

    def ended_before(self, time: float) -> list[Row]:
        """Return those that had ended by a time."""
        return self._rows("WHERE ended = 1 AND changed < ?", time)

    def ended_since(self, time: float, many: int) -> list[Row]:
        """Return so many of those that have ended after a time, the last to end."""
        return self._rows("WHERE ended = 1 AND changed >= ? ORDER BY changed DESC LIMIT ?", time, many)

    def of_array(self, array_id: str) -> list[str]:
        """Return the ids of an array's tasks, in their order."""
        with self._use() as database:
            found = database.execute("SELECT job_id FROM jobs WHERE array_id = ? ORDER BY number", (array_id,))
            return [row[0] for row in found]

    def page(
        self,
        limit: int,
        before: str | None = None,
        states: Sequence[str] = (),
        since: float | None = None,
        array_id: str | None = None,
    ) -> Page:
        """Return the newest jobs for which all of this is so.

        Parameters
        ----------
        limit
            How many at most; fewer where they would make more than `PAGE_BYTES`.
        before
            Only those that are older than this job.
        states
            Only those in one of these states.
        since
            Only those that have changed since then (epoch seconds).
        array_id
            Only the tasks of this array.
        """
        wanted, values = [], list[Any]()
        if before is not None:
            wanted.append("number < (SELECT number FROM jobs WHERE job_id = ?)")
            values.append(before)
        if states:
            wanted.append(f"state IN ({', '.join('?' * len(states))})")
            values += states
        if since is not None:
            wanted.append("changed >= ?")
            values.append(since)
        if array_id is not None:
            wanted.append("array_id = ?")
            values.append(array_id)
        where = f"WHERE {' AND '.join(wanted)}" if wanted else ""
        sql = f"SELECT job_id, summary FROM jobs {where} ORDER BY number DESC LIMIT ?"  # noqa: S608 - no value is in it
        taken, size, before = list[tuple[str, bytes]](), 0, None
        with self._use() as database:
            for job_id, summary in database.execute(sql, (*values, limit + 1)):
                encoded = summary.encode()
                size += len(encoded)
                if len(taken) == limit or (taken and size > PAGE_BYTES):
                    before = taken[-1][0]
                    break
                taken.append((job_id, encoded))
        return Page(dict(reversed(taken)), before)

    def close(self) -> None:
        """Close it for good."""
        with self._lock:
            self._closed = True
            if self._database is not None:
                self._database.close()
                self._database = None

    def _rows(self, rest: str, *values: object) -> list[Row]:
        sql = f"SELECT job_id, state, changed, ended, array_id, summary, more FROM jobs {rest}"  # noqa: S608
        with self._use() as database:
            found = database.execute(sql, values).fetchall()
        return [
            Row(job_id, state, changed, bool(ended), array_id, summary.encode(), more.encode())
            for job_id, state, changed, ended, array_id, summary, more in found
        ]

    @contextlib.contextmanager
    def _use(self) -> Iterator[sqlite3.Connection]:
        """Give the connection to one thread; what goes wrong is said as callers are to hear it."""
        with self._lock:
            if self._closed:
                raise PluginError("the endpoint is ending; try again later", status=503, transient=True)
            try:
                yield self._open()
            except (sqlite3.Error, OSError) as error:
                message = f"the jobs on this endpoint's disk can't be reached ({self._path}): {error}"
                raise PluginError(message, status=503, transient=True) from error

    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.parent.chmod(0o700)
            database = open_database(self._path)
            try:
                database.executescript(_TABLE)
                database.execute(f"PRAGMA user_version={_FORMAT}")
            except BaseException:
                database.close()
                raise
            self._database = database
        return self._database


@contextlib.contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[None]:
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")
