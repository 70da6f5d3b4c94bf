"""A plugin for tests whose handlers read and write streams, one way and both at once."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

from orbit_jupyter.plugin import HTTPException, Plugin, Request, Streamed, route

PIECE = 64 * 2**10


def pattern(size: int, offset: int = 0) -> bytes:
    """Return bytes that differ from place to place, so that a lost or doubled piece shows."""
    first, last = offset // 8, (offset + size) // 8 + 1
    text = b"".join(n.to_bytes(8, "big") for n in range(first, last))
    return text[offset - first * 8 :][:size]


class StreamPlugin(Plugin):
    """Digests, makes and transforms bodies of any length."""

    plugin_name = "stream"

    def __init__(self, app: Any, instance_name: str | None = None) -> None:
        super().__init__(app, instance_name)
        self.made = 0
        self.taken = 0
        self.ended: list[str] = []

    @route.put("digest", stream=True)
    async def digest(self, request: Request) -> dict[str, Any]:
        """Read all of a body and say what it was."""
        digest, size, largest = hashlib.blake2b(), 0, 0
        async for piece in request.stream():
            digest.update(piece)
            size += len(piece)
            largest = max(largest, len(piece))
        return {
            "digest": digest.hexdigest(),
            "size": size,
            "largest": largest,
            "length": request.headers.get("content-length"),
        }

    @route.get("make/{size}")
    async def make(self, size: int) -> Streamed:
        """Answer with so many bytes."""
        return Streamed(self._pattern(size), headers={"content-type": "application/octet-stream"})

    @route.get("named/{size}")
    async def named(self, size: int) -> Streamed:
        """Do the same, and say how many they are."""
        return Streamed(self._pattern(size), headers={"content-length": str(size)})

    async def _pattern(self, size: int) -> AsyncIterator[bytes]:
        try:
            for offset in range(0, size, PIECE):
                piece = pattern(min(PIECE, size - offset), offset)
                self.made += len(piece)
                yield piece
        finally:
            self.ended.append("make")

    @route.get("made")
    async def count(self) -> dict[str, Any]:
        """Return how many bytes were made and taken by handlers so far, and which of them have ended."""
        return {"made": self.made, "taken": self.taken, "ended": self.ended}

    @route.post("upper", stream=True)
    async def upper(self, request: Request) -> Streamed:
        """Answer each piece while the next may still come."""

        async def each() -> AsyncIterator[bytes]:
            try:
                async for piece in request.stream():
                    yield piece.upper()
            finally:
                self.ended.append("upper")

        return Streamed(each())

    @route.put("slow", stream=True)
    async def slow(self, request: Request) -> dict[str, Any]:
        """Take one piece and then none for ever."""
        async for piece in request.stream():
            self.taken += len(piece)
            await asyncio.Event().wait()
        return {}

    @route.put("refuse", stream=True)
    async def refuse(self, request: Request) -> None:
        """Say no before the body has come."""
        raise HTTPException(409, "there is one already")

    @route.get("break/{size}")
    async def breaks(self, size: int) -> Streamed:
        """Fail in the middle of an answer."""

        async def some() -> AsyncIterator[bytes]:
            yield pattern(size)
            raise OSError("the disk is gone")

        return Streamed(some())

    @route.post("whole")
    def whole(self, request: Request) -> bytes:
        """Answer with the body, both as a whole: a plain handler that knows nothing of streams."""
        return request.content
