"""The event log on disk: a thread of its own writes, another reads, and the loop waits for neither."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from orbit_jupyter.state import RENEW, HeldError, Lease, claim_first_free, open_database

from .event_log import Batch, EventLog, Interest, Page
from .event_table import EventTable

log = logging.getLogger("orbit.bridge")

GATHER = 0.02
"""Seconds between two commits; what comes after a pause is written at once."""

ENOUGH = 256 * 2**10
"""Bytes of events that are written without waiting for more."""

MOST_WAITING = 64 * 2**20
"""Bytes of events that may wait for the disk."""

AT_ONCE = 4 * 2**20
"""Bytes of events in one transaction, about."""

RETRY = 30.0
"""Seconds after a failure until the disk is tried again."""

LOOK = 15.0
"""Seconds after which the lease is looked at before something is written."""

CLOSING_TIME = 10.0
"""Seconds that the end waits for the disk."""


class LeaseLostError(OSError):
    """Another process has taken the folder over."""


class EventStore:
    """Writes the log's batches, in order, and reads what is older than the memory reaches.

    Parameters
    ----------
    lease
        Of the folder that `table` is in.
    table
        Given to this object: nobody else may use it.
    retry
        Seconds after a failure until the disk is tried again.
    """

    def __init__(self, lease: Lease, table: EventTable, retry: float = RETRY) -> None:
        self.past = table.past
        self.written: Callable[[int], None] = _ignore
        self.failed: Callable[[Exception], None] = _ignore
        self.retry: Callable[[int], None] = _ignore
        self._lease, self._table, self._retry_after = lease, table, retry
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pending: list[tuple[Batch, int]] = []
        self._bytes = 0
        self._more = threading.Condition()  # guards what stands above and the next two
        self._broken = self._closing = False
        self._reason: Exception = OSError("the event log is closed")
        self._using = threading.Lock()  # guards the table
        self._looked = time.time()
        self._wrote = 0.0
        self._readers = ThreadPoolExecutor(1, "orbit-events-reader")
        self._thread = threading.Thread(target=self._run, name="orbit-events", daemon=True)
        self._thread.start()

    # -- on the loop ---------------------------------------------------------------------------------------------

    def put(self, batch: Batch) -> None:
        """Have a batch written; `written` or `failed` follows, later."""
        self._loop = asyncio.get_running_loop()
        size = sum(len(logged.event.data) for logged in batch.entries)
        with self._more:
            if self._bytes > MOST_WAITING:
                self._break(OSError("more events come than the disk takes"))
            if self._broken or self._closing:
                self._loop.call_soon(self.failed, self._reason)
                return
            self._pending.append((batch, size))
            self._bytes += size
            self._more.notify()

    def resume(self, batch: Batch) -> None:
        """Begin again after a failure, with what is missing."""
        with self._more:
            # In pieces, so that no transaction is too large.
            for start in range(0, len(batch.entries), 4096):
                entries = batch.entries[start : start + 4096]
                self._pending.append((Batch(0, entries, {}), sum(len(one.event.data) for one in entries)))
            self._pending.append((Batch(batch.number, [], batch.received), 0))
            self._bytes = sum(size for _, size in self._pending)
            self._broken = False
            self._more.notify()

    def give_up(self) -> None:
        """Fail: the disk takes too long."""
        with self._more:
            self._break(TimeoutError("the disk hangs"))

    async def read(self, after: int, upto: int, interest: Interest, limit: int) -> Page | None:
        """Return what is on disk behind a number; None where that can't be read."""
        try:
            work = self._readers.submit(self._page, after, upto, interest, limit)
            return await asyncio.wrap_future(work)
        except (sqlite3.Error, OSError, RuntimeError) as error:  # a RuntimeError: closed meanwhile
            log.warning("events before %d can't be read from the disk: %s", upto, error)
            return None

    async def close(self) -> None:
        """Write what is put, and let go of the folder."""
        with self._more:
            self._closing = True
            self._more.notify()
        self._readers.shutdown(wait=False, cancel_futures=True)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join, CLOSING_TIME)
        if self._thread.is_alive():
            log.error("the disk hangs: events that came last are not in the event log")

    # -- on threads ----------------------------------------------------------------------------------------------

    def _page(self, after: int, upto: int, interest: Interest, limit: int) -> Page:
        with self._using:
            return self._table.page(after, upto, interest, limit)

    def _run(self) -> None:
        try:
            while True:
                batches = self._next()
                if batches is None:
                    break
                try:
                    self._write(batches)
                except LeaseLostError as error:
                    self._fail(error)
                    return
                except (sqlite3.Error, OSError) as error:
                    self._fail(error)
        except Exception as error:
            log.exception("the event log's writer failed")
            self._fail(error)
        finally:
            with self._using, contextlib.suppress(sqlite3.Error):
                self._table.close()
            self._lease.release()

    def _next(self) -> list[Batch] | None:
        """Wait for batches; return none at all where it is time to look after the lease, None at the end."""
        with self._more:
            if not self._broken:
                self._more.wait_for(self._due, RENEW)
                if self._pending and not self._closing:
                    # What comes right after another commit gathers for a moment.
                    left = self._wrote + GATHER - time.monotonic()
                    self._more.wait_for(lambda: self._closing or self._bytes > ENOUGH, max(0.0, left))
            if self._broken:
                self._more.wait_for(lambda: self._closing or not self._broken, self._retry_after)
                if self._broken and not self._closing:
                    self._call(self.retry, self._table.last)
                    self._more.wait_for(lambda: self._closing or not self._broken, self._retry_after)
            batches, size = [], 0
            while self._pending and size < AT_ONCE:
                batch, more = self._pending.pop(0)
                batches.append(batch)
                size += more
            self._bytes -= size
            return None if self._closing and not batches else batches

    def _due(self) -> bool:
        return bool(self._pending) or self._closing or self._broken

    def _write(self, batches: list[Batch]) -> None:
        now = time.time()
        if not batches or abs(now - self._looked) > LOOK:
            # Not before each commit: that would be three questions to the file server each.
            if not self._lease.renew():
                raise LeaseLostError(f"{self._lease.folder} was taken over by another process")
            self._looked = now
        with self._using:
            if batches:
                self._table.write(batches, now)
            else:
                self._table.prune(now)
        self._wrote = time.monotonic()
        number = max((batch.number for batch in batches), default=0)
        if number:
            self._call(self.written, number)

    def _fail(self, error: Exception) -> None:
        with self._more:
            self._break(error)
        self._call(self.failed, error)

    def _break(self, reason: Exception) -> None:
        self._broken, self._reason = True, reason
        self._pending.clear()
        self._bytes = 0
        self._more.notify()

    def _call(self, what: Callable[..., None], *values: Any) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(what, *values)


def open_event_log(folder: Path, max_age: float, max_bytes: int, retry: float = RETRY) -> EventLog:
    """Return the log of a new process of the bridge; where `folder` can't be used it is in memory, with a warning.

    A second server of the same home gets ``FOLDER~2``.

    Parameters
    ----------
    max_age
        Seconds that an event is kept.
    max_bytes
        The bound on disk; 0: only in memory.
    """
    epoch = uuid.uuid4().hex
    if not max_bytes:
        return EventLog(epoch)
    try:
        lease = claim_first_free(folder, epoch)
        try:
            database = open_database(lease.folder / "events.db")
            try:
                table = EventTable(database, epoch, max_age, max_bytes, time.time())
            except BaseException:
                database.close()
                raise
        except BaseException:
            lease.release()
            raise
    except (OSError, sqlite3.Error, HeldError) as error:
        log.warning("the event log is in memory alone, and gone with this server: %s", error)
        return EventLog(epoch)
    return EventLog(epoch, store=EventStore(lease, table, retry))


def _ignore(_: Any) -> None:
    pass
