"""The bare relay that Orbit is measured beside: three processes that pass bytes on, and no protocol at all.

``python -m bench.relay hub`` is a Tornado WebSocket server that forwards each message from one side to the other;
``python -m bench.relay echo URL`` dials it and sends every message back, but for the two kinds that carry bulk
data one way. The client is in `bench.load`.
"""

from __future__ import annotations

import asyncio
import sys

from tornado import web, websocket
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from websockets.asyncio.client import connect

MAX_SIZE = 16 * 2**20

TAKE = b"take"
"""A message that begins so is bulk data on its way up: it is answered with a few bytes, as credit is."""

GIVE = b"give"
"""This one asks for bulk data on its way down: so many bytes as its next four say."""


class _Side(websocket.WebSocketHandler):
    """One side of the hub; messages go to the other."""

    sides: dict[str, _Side] = {}

    def open(self, *args: str, **_: str) -> None:
        self.sides[args[0]] = self
        self._other = "client" if args[0] == "echo" else "echo"

    def on_message(self, message: str | bytes) -> None:
        other = self.sides.get(self._other)
        if other is not None:
            other.write_message(message, binary=True)


async def hub() -> None:
    """Serve on a free port of the loopback, which is printed, until the process is ended."""
    sockets = bind_sockets(0, "127.0.0.1")
    server = HTTPServer(web.Application([("/(client|echo)", _Side)], websocket_max_message_size=MAX_SIZE))
    server.add_sockets(sockets)
    print(sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


async def echo(url: str) -> None:
    """Dial the hub and send back what comes, until the process is ended."""
    async with connect(f"{url}/echo", compression=None, max_size=MAX_SIZE, ping_interval=None) as socket:
        print("connected", flush=True)
        async for message in socket:
            assert isinstance(message, bytes)
            if message.startswith(TAKE):
                await socket.send(b"taken")
            elif message.startswith(GIVE):
                await socket.send(bytes(int.from_bytes(message[4:8], "big")))
            else:
                await socket.send(message)


if __name__ == "__main__":
    asyncio.run(hub() if sys.argv[1] == "hub" else echo(sys.argv[2]))
