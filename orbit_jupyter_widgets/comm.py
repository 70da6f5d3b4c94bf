"""The kernel's end of a page's connection to the bridge, where the page can't dial it by itself.

The page speaks the bridge's own frames, as over its own socket; here they pass from the widget's comm to a socket
that the kernel dials for that page, and back. Whatever a page can do it can thus do through the kernel: calls,
their cancel and their errors, events from where it stood, and the bound on what is under way (the bridge keeps at
most 8 MiB for a page that doesn't say what it has seen).

A message's content is ``{"orbit": WHAT, "page": ID}``, since a comm's messages go to all pages:

========  =========  ========================================================
from      what       means
========  =========  ========================================================
page      dial       open a socket to the bridge; one that there is ends
kernel    open       it is open
both      frames     frames, one in each buffer
page      hang-up    close it
kernel    closed     it is closed; `reason` says why
page      files      send the renderer's files
kernel    file       the next piece of one, called `name`; `last` of all
========  =========  ========================================================
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from orbit_jupyter.client import BridgeClient
from orbit_jupyter.link import Transport, TransportClosedError
from orbit_jupyter.protocol import Bye, OrbitError, Ping, Pong, decode, encode

log = logging.getLogger("orbit.widgets")

STATIC = Path(__file__).parent / "static"
"""Where the renderer's files are once it is built."""

PIECE = 512 * 2**10
"""Bytes of a file in one message."""

TOGETHER = 0.02
"""Seconds within which frames go to the page as one message: the kernel's messages are dear, and counted."""

FORGOTTEN = 600.0
"""Seconds without a word from a page after which it is taken for gone.

A page that is closed says so; one that crashes can't. While a cell runs a page may be unheard, too.
"""

_IMPORTED = re.compile(rb"""["']\./(orbit-[\w-]+\.js)["']""")

Send = Callable[..., None]


def renderer_files() -> dict[str, bytes]:
    """Return the renderer's entry and what it imports, by name; none where it isn't built."""
    found: dict[str, bytes] = {}
    wanted = ["orbit-ui.js"]
    while wanted:
        name = wanted.pop()
        if name not in found:
            try:
                found[name] = (STATIC / name).read_bytes()
            except FileNotFoundError:
                return {}
            wanted += [one.decode() for one in _IMPORTED.findall(found[name])]
    return found


class Relay:
    """The sockets that a kernel holds for the pages that show a widget.

    Parameters
    ----------
    client
        The bridge.
    send
        Sends content and buffers to all pages that show the widget.
    """

    def __init__(self, client: BridgeClient, send: Send) -> None:
        self._client, self._send = client, send
        self._pipes: dict[str, _Pipe] = {}
        self._loop = client.wait(_running_loop())
        self._closed = False

    @property
    def pages(self) -> list[str]:
        """The pages that have a socket here."""
        return list(self._pipes)

    def take(self, content: Any, buffers: list[Any]) -> None:
        """Take a message from a page; on any thread, without waiting."""
        if isinstance(content, dict) and isinstance(content.get("page"), str):
            frames = [bytes(one) for one in buffers]
            self._loop.call_soon_threadsafe(self._handle, str(content.get("orbit")), content["page"], frames)

    def close(self) -> None:
        """Close all of them; a second time does nothing."""
        if not self._closed:
            self._closed = True
            with contextlib.suppress(RuntimeError):  # the loop ended before: so have they
                self._loop.call_soon_threadsafe(self._close)

    def _close(self) -> None:
        for page in list(self._pipes):
            self._hang_up(page)

    def _handle(self, what: str, page: str, frames: list[bytes]) -> None:
        pipe = self._pipes.get(page)
        if self._closed:
            return
        if what == "dial":
            self._hang_up(page)
            tell = self._tell
            self._pipes[page] = _Pipe(page, self._client.aio.dial, tell, self._ended)
        elif what == "frames" and pipe is not None:
            pipe.take(frames)
        elif what == "frames":
            self._tell("closed", page, reason="the kernel holds no connection for this page")
        elif what == "hang-up":
            self._hang_up(page)
        elif what == "files":
            self._send_files(page)

    def _hang_up(self, page: str) -> None:
        pipe = self._pipes.pop(page, None)
        if pipe is not None:
            pipe.end()

    def _ended(self, pipe: _Pipe, reason: str) -> None:
        if self._pipes.get(pipe.page) is pipe:
            del self._pipes[pipe.page]
            self._tell("closed", pipe.page, reason=reason)

    def _tell(self, what: str, page: str, buffers: list[bytes] | None = None, **more: Any) -> None:
        self._send({"orbit": what, "page": page, **more}, buffers=buffers)

    def _send_files(self, page: str) -> None:
        files = renderer_files()
        if not files:
            self._tell("file", page, error="Orbit's renderer isn't built in the kernel's environment")
        for number, (name, body) in enumerate(files.items(), 1):
            for start in range(0, len(body), PIECE):
                last = number == len(files) and start + PIECE >= len(body)
                self._tell("file", page, [body[start : start + PIECE]], name=name, last=last)


class _Pipe:
    """One page's socket."""

    def __init__(
        self,
        page: str,
        dial: Callable[[], Awaitable[Transport]],
        tell: Callable[..., None],
        ended: Callable[[_Pipe, str], None],
    ) -> None:
        self.page = page
        self._dial, self._tell, self._ended = dial, tell, ended
        self._outgoing: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._open = False
        self._incoming: list[bytes] = []
        self._flushing: asyncio.TimerHandle | None = None
        self._heard = time.monotonic()
        self._task = asyncio.ensure_future(self._run())

    def take(self, frames: list[bytes]) -> None:
        self._heard = time.monotonic()
        for frame in frames:
            self._outgoing.put_nowait(frame)

    def end(self) -> None:
        if self._open:
            self._outgoing.put_nowait(None)  # behind the page's goodbye
        else:
            self._task.cancel()

    async def _run(self) -> None:
        reason = "the connection to the bridge was lost"
        try:
            transport = await self._dial()
        except OrbitError as error:
            reason = error.message
            if not error.transient:  # a token that is revoked doesn't become valid again
                self._tell("open", self.page)
                self._tell("frames", self.page, [encode(Bye(reason, retry=False, code=error.code))])
            self._ended(self, reason)
            return
        writer = asyncio.ensure_future(self._write(transport))
        self._open = True
        try:
            self._tell("open", self.page)
            await transport.deliver(self._came)
        except TransportClosedError as error:
            reason = str(error) or reason
            self._flush()
            self._ended(self, reason)
        finally:
            if self._flushing is not None:
                self._flushing.cancel()
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            await transport.close()

    async def _write(self, transport: Transport) -> None:
        with contextlib.suppress(TransportClosedError):  # the reader says so
            while (frame := await self._outgoing.get()) is not None:
                await transport.send(frame)
            await transport.close()

    def _came(self, data: bytes) -> None:
        if data[1:6] == b"\xa4ping":
            self._answer(data)
        self._incoming.append(data)
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().call_later(TOGETHER, self._flush)

    def _answer(self, data: bytes) -> None:
        # In place of the page, whose answer waits for a cell that runs; it gets the ping all the same, and knows
        # by it that the bridge is there.
        ping = decode(data)
        if isinstance(ping, Ping) and time.monotonic() - self._heard < FORGOTTEN:
            self._outgoing.put_nowait(encode(Pong(ping.time)))

    def _flush(self) -> None:
        frames, self._incoming, self._flushing = self._incoming, [], None
        if frames:
            try:
                self._tell("frames", self.page, frames)
            except Exception:
                log.exception("frames can't be sent to a page")


async def _running_loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()
