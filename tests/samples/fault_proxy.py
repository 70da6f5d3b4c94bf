"""A TCP proxy in front of a bridge that does to a connection what networks do: slow, cut, half-open, damaged."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

Way = Literal["up", "down"]
"""`up` leads to the bridge."""

T = TypeVar("T")

PIECE = 64 * 2**10


@dataclass
class _Damage:
    way: Way
    at: int
    bit: int
    done: threading.Event = field(default_factory=threading.Event)


class Messages:
    """Finds the payloads of WebSocket messages in a stream of bytes (RFC 6455, section 5.2)."""

    def __init__(self) -> None:
        self._head = b""
        self._upgraded = False
        self._left = 0

    def payloads(self, data: bytes) -> list[int]:
        """Take the next bytes; return at which of them the payload of a message begins."""
        begins: list[int] = []
        for place, byte in enumerate(data):
            if self._left:
                self._left -= 1
                continue
            self._head += bytes([byte])
            if not self._upgraded:
                if self._head.endswith(b"\r\n\r\n"):
                    self._upgraded, self._head = True, b""
                continue
            size = self._size()
            if size is not None:
                self._head, self._left = b"", size
                if size:
                    begins.append(place + 1)
        return begins

    def _size(self) -> int | None:
        head = self._head
        if len(head) < 2:
            return None
        short, mask = head[1] & 127, 4 if head[1] & 128 else 0
        extended = {126: 2, 127: 8}.get(short, 0)
        if len(head) < 2 + extended + mask:
            return None
        return int.from_bytes(head[2 : 2 + extended], "big") if extended else short


class FaultProxy:
    """Forwards connections, in a thread of its own; every fault can be set from any thread.

    Parameters
    ----------
    target
        Port of the bridge on this machine.

    Attributes
    ----------
    port
        Where it listens.
    accepted
        How many connections have come.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self.port = 0
        self.accepted = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="fault-proxy", daemon=True)
        self._server: asyncio.AbstractServer | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._delay = 0.0
        self._rate = 0.0
        self._refusing = False
        self._damage: _Damage | None = None
        self._open: dict[Way, asyncio.Event] = {}

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        self._do(self._start)
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._stop)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @property
    def url(self) -> str:
        """Of the bridge behind it, where that has no base URL."""
        return f"http://127.0.0.1:{self.port}/orbit"

    # -- faults ------------------------------------------------------------------------------------------------

    def delay(self, seconds: float) -> None:
        """Hold each piece back for so long, in both directions."""
        self._set(lambda: setattr(self, "_delay", seconds))

    def throttle(self, bytes_per_second: float) -> None:
        """Let no more pass, in each direction of each connection; 0: no bound."""
        self._set(lambda: setattr(self, "_rate", bytes_per_second))

    def cut(self, *, refuse: bool = False) -> None:
        """Reset all connections; with `refuse`, new ones too, until `heal`."""

        def reset() -> None:
            self._refusing = refuse
            for writer in list(self._writers):
                _reset(writer)

        self._set(reset)

    def half_open(self, *ways: Way) -> None:
        """Forward nothing more (in these directions; none named: both), and close nothing, new ones neither."""

        def stop() -> None:
            for way in ways or ("up", "down"):
                self._open[way].clear()

        self._set(stop)

    def heal(self) -> None:
        """Forward again."""

        def again() -> None:
            self._refusing = False
            for way in self._open.values():
                way.set()

        self._set(again)

    def forget(self) -> None:
        """Reset what is open and forward again what comes anew: a half-open connection that never comes back."""
        self.cut()
        self.heal()

    def damage(self, way: Way, at: int, bit: int = 0) -> threading.Event:
        """Flip a bit of the byte `at` in the payload of the next message that is so long; return what tells."""
        damage = _Damage(way, at, 1 << bit)
        self._set(lambda: setattr(self, "_damage", damage))
        return damage.done

    # -- on the proxy's loop -----------------------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _do(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return asyncio.run_coroutine_threadsafe(work(), self._loop).result(20)

    def _set(self, what: Callable[[], object]) -> None:
        async def work() -> None:
            what()

        self._do(work)

    async def _start(self) -> None:
        for way in ("up", "down"):
            self._open[way] = asyncio.Event()
            self._open[way].set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=PIECE)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        far: asyncio.StreamWriter | None = None
        try:
            if self._refusing:
                return
            far_reader, far = await asyncio.open_connection("127.0.0.1", self._target, limit=PIECE)
            self._writers.add(far)
            ways = [
                asyncio.ensure_future(self._forward("up", reader, far)),
                asyncio.ensure_future(self._forward("down", far_reader, writer)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in ways:
                    one.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except OSError:
            pass  # the bridge isn't there just now
        finally:
            for end in (writer, far):
                if end is not None:
                    self._writers.discard(end)
                    end.close()  # what was forwarded before still goes out
            self._tasks.discard(task)

    async def _forward(self, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        messages = Messages()
        while piece := await reader.read(PIECE):
            await self._open[way].wait()
            piece = self._damaged(way, messages, piece)
            if self._delay:
                await asyncio.sleep(self._delay)
            if self._rate:
                await asyncio.sleep(len(piece) / self._rate)
            writer.write(piece)
            await writer.drain()
            await self._open[way].wait()  # an end doesn't pass either

    def _damaged(self, way: Way, messages: Messages, piece: bytes) -> bytes:
        damage = self._damage
        begins = messages.payloads(piece) if len(piece) < PIECE // 4 else []
        if damage is None or damage.way != way:
            return piece
        for begin in begins:
            place = begin + damage.at
            if place < len(piece):
                self._damage = None
                damage.done.set()
                return piece[:place] + bytes([piece[place] ^ damage.bit]) + piece[place + 1 :]
        return piece


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN."""
    peer: socket.socket | None = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        if peer is not None:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
