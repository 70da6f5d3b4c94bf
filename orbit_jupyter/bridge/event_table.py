"""The event log as tables of SQLite. No threads: one caller at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager

import msgspec

from orbit_jupyter.protocol import Event

from .event_log import Batch, Interest, Logged, Page, Past
from .received import Position

VERSION = 1

ROW_EVENTS, ROW_BYTES = 256, 256 * 2**10
"""A row is a run of events of one endpoint, of so many at most."""

ROW_COST = 100
"""Bytes that a row takes besides its events, about."""

SCAN_ROWS, SCAN_BYTES = 2048, 2 * 2**20
"""What one look at the disk goes through at most."""

KEPT_EPOCHS = 1000
"""Of how many processes of the bridge a reader may still come."""

FORGET = 90 * 86_400.0
"""Seconds after which it is forgotten how far an endpoint had come that hasn't been heard of since."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    first INTEGER PRIMARY KEY, count INTEGER NOT NULL, time REAL NOT NULL, size INTEGER NOT NULL,
    endpoint TEXT NOT NULL, owner TEXT NOT NULL, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS epochs (number INTEGER PRIMARY KEY, epoch TEXT NOT NULL, first INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS received (
    endpoint TEXT PRIMARY KEY, epoch TEXT NOT NULL, last INTEGER NOT NULL, clean INTEGER NOT NULL,
    time REAL NOT NULL);
"""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Event]).decode


class EventTable:
    """Events by their numbers, bounded by age and bytes.

    Parameters
    ----------
    database
        Opened for this process alone.
    epoch
        Of the process, new.
    max_age
        Seconds.
    max_bytes
        Of events and what a row costs.
    now
        Epoch seconds.

    Raises
    ------
    sqlite3.Error
        It can't be read or written, or is of a newer release.
    """

    def __init__(
        self, database: sqlite3.Connection, epoch: str, max_age: float, max_bytes: int, now: float
    ) -> None:
        self._database, self._max_age, self._max_bytes = database, max_age, max_bytes
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version not in (0, VERSION):
            raise sqlite3.DatabaseError(f"the event log is of a newer release (version {version})")
        with self._transaction():
            for statement in _SCHEMA.split(";"):
                database.execute(statement)
            database.execute(f"PRAGMA user_version={VERSION}")
            database.execute("DELETE FROM received WHERE time < ?", (now - FORGET,))
            self.past = self._read_past()
            database.execute("INSERT INTO epochs (epoch, first) VALUES (?, ?)", (epoch, self.past.last + 1))
            database.execute(
                "DELETE FROM epochs WHERE number <= (SELECT max(number) FROM epochs) - ?", (KEPT_EPOCHS,)
            )
        self.last = self.past.last
        (self._bytes,) = database.execute("SELECT coalesce(sum(size), 0) FROM events").fetchone()
        self.prune(now)

    def write(self, batches: Iterable[Batch], now: float) -> None:
        """Commit batches, all or none."""
        received: dict[str, Position] = {}
        rows = []
        for batch in batches:
            received.update(batch.received)
            rows += [(run[0].sequence, len(run), now, *_packed(run)) for run in _runs(batch.entries)]
        with self._transaction():
            self._database.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            self._database.executemany(
                "INSERT OR REPLACE INTO received VALUES (?, ?, ?, ?, ?)",
                [(name, place.epoch, place.last, place.clean, now) for name, place in received.items()],
            )
        if rows:
            self.last = rows[-1][0] + rows[-1][1] - 1
            self._bytes += sum(row[3] for row in rows)
        if self._bytes > self._max_bytes:
            self.prune(now)

    def prune(self, now: float) -> None:
        """Let the oldest go that are too old or too many, all but the newest row: the numbers go on from there."""
        bound = self._max_bytes * 0.9 if self._bytes > self._max_bytes else self._max_bytes
        gone = 0
        with closing(self._database.execute("SELECT first, size, time FROM events ORDER BY first")) as rows:
            for first, size, time in rows:
                if self._bytes <= bound and time >= now - self._max_age:
                    break
                if first + ROW_EVENTS > self.last and self._is_newest(first):
                    break
                self._bytes -= size
                gone = first
        if gone:
            self._database.execute("DELETE FROM events WHERE first <= ?", (gone,))

    def page(self, after: int, upto: int, interest: Interest, limit: int) -> Page:
        """Return the next events of interest behind a number, of rows that begin at `upto` or before."""
        batch: list[Logged] = []
        begun, missed, read = after, 0, 0
        query = """SELECT first, count, endpoint, owner, data FROM events WHERE first <= ? AND
            first >= coalesce((SELECT max(first) FROM events WHERE first <= ?), 0) ORDER BY first LIMIT ?"""
        with closing(self._database.execute(query, (upto, after + 1, SCAN_ROWS))) as rows:
            for first, count, endpoint, owner, data in rows:
                if first > after + 1:
                    if after > begun:
                        break  # what is missing is told in front of what comes behind it
                    missed = first - 1 - after
                    after = first - 1
                read += len(data)
                if not interest.may_want(endpoint, owner):
                    after = max(after, first + count - 1)
                    continue
                for number, event in enumerate(_decode(data), first):
                    if number > after:
                        after = number
                        logged = Logged(number, endpoint, owner, event)
                        if interest.wants(logged):
                            batch.append(logged)
                            if len(batch) == limit:
                                return Page(missed, after, batch)
                if read > SCAN_BYTES:
                    break
        return Page(missed, after, batch)

    def close(self) -> None:
        """Close the file; its journal goes into it."""
        self._database.close()

    def _is_newest(self, first: int) -> bool:
        return bool(self._database.execute("SELECT max(first) FROM events").fetchone()[0] == first)

    def _read_past(self) -> Past:
        rows = self._database.execute(
            "SELECT first + count - 1 FROM events ORDER BY first DESC LIMIT 1"
        ).fetchall()
        begun = self._database.execute("SELECT epoch, first FROM epochs ORDER BY number").fetchall()
        last = max([row[0] for row in rows] + [first - 1 for _, first in begun], default=0)
        ends = [first - 1 for _, first in begun[1:]] + [last] * bool(begun)
        received = self._database.execute("SELECT endpoint, epoch, last, clean FROM received")
        return Past(
            last,
            {epoch: end for (epoch, _), end in zip(begun, ends, strict=True)},
            {name: Position(epoch, last, bool(clean)) for name, epoch, last, clean in received},
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("COMMIT")
        except BaseException:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise


def _runs(entries: list[Logged]) -> Iterator[list[Logged]]:
    """Yield entries that follow each other and go into one row."""
    run: list[Logged] = []
    size = 0
    for logged in entries:
        if run and (
            (logged.endpoint, logged.owner, logged.sequence)
            != (run[0].endpoint, run[0].owner, run[0].sequence + len(run))
            or len(run) == ROW_EVENTS
            or size > ROW_BYTES
        ):
            yield run
            run, size = [], 0
        run.append(logged)
        size += len(logged.event.data)
    if run:
        yield run


def _packed(run: list[Logged]) -> tuple[int, str, str, bytes]:
    data = _encode([logged.event for logged in run])
    return len(data) + ROW_COST, run[0].endpoint, run[0].owner, data
