"""The static picture of a view: its state at this moment, for whoever reads the notebook without a bridge.

A cell mustn't wait for it: what the bridge doesn't tell within a second is left out.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from functools import partial
from inspect import isfunction
from typing import Any

from orbit_jupyter.client import BridgeClient
from orbit_jupyter.plugin import AsyncPluginClient, PluginClient
from orbit_jupyter.protocol import OrbitError

from .static_html import preformatted, table
from .view import View

DEADLINE = 1.0
"""Seconds that all questions for one picture may take together."""

ROWS = 20
"""Rows of a picture at most; the newest."""

TAIL = 4000
"""Characters of a job's output."""

NOT_ASKED = 2**53 - 1
"""As an offset: nothing of that output, wherever its end is."""


_closing: set[asyncio.Task[None]] = set()


def still(client: BridgeClient, view: View, plugin: AsyncPluginClient | None = None, folder: str = "") -> str:
    """Return the picture of a view; never an error.

    Parameters
    ----------
    client
        The bridge.
    view
        What to show.
    plugin
        The plugin's client, where there is one with a session; None: a session is made for the picture.
    folder
        Which one a view of files shows; empty: the home.
    """
    try:
        return client.wait(_within(DEADLINE, lambda: _asked(client, view, plugin, folder)))
    except OrbitError as error:
        return table(_title(view), (), (), error.message)
    except Exception:  # whatever it is: the cell has its live form, and its text
        return _without_asking(client, view)


async def _within(seconds: float, make: Callable[[], Coroutine[Any, Any, str]]) -> str:
    return await asyncio.wait_for(make(), seconds)


async def _asked(client: BridgeClient, view: View, plugin: AsyncPluginClient | None, folder: str) -> str:
    ask = partial(_files, folder=folder or "~") if view.view == "files" else _ASK.get(view.view)
    if ask is None or view.endpoint not in client.aio.topology:
        return _without_asking(client, view)
    if plugin is not None:
        return await ask(view, plugin)
    name = view.plugin or _first(client, view)
    mine = AsyncPluginClient(client.aio[view.endpoint], name)
    await mine.register_session()
    try:
        return await ask(view, mine)
    finally:
        closing = asyncio.ensure_future(mine.close())  # beside the cell, which waits for the picture alone
        _closing.add(closing)
        closing.add_done_callback(_closing.discard)


def _first(client: BridgeClient, view: View) -> str:
    kind = _TYPES.get(view.view, "")
    plugins = client.aio.topology[view.endpoint].plugins
    return next((name for name, info in plugins.items() if info.type == kind), kind)


def _without_asking(client: BridgeClient, view: View) -> str:
    topology = client.aio.topology
    if view.endpoint in topology:
        rows = [
            (name, info.version, "loaded" if info.enabled else f"not loaded: {info.error}")
            for name, info in topology[view.endpoint].plugins.items()
            if view.plugin in ("", name)
        ]
        return table(_title(view), ("Plugin", "Version", "State"), rows, "It has no such plugin.")
    if view.endpoint:
        return table(_title(view), (), (), "It isn't connected.")
    listed = [
        (name, info.endpoint.get("state", ""), info.endpoint.get("hostname", ""), ", ".join(info.plugins))
        for name, info in topology.items()
    ]
    heads = ("Endpoint", "State", "Host", "Plugins")
    return table(f"Bridge {client.url}", heads, listed, "No endpoint is connected.")


def _title(view: View) -> str:
    if view.view == "endpoint":
        return f"Endpoint {view.endpoint}"
    return f"{view.plugin or _TYPES.get(view.view, view.view)} on {view.endpoint}"


def calls(plugin: PluginClient) -> str:
    """Return what a plugin's client can be asked, for one that has no view of its own."""
    own = {} if type(plugin) is PluginClient else vars(type(plugin))
    rows = [
        (name, (method.__doc__ or "").strip().partition("\n")[0])
        for name, method in own.items()
        if not name.startswith("_") and isfunction(method)
    ]
    title = f"{plugin.plugin_name} on {plugin.endpoint_id}"
    empty = "Use .call(method, route): its own client isn't installed here."
    return table(title, ("Call", "What it does"), rows, empty)


