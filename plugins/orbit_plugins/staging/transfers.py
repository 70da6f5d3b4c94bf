"""Which transfers there are and were lately, and the events that tell of them."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from orbit_jupyter.protocol import CallCancelledError

from .answers import Transfer

TOPIC = "transfer"
INTERVAL = 0.5
"""Seconds between two events of one transfer; the last event comes at once."""


class TransferTable:
    """The latest transfers. Belongs to the plugin's loop.

    Parameters
    ----------
    tell
        Sends an event.
    clock
        Seconds, for tests.
    """

    KEPT = 100

    def __init__(self, tell: Callable[[Transfer], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._tell, self._clock = tell, clock
        self._kept: OrderedDict[str, Transfer] = OrderedDict()

    def list(self) -> list[Transfer]:
        """Return copies of all of them, the oldest first."""
        return [transfer.copy() for transfer in self._kept.values()]

    @contextmanager
    def begin(
        self, direction: Literal["put", "get"], path: str, size: int | None, at: int = 0
    ) -> Iterator[Moving]:
        """Follow a transfer until the block ends; how it ends is told."""
        moving = Moving(self, direction, path, size, at)
        self._kept[moving.transfer["id"]] = moving.transfer
        while len(self._kept) > self.KEPT:
            self._kept.popitem(last=False)
        try:
            yield moving
        except (asyncio.CancelledError, CallCancelledError, GeneratorExit):
            moving.end("CANCELED", "whoever asked for it has gone")
            raise
        except BaseException as error:
            moving.end("FAILED", getattr(error, "detail", None) or str(error))
            raise
        moving.end("DONE", None)


class Moving:
    """One transfer under way."""

    def __init__(
        self, table: TransferTable, direction: Literal["put", "get"], path: str, size: int | None, at: int
    ) -> None:
        self._table = table
        self._told = table._clock()
        self.transfer: Transfer = {
            "id": uuid.uuid4().hex[:12],
            "direction": direction,
            "path": path,
            "bytes": at,
            "size": size,
            "state": "ACTIVE",
            "message": None,
            "time": time.time(),
        }

    def moved(self, size: int) -> None:
        """Note so many bytes more."""
        self.transfer["bytes"] += size
        if self._table._clock() - self._told >= INTERVAL:
            self._told = self._table._clock()
            self._tell()

    def end(self, state: Literal["DONE", "FAILED", "CANCELED"], message: str | None) -> None:
        """Tell how it has ended."""
        self.transfer["state"] = state
        self.transfer["message"] = message
        self._tell()

    def _tell(self) -> None:
        self.transfer["time"] = time.time()
        self._table._tell(self.transfer.copy())
