"""The client's side, as coroutines: each call once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import closing
from functools import partial
from typing import Any, TypedDict

from orbit_jupyter.plugin import AsyncPluginClient, ResourceNotFoundError

from .again import as_file_errors
from .download import Download
from .plan import Item, Plan, check_remote, is_pattern, joined, plan_download, plan_upload
from .progress import OnProgress, Progress
from .remote import Remote
from .upload import Upload

LocalPath = str | os.PathLike[str]


class Moved(TypedDict):
    """What a transfer has done: `skipped` files were there already, with the same content."""

    files: int
    bytes: int
    skipped: int
    paths: list[str]


class AsyncStagingClient(AsyncPluginClient):
    """Files on an endpoint, as coroutines; `StagingClient` tells what they take, return and raise."""

    patience = 300.0
    """How long (s) a transfer may stand still before it is given up; an endpoint may be on its way back."""

    async def put(self, src: LocalPath, tgt: str, overwrite: bool = False) -> dict[str, Any]:
        """Send a file; see `StagingClient.put`."""
        source = await asyncio.to_thread(_file_here, src)
        with as_file_errors():
            sending = Upload(
                Remote(self), source, check_remote(tgt), overwrite=overwrite, at=_ignore, patience=self.patience
            )
            return await sending.run(skip_same=False)

    async def get(self, src: str, tgt: LocalPath) -> dict[str, Any]:
        """Fetch a file; see `StagingClient.get`."""
        target = _expanded(tgt)
        with as_file_errors():
            fetching = Download(
                Remote(self), check_remote(src), target, overwrite=False, at=_ignore, patience=self.patience
            )
            return await fetching.run(skip_same=False)

    async def list(self, path: str) -> dict[str, Any]:
        """Return what is in a folder; see `StagingClient.list`."""
        with as_file_errors():
            listed: dict[str, Any] = await self.call("POST", "list/{sid}", {"path": check_remote(path)})
        return listed

    async def upload(
        self,
        local: LocalPath,
        remote: str,
        *,
        overwrite: bool = False,
        progress: bool | OnProgress = True,
        parallel: int = 4,
    ) -> Moved:
        """Send files and folders; see `StagingClient.upload`."""
        with closing(Progress(progress, f"to {self.endpoint.endpoint_id}")) as shown:
            return await self._upload(local, remote, overwrite, shown, parallel)

    async def _upload(
        self, local: LocalPath, remote: str, overwrite: bool, shown: Progress, parallel: int
    ) -> Moved:
        there, target = Remote(self), check_remote(remote)
        with as_file_errors():
            plan = await asyncio.to_thread(plan_upload, os.fspath(local), target)
            one = plan.files[0] if len(plan.files) == 1 and not plan.folders else None
            if one is not None and one.target == target and await _is_remote_folder(there, target):
                plan.files = [Item(one.source, joined(target, os.path.basename(one.source)), one.size)]
            move = partial(Upload, there, overwrite=overwrite, patience=self.patience)
            return await _move(plan, there.make_folder, move, shown, parallel)

    async def download(
        self,
        remote: str,
        local: LocalPath,
        *,
        overwrite: bool = False,
        progress: bool | OnProgress = True,
        parallel: int = 4,
    ) -> Moved:
        """Fetch files and folders; see `StagingClient.download`."""
        with closing(Progress(progress, f"from {self.endpoint.endpoint_id}")) as shown:
            return await self._download(remote, local, overwrite, shown, parallel)

    async def _download(
        self, remote: str, local: LocalPath, overwrite: bool, shown: Progress, parallel: int
    ) -> Moved:
        there, source = Remote(self), check_remote(remote)
        target = _expanded(local)
        with as_file_errors():
            size = None if is_pattern(source) else await there.size(source)
            plan = await plan_download(self._list, source, target, size)
            move = partial(Download, there, overwrite=overwrite, patience=self.patience)
            return await _move(plan, _make_here, move, shown, parallel)

    async def _list(self, path: str) -> dict[str, Any]:
        listed: dict[str, Any] = await self.call("POST", "list/{sid}", {"path": path})
        return listed


async def _is_remote_folder(there: Remote, path: str) -> bool:
    try:
        return await there.size(path) is None
    except ResourceNotFoundError:
        return False


def _expanded(path: LocalPath) -> str:
    return os.path.expanduser(os.fspath(path))


def _file_here(path: LocalPath) -> str:
    source = _expanded(path)
    if not os.path.exists(source):
        raise FileNotFoundError(f"there is no {source} here")
    if not os.path.isfile(source):
        raise ValueError(f"{source} is no file; upload() takes folders")
    return source


async def _make_here(path: str) -> None:
    await asyncio.to_thread(os.makedirs, path, exist_ok=True)


async def _move(
    plan: Plan,
    make_folder: Callable[[str], Awaitable[None]],
    move: Callable[..., Upload | Download],
    shown: Progress,
    parallel: int,
) -> Moved:
    """Make the folders, and move the files, several at once; the first that fails ends all."""
    shown.expect(plan.size)
    moved: Moved = {"files": 0, "bytes": 0, "skipped": 0, "paths": []}
    room = asyncio.Semaphore(max(1, parallel))

    async def one(item: Item) -> None:
        async with room:
            moving = move(item.source, item.target, at=partial(shown.at, item.source))
            done = await moving.run(skip_same=True)
        moved["files"] += 1
        moved["bytes"] += done["size"]
        moved["skipped"] += moving.skipped
        moved["paths"].append(done["path"])

    note = ""
    tasks: list[asyncio.Task[None]] = []
    try:
        for folder in plan.bare:
            await make_folder(folder)
        tasks = [asyncio.ensure_future(one(item)) for item in plan.files]
        await asyncio.gather(*tasks)
    except asyncio.CancelledError:
        note = "interrupted: what has come so far is kept; the same call goes on from there"
        raise
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        shown.close(note)
    moved["paths"].sort()
    return moved


def _ignore(_: int) -> None: ...
