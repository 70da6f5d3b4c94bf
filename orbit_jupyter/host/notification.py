"""From what a plugin notifies to the event that is sent: JSON on one line, cut to its bound."""

from __future__ import annotations

import logging
import time
from typing import Any

import msgspec

from orbit_jupyter.protocol import MAX_EVENT, Event

log = logging.getLogger("orbit.host")

_encode = msgspec.json.Encoder(enc_hook=str).encode


def event_of(plugin: str, topic: str, data: dict[str, Any], session: str = "", owner: str = "") -> Event:
    """Return a notification as an event; where `data` is too large, it is cut and says so."""
    encoded, truncated = _encode(data), False
    if len(encoded) > MAX_EVENT:
        log.warning("an event %s/%s of %d bytes is too large and is cut", plugin, topic, len(encoded))
        encoded, truncated = _cut(data), True
    return Event(plugin, topic, encoded, session, owner, time.time(), truncated)


def _cut(data: dict[str, Any]) -> bytes:
    """Return of `data` what an event may carry, as JSON: texts cut to their tails, what is nested left out."""
    tail = MAX_EVENT // (8 * max(1, len(data)))  # characters; one may take six bytes
    kept: dict[str, Any] = {}
    size = 0
    for key, value in data.items():
        if not isinstance(value, str | int | float | bool | None):
            continue
        short = value[max(0, len(value) - tail) :] if isinstance(value, str) else value
        more = len(_encode({key: short}))
        if size + more < MAX_EVENT - 32:
            kept[key] = short
            size += more
    return _encode({**kept, "truncated": True})
