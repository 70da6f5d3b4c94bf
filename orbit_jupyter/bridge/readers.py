"""Who reads the event log and waits for more of it; which events may go into it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec

from orbit_jupyter.protocol import MAX_EVENT, Event

from .event_log import Reader

MAX_NAMES = 1024
"""Characters of an event's plugin, topic, session and owner together."""


class Wakeup:
    """A reader of the log, and the event that says there is more.

    Attributes
    ----------
    lost
        Whether events are missing in front, nobody knows how many: the reader comes from a log that is gone.
    """

    def __init__(self, reader: Reader, lost: bool = False) -> None:
        self.reader, self.lost = reader, lost
        self.event = asyncio.Event()
        if reader.behind:
            self.event.set()

    async def more(self) -> None:
        """Wait until there is something to read."""
        await self.event.wait()
        self.event.clear()


def gap_event(missed: int | None, reason: str = "") -> Event:
    """Return the event that stands for events that are gone; None: nobody knows how many."""
    data: dict[str, Any] = {"missed": missed, "reason": reason} if reason else {"missed": missed}
    return Event("", "gap", msgspec.json.encode(data), time=time.time())


def readable(event: Event) -> bool:
    """Whether an event's data may go into a stream as it is: readers take the stream apart at line ends."""
    if len(event.data) > MAX_EVENT or b"\n" in event.data or b"\r" in event.data:
        return False
    if len(event.plugin) + len(event.topic) + len(event.session) + len(event.owner) > MAX_NAMES:
        return False
    try:
        msgspec.json.decode(event.data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
