"""The verb for endpoint tokens, over the bridge's own routes."""

from __future__ import annotations

import argparse
import time
from urllib.parse import quote

from .context import Context
from .outcome import Outcome
from .values import Facts, Shown, Table


def create(context: Context, given: argparse.Namespace) -> Outcome:
    """Make a token for an endpoint to join with."""
    made = context.bridge.call("POST", "/tokens", {"name": given.name, "expires": given.expires})
    facts = Facts(
        made,
        {"token": "token", "for": "name", "expires": lambda row: _day(row["expires"])},
        f"Token for {made['name']}",
    )
    context.face.say(
        "the token is shown this once: keep it in a file that only you can read, and out of what you share"
    )
    return Outcome(facts, made, made["token"])


def listed(context: Context, given: argparse.Namespace) -> Outcome:
    """List the tokens, without their secrets."""
    rows = context.bridge.call("GET", "/tokens")["tokens"]
    columns: dict[str, Shown] = {
        "id": "id",
        "name": "name",
        "owner": "owner",
        "created": lambda row: _day(row["created"]),
        "expires": lambda row: _day(row["expires"]),
    }
    empty = f"there is no token; make one with: {context.face.prog} token create NAME"
    table = Table(rows, columns, "Tokens", empty)
    return Outcome(table, list(table), table.grid)


def revoke(context: Context, given: argparse.Namespace) -> Outcome:
    """Revoke a token by its id, or all of a name; their endpoints are disconnected."""
    gone = context.bridge.call("DELETE", f"/tokens/{quote(given.token, safe='')}")["revoked"]
    table = Table([{"id": id} for id in gone], {"revoked": "id"}, "Revoked tokens")
    return Outcome(table, list(table), table.grid)


def _day(seconds: float | None) -> str:
    return "never" if seconds is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
