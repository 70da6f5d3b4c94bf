"""The event that carries the metrics, within what an event may hold."""

from __future__ import annotations

from typing import Any

import msgspec

from orbit_jupyter.protocol import MAX_EVENT

from .client import TOPIC

__all__ = ["TOPIC", "metrics_event"]

MOVING: dict[str, tuple[str, ...]] = {
    "system": ("uptime",),
    "cpu": ("percent", "load_avg", "freq_mhz"),
    "memory": ("total", "available", "used", "percent"),
    "disks": ("mount", "total", "used", "percent", "error"),
    "network": ("interface", "rx_bytes", "tx_bytes"),
    "gpus": ("id", "vendor", "util_gpu", "util_mem", "mem_total", "mem_used", "mem_free"),
}
"""Of each branch what changes, and what it is told apart by."""

DISPENSABLE = ("disks", "network", "gpus")
"""The branches that are lists, the one that is missed least first."""

_encode = msgspec.json.Encoder(enc_hook=str).encode


def metrics_event(when: float, tree: dict[str, Any], most: int = MAX_EVENT) -> dict[str, Any]:
    """Return the data of an event with the metrics.

    Parameters
    ----------
    when
        Seconds since the epoch.
    tree
        The metrics.
    most
        Bytes of JSON. In a larger tree what doesn't change is left out, then whole branches; ``partial`` says so.
    """
    data: dict[str, Any] = {"time": round(when, 2), "metrics": tree}
    if len(_encode(data)) <= most:
        return data
    lean = {name: _moving(name, branch) for name, branch in tree.items()}
    data = {**data, "metrics": lean, "partial": True}
    for name in DISPENSABLE:
        if len(_encode(data)) <= most:
            break
        lean.pop(name, None)
    return data


def _moving(name: str, branch: Any) -> Any:
    fields = MOVING.get(name)
    if fields is None:
        return branch
    if isinstance(branch, list):
        return [{field: one[field] for field in fields if field in one} for one in branch]
    return {field: branch[field] for field in fields if field in branch}
