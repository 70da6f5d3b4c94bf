"""One file, from an endpoint to here: checked, resumed, here whole or not at all."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from orbit_jupyter.plugin import OrbitError

from . import digests
from .again import Patience
from .partial import Partial, check_target, name_of
from .receiving import WORTH_KEEPING
from .remote import Remote
from .upload import At
from .wants import MODE, MTIME, SIZE


class Download:
    """A remote file that is on its way; parameters as those of `Upload`."""

    def __init__(
        self, remote: Remote, source: str, target: str, *, overwrite: bool, at: At, patience: float
    ) -> None:
        self._remote, self._source, self._target = remote, source, os.path.realpath(target)
        self._overwrite, self._at, self._patience = overwrite, at, Patience(patience)
        self._etag, self._size = "", 0
        self.skipped = False

    async def run(self, *, skip_same: bool) -> dict[str, Any]:
        """Fetch it, and return ``{"path", "size"}``; as `Upload.run`."""
        if not self._overwrite and await asyncio.to_thread(os.path.lexists, self._target):
            there = await self._remote.digest(self._source) if skip_same else None
            if there is None or await asyncio.to_thread(_digest_here, self._target) != there["digest"]:
                raise FileExistsError(f"{self._target} exists here; say that it is to be overwritten")
            self.skipped = True
            self._at(there["size"])
            return {"path": self._target, "size": there["size"]}
        async for attempt in self._patience.tries():
            with attempt:
                return await self._fetch()
        raise AssertionError("tenacity returns or raises")

    async def _fetch(self) -> dict[str, Any]:
        """Fetch it, from where the part that is here ends."""
        offset = await asyncio.to_thread(self._there)
        headers = {"range": f"bytes={offset}-", "if-range": self._etag} if offset else {}
        async with self._remote.file("GET", self._source, headers=headers) as exchange:
            new = not self._etag
            self._etag, self._size = exchange.headers["etag"], int(exchange.headers[SIZE])
            if new and await asyncio.to_thread(self._there) > 0:  # an earlier call has left a part of just this
                return await self._fetch()
            if exchange.status != 206:
                offset = 0
            part = await asyncio.to_thread(self._open, offset)
            try:
                self._at(offset)
                async for piece in exchange:
                    await asyncio.to_thread(part.write, piece)
                    self._patience.moved()
                    self._at(part.size)
                return await self._finish(part, exchange.headers)
            finally:
                await asyncio.to_thread(part.close)

    def _key(self) -> str:
        return f"{self._remote.name}\0{self._source}\0{self._etag}"

    def _there(self) -> int:
        """Return how many bytes are here of what the known tag stands for, less than all."""
        if self._size < WORTH_KEEPING:
            return 0
        where, name = os.path.split(self._target)
        try:
            return min(os.path.getsize(os.path.join(where, name_of(name, self._key()))), self._size - 1)
        except OSError:
            return 0

    def _open(self, offset: int) -> Partial:
        where, name = os.path.split(self._target)
        os.makedirs(where, exist_ok=True)
        folder = os.open(where, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            check_target(folder, name, overwrite=self._overwrite)
            lasting = self._size >= WORTH_KEEPING
            hidden = name_of(name, self._key() if lasting else "")
            part = Partial.open(folder, name, hidden, lasting=lasting, private=True)
            part.resume(offset)
            return part
        finally:
            os.close(folder)

    async def _finish(self, part: Partial, headers: dict[str, str]) -> dict[str, Any]:
        digest = headers.get(digests.HEADER)
        if digest is None:
            there = await self._remote.digest(self._source)
            digest = there["digest"] if there["etag"] == self._etag else ""
        if part.digest != digest:
            await asyncio.to_thread(part.discard)
            changed = "" if digest else " has been changed while it was read"
            raise OrbitError(f"{self._source}{changed or ': what came is not what was sent'}", transient=True)
        mode, mtime = int(headers[MODE], 8), int(headers[MTIME])
        size = part.size
        await asyncio.to_thread(part.finish, overwrite=self._overwrite, mode=mode, mtime=mtime)
        return {"path": self._target, "size": size}


def _digest_here(path: str) -> str:
    with open(path, "rb") as file:
        return digests.text_of(digests.of_open_file(file.fileno(), os.fstat(file.fileno()).st_size))
