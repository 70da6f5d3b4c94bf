"""Which files a transfer moves, from where to where. For the client's side.

- A target that ends with ``/`` is a folder: what is moved goes into it under its own name.
- So do several files, and a single one whose target is a folder that is there already.
- Otherwise the target is the new name itself; a folder that is there is filled up.
"""

from __future__ import annotations

import asyncio
import glob
import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from orbit_jupyter.protocol import OrbitError, ProtocolError

_MAGIC = re.compile(r"[*?\[]")

ListFolder = Callable[[str], Awaitable[dict[str, Any]]]
"""Answers with ``{"entries": [{"name", "type", "size"}, …]}``."""


@dataclass(frozen=True)
class Item:
    """One file; `size` in bytes."""

    source: str
    target: str
    size: int


@dataclass
class Plan:
    """Folders to make, and files to move."""

    folders: list[str] = field(default_factory=list)
    files: list[Item] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(item.size for item in self.files)

    @property
    def bare(self) -> list[str]:
        """The folders that no file goes into, which would be made for it."""
        filled = {os.path.dirname(item.target) for item in self.files}
        return [folder for folder in self.folders if folder not in filled]


def check_remote(path: str) -> str:
    """Return a path on an endpoint, which is absolute or begins with ``~``.

    Raises
    ------
    ValueError
        It is relative.
    """
    if path == "~" or path.startswith(("/", "~/")):
        return path
    raise ValueError(f"{path!r} is a relative path on the endpoint; begin with / or ~/")


def joined(folder: str, name: str) -> str:
    """Return the path of a name in a folder."""
    return f"{folder.rstrip('/')}/{name}"


def plan_upload(local: str, remote: str) -> Plan:
    """Look at what is here, and say where it goes; it blocks.

    Raises
    ------
    FileNotFoundError
        There is nothing of that name, or nothing that fits the pattern.
    ValueError
        It is neither a file nor a folder.
    """
    local = os.path.expanduser(local)
    found, several = [local], False
    if _MAGIC.search(local) and not os.path.lexists(local):
        found, several = sorted(glob.glob(local, recursive=True)), True
    if not found or not os.path.exists(found[0]):
        raise FileNotFoundError(f"there is no {local} here")
    plan = Plan()
    for source in found:
        into = several or remote.endswith("/")
        name = os.path.basename(os.path.abspath(source))
        target = joined(remote, name) if into else remote
        if os.path.isdir(source):
            _add_folder(plan, source, target)
        elif os.path.isfile(source):
            plan.files.append(Item(source, target, os.path.getsize(source)))
        elif not several:
            raise ValueError(f"{source} is a device, a pipe or a socket")
    return plan


def _add_folder(plan: Plan, source: str, target: str) -> None:
    for folder, folders, names in os.walk(source, followlinks=False):
        inside = os.path.relpath(folder, source)
        here = target if inside == "." else joined(target, inside)
        folders[:] = sorted(name for name in folders if not os.path.islink(os.path.join(folder, name)))
        plan.folders.append(here)
        for name in sorted(names):
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                plan.files.append(Item(path, joined(here, name), os.path.getsize(path)))


async def plan_download(list_folder: ListFolder, remote: str, local: str, size: int | None) -> Plan:
    """Look at what is there, and say where it goes.

    Parameters
    ----------
    list_folder
        Lists a folder on the endpoint.
    remote, local
        From where to where.
    size
        Of the file that `remote` is; None: it is a folder, or a pattern.

    Raises
    ------
    FileNotFoundError
        Nothing fits the pattern.
    """
    plan = Plan()
    name = remote.rstrip("/").rpartition("/")[2]
    if size is not None:
        target = await asyncio.to_thread(_name_here, local, name)
        plan.files.append(Item(remote, target, size))
    elif is_pattern(remote):
        matches = await _matching(list_folder, remote)
        if not matches:
            raise FileNotFoundError(f"nothing on the endpoint fits {remote}")
        for path, entry in matches:
            target = os.path.join(local, path.rpartition("/")[2])
            if entry["type"] == "dir":
                await _add_remote_folder(plan, list_folder, path, target)
            elif entry["type"] == "file":
                plan.files.append(Item(path, target, entry["size"]))
    else:
        target = os.path.join(local, name) if local.endswith("/") else local
        await _add_remote_folder(plan, list_folder, remote, target)
    return plan


def _name_here(local: str, name: str) -> str:
    return os.path.join(local, name) if local.endswith("/") or os.path.isdir(local) else local


def is_pattern(path: str) -> bool:
    """Return whether a path has one of ``*?[`` in it."""
    return _MAGIC.search(path) is not None


async def entries_of(list_folder: ListFolder, path: str) -> list[dict[str, Any]]:
    """Return what is in a folder, with names that can't lead out of where they are put."""
    listed = await list_folder(path)
    entries: list[dict[str, Any]] = listed["entries"]
    for entry in entries:
        if "/" in entry["name"] or "\0" in entry["name"] or entry["name"] in ("", ".", ".."):
            raise ProtocolError(f"the endpoint lists a name in {path} that is none: {entry['name']!r}")
    return entries


async def _add_remote_folder(plan: Plan, list_folder: ListFolder, source: str, target: str) -> None:
    waiting = [(source, target)]
    while waiting:
        source, target = waiting.pop()
        plan.folders.append(target)
        for entry in await entries_of(list_folder, source):
            path, goal = joined(source, entry["name"]), os.path.join(target, entry["name"])
            if entry["type"] == "dir" and not entry.get("link"):
                waiting.append((path, goal))
            elif entry["type"] == "file":
                plan.files.append(Item(path, goal, entry["size"]))


async def _matching(list_folder: ListFolder, pattern: str) -> list[tuple[str, dict[str, Any]]]:
    """Return what fits a pattern, by path; ``**`` is any number of folders, and a leading dot must be written."""
    parts = pattern.split("/")
    fixed = next(i for i, part in enumerate(parts) if is_pattern(part))
    found = [("/".join(parts[:fixed]) or "/", {"type": "dir"})]
    for part in parts[fixed:]:
        if not part:
            continue
        further: dict[str, dict[str, Any]] = {}
        for path, entry in found:
            if entry["type"] == "dir":
                if part == "**":
                    further.update(await _below(list_folder, path))
                else:
                    further.update(await _fitting(list_folder, path, part))
        found = sorted(further.items())
    return found


async def _fitting(list_folder: ListFolder, path: str, part: str) -> dict[str, dict[str, Any]]:
    try:
        entries = await entries_of(list_folder, path)
    except OrbitError as error:
        if error.status in (400, 403, 404):  # as in a shell, what can't be looked into fits nothing
            return {}
        raise
    return {
        joined(path, entry["name"]): entry
        for entry in entries
        if fnmatchcase(entry["name"], part) and (part.startswith(".") or not entry["name"].startswith("."))
    }


async def _below(list_folder: ListFolder, path: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {path: {"type": "dir"}}
    waiting = [path]
    while waiting:
        for inner, entry in (await _fitting(list_folder, waiting.pop(), "*")).items():
            if entry["type"] == "dir" and not entry.get("link"):
                found[inner] = entry
                waiting.append(inner)
    return found
