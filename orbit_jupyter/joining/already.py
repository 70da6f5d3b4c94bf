"""An endpoint of that name that is there already, over there or at the bridge: what it means for a join."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from orbit_jupyter.protocol import ConflictError

from .bridge_side import BridgeSide


def check_place(name: str, host: str, bridge: BridgeSide, facts: dict[str, Any]) -> None:
    """Check that it is on this very machine, and for this bridge.

    Raises
    ------
    ConflictError
        It isn't.
    """
    record = facts["record"]
    if facts["elsewhere"]:
        raise ConflictError(
            f"endpoint {name} was started on {record['hostname']}, and {host} led to {facts['hostname']} this "
            f"time; join {record['hostname']} by its own name with name={name!r}, or give another name="
        )
    if facts["alive"] and record.get("bridge") != bridge.id:
        raise ConflictError(
            f"endpoint {name} runs on {host} already, for another bridge; leave it from where it was joined, or "
            "give another name="
        )


def can_go_on(name: str, bridge: BridgeSide, record: dict[str, Any]) -> bool:
    """Return whether one that runs would find its bridge through a new tunnel, and be let in."""
    told, now = urlsplit(record["url"]), urlsplit(bridge.url)
    same = (told.scheme, told.hostname, told.path) == (now.scheme, now.hostname, now.path)
    return same and record["token_id"] in bridge.tokens(name)


def check_name(name: str, bridge: BridgeSide, record: dict[str, Any]) -> None:
    """Check that nobody else is connected by that name; `record` is of the one over there, or empty.

    Raises
    ------
    ConflictError
        Somebody is.
    """
    holder = bridge.process_of(name)
    if holder is not None and (not record or holder != (record["hostname"], record["pid"])):
        raise ConflictError(f"an endpoint {name} is connected already, from {holder[0]}; give another name=")
