"""The verbs that look around: where am I, endpoints, plugins, use, sysinfo."""

from __future__ import annotations

import argparse
from typing import Any

from orbit_jupyter.protocol import EndpointNotFoundError, PluginNotFoundError

from .context import Context, places
from .outcome import Outcome
from .values import Facts, Row, Shown, Table

_GIB = 2**30


def where(context: Context, given: argparse.Namespace) -> Outcome:
    """Say where one is: bridge, user, endpoints, and which of them is in use."""
    listing = context.listing()
    facts: Row = {
        "bridge": context.bridge.url,
        "user": context.bridge.aio.user,
        "endpoints": places(listing),
        "endpoint": context.in_use(listing),
        "last_job": context.last.job_id if context.last else None,
    }
    lines: dict[str, Shown] = {
        "bridge": "bridge",
        "user": "user",
        "endpoints": lambda row: row["endpoints"] or "none is connected",
        "in use": lambda row: _in_use(row, context.face.prog),
        "last job": "last_job",
    }
    shown = Facts(facts, lines, "Orbit")
    return Outcome(shown, dict(shown), shown.grid)


def _in_use(row: Row, prog: str) -> str:
    used = row["endpoint"]
    if used is None:
        return f"none; choose with: {prog} use NAME" if row["endpoints"] else ""
    return str(used) if used in row["endpoints"] else f"{used} (it isn't connected just now)"


def endpoints(context: Context, given: argparse.Namespace) -> Outcome:
    """List the endpoints that are connected."""
    listing = context.listing()
    used = context.in_use(listing)
    rows = [
        {
            "name": name,
            **{
                key: entry["endpoint"].get(key)
                for key in ("state", "hostname", "user", "role", "scheduler", "job_id")
            },
            "plugins": [plugin for plugin, info in entry["plugins"].items() if info.get("enabled", True)],
            "in_use": name == used,
        }
        for name, entry in listing.items()
    ]
    columns: dict[str, Shown] = {
        "endpoint": lambda row: f"{row['name']} *" if row["in_use"] else row["name"],
        "state": "state",
        "host": "hostname",
        "role": "role",
        "scheduler": "scheduler",
        "plugins": "plugins",
    }
    empty = f"no endpoint is connected to the bridge at {context.bridge.url}"
    table = Table(rows, columns, f"Endpoints of {context.bridge.url} (* in use)", empty)
    return Outcome(table, list(table), table.grid)


def plugins(context: Context, given: argparse.Namespace) -> Outcome:
    """List an endpoint's plugins, those that failed to load with the reason."""
    name = context.endpoint_name(given.on)
    rows = [
        {
            "name": plugin,
            "type": info["type"],
            "version": info.get("version"),
            "enabled": info.get("enabled", True),
            "error": info.get("error"),
        }
        for plugin, info in _entry(context, name)["plugins"].items()
    ]
    columns: dict[str, Shown] = {
        "plugin": "name",
        "version": "version",
        "state": lambda row: "loaded" if row["enabled"] else f"not loaded: {row['error']}",
    }
    table = Table(rows, columns, f"Plugins of {name}", f"endpoint {name} has loaded no plugin")
    return Outcome(table, list(table), table.grid)


def use(context: Context, given: argparse.Namespace) -> Outcome:
    """Choose the endpoint that verbs work on from now on; without a name, say where one is."""
    if given.endpoint is None:
        return where(context, given)
    name = given.endpoint
    _entry(context, name)
    context.choice.set(name)
    context.last = None
    return Outcome(context.bridge[name], {"endpoint": name}, note=f"{name} is in use from now on")


def sysinfo(context: Context, given: argparse.Namespace) -> Outcome:
    """Say what an endpoint's host is and how busy."""
    name = context.endpoint_name(given.on)
    plugin: Any = context.plugin(name, "sysinfo")
    facts = {"endpoint": name, **plugin.get_metrics(), "role": plugin.host_role()}
    lines: dict[str, Shown] = {
        "host": lambda row: f"{row['system'].get('hostname')}, {row['role'].get('role')}",
        "scheduler": lambda row: f"{row['role'].get('scheduler')}, executor {row['role'].get('psij_executor')}",
        "user": lambda row: row["system"].get("user"),
        "kernel": lambda row: f"{row['system'].get('kernel')} {row['system'].get('arch')}",
        "processor": lambda row: f"{row['cpu'].get('model')}, {row['cpu'].get('cores_logical')} cores",
        "load": lambda row: " ".join(f"{load:.2f}" for load in row["cpu"].get("load_avg") or ()),
        "memory": _memory,
        "GPUs": lambda row: [gpu.get("name") for gpu in row.get("gpus") or ()],
        "disks": lambda row: [disk for one in row.get("disks") or () if (disk := _disk(one))],
        "not read": lambda row: [f"{part}: {why}" for part, why in (row.get("errors") or {}).items()],
    }
    shown = Facts(facts, lines, f"Host of {name}")
    return Outcome(shown, dict(shown), shown.grid)


def executor_of(context: Context, endpoint: str) -> str:
    """Return the PSI/J executor of an endpoint's host, as its `sysinfo` says; without it ``local``."""
    try:
        plugin: Any = context.plugin(endpoint, "sysinfo")
    except PluginNotFoundError:
        return "local"
    return str(plugin.host_role()["psij_executor"])


def _entry(context: Context, name: str) -> dict[str, Any]:
    listing = context.listing()
    if name not in listing:
        raise EndpointNotFoundError(f"no endpoint {name!r} is connected", available=listing)
    return listing[name]


def _memory(row: Row) -> str:
    memory = row["memory"]
    if not memory.get("total"):
        return ""
    return f"{memory['total'] / _GIB:.1f} GiB, {memory.get('available', 0) / _GIB:.1f} GiB free"


def _disk(disk: Row) -> str:
    if not disk.get("total"):
        return ""
    return f"{disk['mount']} {disk['total'] / _GIB:.0f} GiB, {disk.get('percent', 0):.0f} % full"
