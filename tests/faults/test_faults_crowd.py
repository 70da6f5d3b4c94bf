"""Many that come back at once, and one that waits for a bridge that is away."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from chaos_plugin import runs
from fault_proxy import FaultProxy
from stage import Server, endpoint, server, wait_until
from websockets.asyncio.client import ClientConnection, connect

from orbit_jupyter.client import aio
from orbit_jupyter.protocol import DeadlineError, Hello, Topology, Welcome, decode, encode

PLUGINS = ("--plugins", "psij,chaos_plugin:ChaosPlugin")
CROWD = 150


@pytest.mark.asyncio
async def test_topology_is_told_in_few_frames_however_many_come_at_once(home: Path) -> None:
    """Guarantee 10: each change told to each would be 150 frames for each of 150, and more at the next change."""
    with server(home, "--OrbitExtension.local_endpoint=off") as lab:
        token = lab.endpoint_token("n*")
        heard: dict[str, int] = {}
        seen: dict[str, set[str]] = {}

        async def listen(name: str, connection: ClientConnection) -> None:
            async for message in connection:
                frame = decode(message if isinstance(message, bytes) else message.encode())
                if isinstance(frame, Topology):
                    heard[name] += 1
                    seen[name] |= set(frame.endpoints)

        async def come(name: str) -> ClientConnection:
            url, head = f"{lab.url.replace('http', 'ws', 1)}/register", {"Authorization": f"token {token}"}
            heard[name], seen[name] = 0, set()
            return await connect(url, additional_headers=head, compression=None, open_timeout=30)

        async def greet(name: str, connection: ClientConnection) -> None:
            await connection.send(encode(Hello("endpoint", name, name, resume_key=name)))
            assert isinstance(decode(await connection.recv(decode=False)), Welcome)
            await listen(name, connection)

        names = [f"n{number}" for number in range(CROWD)]
        connections = await asyncio.gather(*(come(name) for name in names))
        began = time.monotonic()
        listening = [asyncio.ensure_future(greet(*pair)) for pair in zip(names, connections, strict=True)]
        complete = asyncio.to_thread(wait_until, lambda: all(len(s) == CROWD for s in seen.values()), "all", 60)
        await complete
        took = time.monotonic() - began
        await asyncio.gather(*(connection.close() for connection in connections))
        await asyncio.gather(*listening, return_exceptions=True)
    # One frame in 50 ms at most, and the one that an endpoint is welcomed with.
    assert max(heard.values()) <= took / 0.05 + 2
    assert max(heard.values()) < CROWD / 3


def test_bridge_that_is_away_is_dialled_for_ever_and_politely(lab: Server, tmp_path: Path) -> None:
    """Guarantee 9: some tries in four seconds, not hundreds; and it comes back by itself, the same process."""
    with FaultProxy(lab.port) as network:
        home, token = tmp_path / "away", lab.endpoint_token("away")
        with endpoint(network.url, "away", token, home, *PLUGINS) as process, lab.client() as client:
            client.wait_for_endpoint("away", 30, poll=0.1)
            network.cut(refuse=True)
            before = network.accepted
            time.sleep(4)
            assert 1 <= network.accepted - before <= 30
            network.heal()
            wait_until(lambda: _state(client) == "present", "it is back", 40)
            assert client["away"].call("GET", "/chaos/left")["pid"] == process.pid


def _state(client: Any) -> str:
    listed = client.aio.topology.get("away")
    return str(listed.endpoint["state"]) if listed is not None else ""


@pytest.mark.asyncio
async def test_what_nobody_waits_for_any_more_is_cancelled_at_the_handler(lab: Server, tmp_path: Path) -> None:
    """Guarantee 8: a deadline, a caller that stops waiting, and an HTTP client whose connection breaks."""
    home = tmp_path / "cancels"
    with endpoint(lab.url, "cancels", lab.endpoint_token("cancels"), home, *PLUGINS):
        async with await aio.connect(lab.url, None, "the-token") as client:
            await client.wait_for_endpoint("cancels", 30)
            with pytest.raises(DeadlineError):
                await client.call("cancels", "POST", "/chaos/wait/600", timeout=0.5)
            leaving = asyncio.ensure_future(client.call("cancels", "POST", "/chaos/wait/600"))
            breaking = socket.create_connection(("127.0.0.1", lab.port))
            breaking.sendall(
                b"POST /orbit/cancels/chaos/wait/600 HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                b"Authorization: token the-token\r\nContent-Length: 0\r\n\r\n"
            )
            await asyncio.sleep(0.5)
            leaving.cancel()
            breaking.close()
            told = asyncio.to_thread(wait_until, lambda: len(runs(home, "cancels")) == 3, "three cancels", 20)
            await told
    assert runs(home, "cancels") == ["cancelled"] * 3
