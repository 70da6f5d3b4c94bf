"""The bridge under test, a peer that dials it and does what the test wants, and the reader of its events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from orbit_jupyter.bridge.extension import OrbitExtension
from orbit_jupyter.endpoint import EndpointService
from orbit_jupyter.link import Address, Down, Found, Link
from orbit_jupyter.link.link import CallHandler
from orbit_jupyter.link.transport import Transport
from orbit_jupyter.protocol import AnyFrame, Call, Fail, Reply

Start = Callable[..., Awaitable[EndpointService]]


@dataclass
class Bridge:
    """The bridge under test and how to reach it."""

    extension: OrbitExtension
    url: str
    token: str

    def http(self, **headers: str) -> httpx.AsyncClient:
        """Return an HTTP client with the server's token; ``authorization=""`` leaves it out."""
        headers.setdefault("authorization", f"token {self.token}")
        return httpx.AsyncClient(
            base_url=self.url, headers={name: value for name, value in headers.items() if value}, timeout=20
        )

    def endpoint_token(self, name: str) -> str:
        """Return a token for an endpoint of that name."""
        return self.extension.tokens.create(name, self.extension.owner)[0]

    def address(self, token: str) -> Address:
        """Return where to dial with a token."""
        return Address.parse(self.url, Found(token, "the test"), None)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the topology fulfils a condition."""
        changed = asyncio.Event()

        def told(*_: object) -> None:
            changed.set()

        self.extension.hub.watch(told)
        try:
            while not condition():
                await asyncio.wait_for(changed.wait(), 20)
                changed.clear()
        finally:
            self.extension.hub.unwatch(told)


class Peer:
    """An endpoint made by hand: it says and answers what the test wants."""

    def __init__(self, transport: Transport, first: AnyFrame) -> None:
        self.transport, self.first = transport, first
        self.calls: list[Call] = []
        self.reply: Reply | Fail = Reply(id=0, status=200)
        self.link: Link | None = None
        self._serving: asyncio.Task[Down] | None = None

    def serve(self, on_call: CallHandler | None = None) -> asyncio.Task[Down]:
        """Answer calls with `reply` from now on, or as `on_call` does."""
        self.link = Link(self.transport, on_call=on_call or self._on_call)
        self._serving = asyncio.ensure_future(self._run(self.link))
        return self._serving

    async def _run(self, link: Link) -> Down:
        down = await link.run()
        assert down is not None
        return down

    async def close(self) -> None:
        """Hang up."""
        if self._serving is not None:
            self._serving.cancel()
            await asyncio.gather(self._serving, return_exceptions=True)
        await self.transport.close()

    def _on_call(self, call: Call, answer: Any) -> None:
        self.calls.append(call)
        answer(self.reply)


class EventStream:
    """Reads ``GET /events`` line by line. (httpx reads it with generators that outlive a test.)"""

    def __init__(self, bridge: Bridge, query: str = "", **headers: str) -> None:
        self._url = urlsplit(f"{bridge.url}/events{query}")
        self._asked = {"Host": self._url.netloc, "Authorization": f"token {bridge.token}", **headers}
        self.headers: dict[str, str] = {}

    async def __aenter__(self) -> EventStream:
        self._reader, self._writer = await asyncio.open_connection(self._url.hostname, self._url.port)
        asked = "".join(f"{name}: {value}\r\n" for name, value in self._asked.items())
        # HTTP/1.0, so that the body comes as it is, not in chunks.
        self._writer.write(f"GET {self._url.path}?{self._url.query} HTTP/1.0\r\n{asked}\r\n".encode())
        status = await self._line()
        assert " 200 " in status, status
        while line := await self._line():
            name, _, value = line.partition(": ")
            self.headers[name.lower()] = value
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def _line(self) -> str:
        return (await asyncio.wait_for(self._reader.readline(), 20)).decode().rstrip("\r\n")

    async def next(self) -> dict[str, Any]:
        """Return the next message, with its id."""
        id = None
        while True:
            line = await self._line()
            if line.startswith("id: "):
                id = line[4:]
            elif line.startswith("data: "):
                return {"id": id, **json.loads(line[6:])}
            else:
                assert line == "" or line.startswith(":"), line

    async def next_notification(self) -> dict[str, Any]:
        """Return the next notification, past what the stream says of the topology."""
        while (message := await self.next())["topic"] != "notification":
            pass
        data: dict[str, Any] = message["data"]
        return data
