"""The verb that says which queues there are."""

from __future__ import annotations

import argparse
from typing import Any

from .context import Context
from .outcome import Outcome
from .times import clock
from .values import Row, Shown, Table


def queues(context: Context, given: argparse.Namespace) -> Outcome:
    """List the queues of an endpoint's batch system, with their limits and their free nodes."""
    name = context.endpoint_name(given.endpoint or given.on)
    plugin: Any = context.plugin(name, "queue_info")
    answer = plugin.get_info("*" if given.all else None, given.now)
    rows = [{"endpoint": name, **queue} for queue in answer["queues"].values()]
    columns: dict[str, Shown] = {
        "queue": lambda row: f"{row['name']} *" if row["default"] else row["name"],
        "state": "state",
        "longest job": _limit,
        "nodes": "nodes_total",
        "available": "nodes_available",
        "idle": "nodes_idle",
        "cores a node": "cpus_per_node",
        "GPUs a node": lambda row: row["gpus_per_node"] or None,
        "for accounts": "accounts",
    }
    table = Table(
        rows, columns, f"Queues of {name} (* default)", f"the batch system of {name} has no queue for you"
    )
    note = f"{answer['age']:.0f} s old, since {answer['stale']}" if answer["stale"] else ""
    return Outcome(table, list(table), table.grid, note)


def _limit(row: Row) -> str:
    seconds = row["time_limit_seconds"]
    if seconds is None:
        return "unlimited"
    days, rest = divmod(int(seconds), 86400)
    return f"{days}-{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}" if days else clock(seconds)
