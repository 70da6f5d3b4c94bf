"""A plugin for fault tests: it counts what it does, so that a test can tell once from twice and from never."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil

from orbit_jupyter.plugin import Plugin, Request, Streamed, route
from orbit_plugins.psij import PSIJPlugin


def pattern(seed: int, size: int) -> bytes:
    """Return bytes that depend on both; the same ones for the same numbers."""
    block = hashlib.sha256(str(seed).encode()).digest() * 2048
    return (block * (size // len(block) + 1))[:size]


class ChaosPlugin(Plugin):
    """Echoes, blocks, streams and ticks."""

    plugin_name = "chaos"

    def __init__(self, app: Any, instance_name: str | None = None) -> None:
        super().__init__(app, instance_name)
        assert self.folder is not None
        self.folder.mkdir(parents=True, exist_ok=True)
        self._ran = (self.folder / "ran").open("ab", buffering=0)  # one write for each line: whole, or not at all
        self._number = 0
        self._ticking = threading.Event()
        self._end = threading.Event()
        self._lock = threading.Lock()
        self._life = f"{os.getpid()}-{time.time_ns()}"
        self._ticker = threading.Thread(target=self._tick, name="chaos ticker", daemon=True)
        self._ticker.start()

    def _note(self, word: str) -> None:
        self._ran.write(f"{word}\n".encode())

    def _emit(self) -> int:
        with self._lock:  # the numbers go out in order
            self._number += 1
            self._dispatch_notify("tick", {"life": self._life, "number": self._number})
            return self._number

    def _tick(self) -> None:
        while not self._end.is_set():
            self._ticking.wait()
            self._emit()
            self._end.wait(0.01)

    @route.post("small/{word}")
    async def small(self, request: Request) -> dict[str, Any]:
        """Say which word it was, and note that it ran."""
        self._note(request.path_params["word"])
        return {"word": request.path_params["word"], "body": request.data}

    @route.post("block/{seconds}")
    def block(self, request: Request) -> dict[str, Any]:
        """Hold a worker thread."""
        time.sleep(float(request.path_params["seconds"]))
        return {"blocked": True}

    @route.post("freeze/{seconds}")
    async def freeze(self, request: Request) -> dict[str, Any]:
        """Hold the loop that all plugins of this endpoint share, as no handler should."""
        time.sleep(float(request.path_params["seconds"]))
        return {"froze": True}

    @route.post("wait/{seconds}")
    async def wait(self, request: Request) -> dict[str, Any]:
        """Answer later."""
        try:
            await asyncio.sleep(float(request.path_params["seconds"]))
        except asyncio.CancelledError:
            self._note("cancelled")
            raise
        return {"waited": True, "time_left": request.time_left}

    @route.put("sink", stream=True)
    async def sink(self, request: Request) -> dict[str, Any]:
        """Take a body of any size."""
        digest, size = hashlib.sha256(), 0
        async for piece in request.stream():
            digest.update(piece)
            size += len(piece)
        return {"size": size, "sha256": digest.hexdigest()}

    @route.get("source/{seed}/{size}", stream=True)
    async def source(self, request: Request) -> Streamed:
        """Send a body of any size."""
        seed, size = int(request.path_params["seed"]), int(request.path_params["size"])

        async def pieces() -> AsyncIterator[bytes]:
            body = memoryview(pattern(seed, size))
            for begin in range(0, size, 100_000):
                yield bytes(body[begin : begin + 100_000])

        return Streamed(pieces())

    @route.post("turn", stream=True)
    async def turn(self, request: Request) -> Streamed:
        """Send back what comes, while it comes."""
        return Streamed(request.stream())

    @route.post("burst/{count}")
    def burst(self, request: Request) -> dict[str, Any]:
        """Send so many events as fast as it goes; say the number of the last."""
        last = 0
        for _ in range(int(request.path_params["count"])):
            last = self._emit()
        return {"life": self._life, "last": last}

    @route.post("ticks/{state}")
    def ticks(self, request: Request) -> dict[str, Any]:
        """Begin or end to send events by itself; say the number of the last one."""
        if request.path_params["state"] == "on":
            self._ticking.set()
        else:
            self._ticking.clear()
        return {"life": self._life, "last": self._emit()}

    @route.get("left")
    async def left(self, request: Request) -> dict[str, Any]:
        """Say what this process holds just now."""
        me = psutil.Process()
        return {
            "pid": me.pid,
            "life": self._life,
            "tasks": len(asyncio.all_tasks()),
            "threads": sorted(thread.name for thread in threading.enumerate()),
            "fds": me.num_fds(),
            "children": [child.pid for child in me.children(recursive=True)],
        }

    async def close(self) -> None:
        """End the ticker."""
        self._end.set()
        self._ticking.set()
        self._ran.close()
        await super().close()


def runs(home: Path, name: str) -> list[str]:
    """Return what the plugin of an endpoint has noted, all its lives together."""
    noted = home / ".radical" / "orbit" / "state" / name / "chaos" / "ran"
    return noted.read_text().split() if noted.exists() else []


class BriefPSIJ(PSIJPlugin):
    """Its sessions expire after a second without use."""

    session_ttl = 1.0
