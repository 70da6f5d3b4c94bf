"""Records as PBS prints them: as JSON and as text."""

from __future__ import annotations

import json
import time
from typing import Any

from .records import VERSION
from .state import Tree

WIDTH = 78
"""Columns after which the text goes on in the next line."""


def as_json(server: str, kind: str, records: Tree) -> str:
    """Return what ``-F json`` prints; without records the key isn't there either."""
    tree: Tree = {"timestamp": int(time.time()), "pbs_version": VERSION, "pbs_server": server}
    return _json({**tree, kind: records} if records else tree, 0) + "\n"


def as_text(head: str, records: Tree) -> str:
    """Return what ``-f`` prints."""
    return "".join(f"{head}: {name}\n{_attributes(record)}\n" for name, record in records.items())


def as_table(records: Tree) -> str:
    """Return what a plain qstat prints."""
    lines = [
        "Job id            Name             User              Time Use S Queue",
        "----------------  ---------------- ----------------  -------- - -----",
    ]
    for job_id, record in records.items():
        spent = record.get("resources_used", {}).get("cput", "0")
        user = record["Job_Owner"].partition("@")[0]
        name, state, queue = record["Job_Name"], record["job_state"], record["queue"]
        lines.append(f"{job_id:17} {name:16} {user:16} {spent:>9} {state} {queue:16}")
    return "\n".join(lines) + "\n" if records else ""


def _json(value: Any, depth: int) -> str:
    if isinstance(value, dict):
        inner = ",\n".join(
            "\t" * (depth + 1) + f"{json.dumps(key)}:\t{_json(item, depth + 1)}" for key, item in value.items()
        )
        return "{\n" + inner + "\n" + "\t" * depth + "}"
    return json.dumps(value, ensure_ascii=False)


def _attributes(record: Tree) -> str:
    lines = []
    for name, value in record.items():
        if name == "Variable_List":
            listed = ",".join(f"{key}={item}" for key, item in value.items())
            lines.append(_folded(f"    {name} = {listed}"))
        elif isinstance(value, dict):
            lines += [_folded(f"    {name}.{key} = {item}") for key, item in value.items()]
        elif isinstance(value, list):
            lines.append(_folded(f"    {name} = {', '.join(value)}"))
        else:
            lines.append(_folded(f"    {name} = {value}"))
    return "\n".join(lines) + "\n"


def _folded(line: str) -> str:
    parts: list[str] = []
    while len(line) > WIDTH:
        comma = line.rfind(",", 0, WIDTH)
        cut = comma + 1 if comma > 0 and "Variable_List" in (parts[0] if parts else line) else WIDTH
        parts.append(line[:cut])
        line = line[cut:]
    return "\n\t".join([*parts, line])
