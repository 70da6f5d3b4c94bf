"""One file, from here to an endpoint: checked, resumed, there whole or not at all."""

from __future__ import annotations

import asyncio
import os
import stat
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

from orbit_jupyter.plugin import ConflictError

from . import digests
from .again import Patience
from .receiving import WORTH_KEEPING
from .remote import Remote
from .wants import MODE, MTIME, OFFSET, PREFIX, SIZE

PIECE = 1 << 20

At = Callable[[int], None]
"""Is told how many bytes are there by now."""


class Upload:
    """A local file that is on its way.

    Parameters
    ----------
    remote
        The endpoint.
    source, target
        From where to where.
    overwrite
        Whether a file may be there.
    at
        Is told how far it is.
    patience
        Seconds that it may stand still.
    """

    def __init__(
        self, remote: Remote, source: str, target: str, *, overwrite: bool, at: At, patience: float
    ) -> None:
        self._remote, self._source, self._target = remote, source, target
        self._overwrite, self._at, self._patience = overwrite, at, Patience(patience)
        self.skipped = False

    async def run(self, *, skip_same: bool) -> dict[str, Any]:
        """Send it, and return ``{"path", "size"}``.

        Parameters
        ----------
        skip_same
            Whether a file with the same content that is there already will do.

        Raises
        ------
        OSError
            It can't be read here.
        OrbitError
            As the endpoint refuses, or can't be reached any more.
        """
        with await asyncio.to_thread(open, self._source, "rb", 0) as file:
            self._fd = file.fileno()
            self._found = os.fstat(self._fd)
            self._size = self._found.st_size
            self._digest = await self._hashed(self._size)
            async for attempt in self._patience.tries():
                with attempt:
                    first = attempt.retry_state.attempt_number == 1
                    return await self._send(skip_same=skip_same or not first)
            raise AssertionError("tenacity returns or raises")

    async def _send(self, *, skip_same: bool) -> dict[str, Any]:
        offset = 0
        if self._size >= WORTH_KEEPING:
            offset = min(self._size, await self._remote.part(self._target, self._digest))
        headers = {
            digests.HEADER: self._digest,
            SIZE: str(self._size),
            MODE: f"{stat.S_IMODE(self._found.st_mode) & 0o777:o}",
            MTIME: str(max(0, self._found.st_mtime_ns)),
        }
        if offset:
            headers |= {OFFSET: str(offset), PREFIX: await self._hashed(offset)}
        self._at(offset)
        try:
            async with self._remote.file(
                "PUT", self._target, body=self._pieces(offset), headers=headers, overwrite=self._overwrite
            ) as exchange:
                answer: dict[str, Any] = await exchange.json()
        except ConflictError:
            # An answer may have been lost after the file was finished.
            there = await self._remote.digest(self._target) if skip_same else {}
            if there.get("digest") != self._digest:
                raise
            self.skipped = True
            answer = there
        self._at(self._size)
        return {"path": answer["path"], "size": answer["size"]}

    async def _pieces(self, offset: int) -> AsyncIterator[bytes]:
        while offset < self._size:
            piece = await asyncio.to_thread(os.pread, self._fd, min(PIECE, self._size - offset), offset)
            if not piece:
                raise ValueError(f"{self._source} has become shorter while it was sent")
            yield piece
            offset += len(piece)  # it is on its way
            self._patience.moved()
            self._at(offset)

    async def _hashed(self, size: int) -> str:
        gone = threading.Event()
        try:
            return digests.text_of(await asyncio.to_thread(digests.of_open_file, self._fd, size, gone))
        finally:
            gone.set()