async def _jobs(view: View, plugin: AsyncPluginClient) -> str:
    listed = await plugin.call("GET", "list_jobs/{sid}", params={"limit": ROWS})
    rows = [
        (job["state"], job["native_id"] or job["job_id"], command_of(job), job["queue_name"], clock(job["time"]))
        for job in reversed(listed["jobs"])
    ]
    title = f"Jobs of {view.endpoint}{', the newest' if listed.get('before') else ''}"
    return table(title, ("State", "Job", "Command", "Queue", "Since"), rows, "There are no jobs yet.")


async def _job(view: View, plugin: AsyncPluginClient) -> str:
    offsets = {"stdout_offset": 0, "stderr_offset": NOT_ASKED}
    status = await plugin.call("GET", f"status/{{sid}}/{view.job}", params=offsets)
    exit_code = "" if status["exit_code"] is None else f", exit code {status['exit_code']}"
    facts = [
        ("State", f"{status['state']}{exit_code}"),
        ("Since", clock(status["time"])),
        ("Command", command_of(status)),
        ("Native id", status["native_id"]),
        ("Message", status["message"]),
    ]
    picture = table(f"Job {view.job} on {view.endpoint}", (), [fact for fact in facts if fact[1]])
    text = status["stdout"][-TAIL:]
    return picture + preformatted("Output", text) if text else picture


async def _queues(view: View, plugin: AsyncPluginClient) -> str:
    answer = await plugin.call("GET", "get_info/{sid}")
    rows = [
        (queue["name"], queue["state"], queue["nodes_total"], queue["nodes_idle"], _limit(queue))
        for queue in answer["queues"].values()
    ]
    heads = ("Queue", "State", "Nodes", "Idle", "Longest job")
    return table(f"Queues of {view.endpoint}", heads, rows, "There is no queue for you.")


async def _system(view: View, plugin: AsyncPluginClient) -> str:
    metrics = await plugin.call("GET", "metrics/{sid}")
    cpu, memory = metrics["cpu"], metrics["memory"]
    processor = f"{cpu.get('model')}, {cpu.get('cores_logical')} cores, {cpu.get('percent', 0):.0f} % busy"
    facts = [
        ("Host", metrics["system"].get("hostname")),
        ("Processor", processor if cpu else None),
        ("Load", " ".join(f"{load:.2f}" for load in cpu.get("load_avg") or ())),
        ("Memory", f"{_gib(memory['used'])} of {_gib(memory['total'])} GiB used" if "total" in memory else None),
        ("GPUs", ", ".join(str(gpu.get("name")) for gpu in metrics.get("gpus") or ())),
    ]
    return table(f"Host of {view.endpoint}", (), [fact for fact in facts if fact[1]])


async def _files(view: View, plugin: AsyncPluginClient, folder: str) -> str:
    listing = await plugin.call("POST", "list/{sid}", {"path": folder})
    entries = sorted(listing["entries"], key=lambda one: (one["type"] != "dir", one["name"]))
    rows = [(f"{one['name']}/" if one["type"] == "dir" else one["name"], one["size"]) for one in entries[:ROWS]]
    title = f"{listing['path']} on {view.endpoint}, {len(rows)} of {len(entries)}"
    return table(title, ("Name", "Bytes"), rows, "The folder is empty.")


_ASK: dict[str, Callable[[View, AsyncPluginClient], Coroutine[Any, Any, str]]] = {
    "jobs": _jobs,
    "job": _job,
    "queues": _queues,
    "monitor": _system,
}

_TYPES = {"jobs": "psij", "job": "psij", "queues": "queue_info", "monitor": "sysinfo", "files": "staging"}


def command_of(job: dict[str, Any]) -> str:
    """Return a job's command on one line, cut to what a table has room for."""
    text = " ".join(" ".join([str(job["executable"]), *map(str, job.get("arguments") or ())]).split())
    return text if len(text) <= 80 else f"{text[:79]}…"


def clock(seconds: float) -> str:
    """Return a time since the epoch as date and time of this machine."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _limit(queue: dict[str, Any]) -> str:
    seconds = queue["time_limit_seconds"]
    return "unlimited" if seconds is None else f"{seconds // 3600}:{seconds // 60 % 60:02} h"


def _gib(size: float) -> str:
    return f"{size / 2**30:.1f}"
