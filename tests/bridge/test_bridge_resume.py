"""Connections to a bridge that go on over another socket: who may, who may not, who is told to stay away."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from bridge_stage import Bridge, Peer, Start

from orbit_jupyter.bridge.client_session import ClientSession
from orbit_jupyter.bridge.hub import Hub
from orbit_jupyter.bridge.registry import Entry, Grant
from orbit_jupyter.bridge.sessions import MAX_WAITING, Sessions
from orbit_jupyter.client import aio
from orbit_jupyter.link import Limits, Link, memory_pair
from orbit_jupyter.link.websocket import dial
from orbit_jupyter.protocol import (
    MAX_FRAME,
    Bye,
    Hello,
    PluginInfo,
    Principal,
    Topology,
    Welcome,
    decode,
    encode,
)

DialPeer = Callable[..., Awaitable[Peer]]

RESUMABLE = Limits(ping_interval=60, suspect_after=60, lost_after=60, resume_for=60)


def waiting_link(limits: Limits = RESUMABLE) -> Link:
    """Return a link that has lost its socket."""
    transport, _ = memory_pair()
    link = Link(transport, on_call=lambda _call, _answer: None, limits=limits)
    link.lost(transport, "cut by the test")
    return link


def cut(bridge: Bridge, name: str) -> None:
    """Take an endpoint's socket away, at the bridge."""
    link: Any = bridge.extension.hub.registry.require(name).link
    link.lost(link._transport, "cut by the test")


async def test_calls_go_on_while_endpoint_and_client_lose_their_sockets(
    bridge: Bridge, start_endpoint: Start
) -> None:
    await start_endpoint("hpc1", ("stream_plugin:StreamPlugin",))
    hub = bridge.extension.hub
    link = hub.registry.require("hpc1").link
    async with aio.AsyncBridgeClient(bridge.url, token=bridge.token) as client:
        before = list(hub.clients)
        async with client["hpc1"].exchange("POST", "/stream/upper", body="two-way") as talk:
            answers = talk.__aiter__()
            for word in (b"one", b"two", b"three", b"four"):
                (session,) = hub.clients
                session.lost(session._transport, "cut by the test")  # type: ignore[arg-type]
                cut(bridge, "hpc1")
                await talk.write(word)
                assert await asyncio.wait_for(answers.__anext__(), 20) == word.upper()
            await talk.end()
            assert await talk.read() == b""
        assert list(hub.clients) == before
    assert hub.registry.require("hpc1").link is link


async def test_an_endpoint_that_was_ended_while_it_had_no_socket_does_not_come_back(
    bridge: Bridge, start_endpoint: Start, caplog: pytest.LogCaptureFixture
) -> None:
    await start_endpoint("hpc1")
    cut(bridge, "hpc1")
    bridge.extension.hub.disconnect("hpc1")
    for _ in range(500):
        if "endpoint hpc1 ended: Disconnected by user" in caplog.text:
            break
        await asyncio.sleep(0.02)
    assert "endpoint hpc1 ended: Disconnected by user" in caplog.text
    assert bridge.extension.hub.registry.get("hpc1") is None
    await start_endpoint("hpc1")  # another process may have the name


async def test_two_processes_that_want_a_name_at_once_do_not_end_its_holder(
    bridge: Bridge, dial_peer: DialPeer
) -> None:
    holder = await dial_peer("hpc1", resume_key="one")
    holder.serve()
    others = await asyncio.gather(*(dial_peer("hpc1", resume_key=key) for key in ("two", "three", "four")))
    assert [(type(other.first), getattr(other.first, "code", "")) for other in others] == [(Bye, "conflict")] * 3
    assert bridge.extension.hub.registry.require("hpc1").hello.resume_key == "one"


@pytest.mark.parametrize("received", [-1, 99])
async def test_a_dialler_that_lies_about_what_it_has_begins_anew(
    bridge: Bridge, dial_peer: DialPeer, received: int
) -> None:
    first = await dial_peer("hpc1", resume_key="one")
    assert isinstance(first.first, Welcome)
    again = await dial_peer("hpc1", resume_key="one", session=first.first.session, received=received)
    assert isinstance(again.first, Welcome)
    assert not again.first.resumed
    assert again.first.session != first.first.session


async def test_a_client_cannot_go_on_with_a_connection_of_nobody(bridge: Bridge) -> None:
    transport = await dial(bridge.address(bridge.token), "client")
    await transport.send(encode(Hello(role="client", name="client", boot_id="b", session="guessed", received=0)))
    welcome = decode(await transport.receive())
    assert isinstance(welcome, Welcome)
    assert not welcome.resumed
    await transport.close()


async def test_only_its_own_user_can_go_on_with_a_connection() -> None:
    hub = Hub("b1")
    link = waiting_link()
    hub.sessions.add("s", "ada", link)
    hello = Hello(role="client", name="client", boot_id="b", session="s", received=0)
    assert hub.resumable(hello, "bob") is None
    assert hub.resumable(hello, "ada") is link
    await link.close()
    await asyncio.sleep(0)
    assert hub.resumable(hello, "ada") is None


async def test_an_endpoint_cannot_go_on_with_the_connection_of_another() -> None:
    hub = Hub("b1")
    link = waiting_link()
    hello = Hello(role="endpoint", name="hpc1", boot_id="b", session="s", received=0)
    hub.sessions.add("s", "ada", link, limited=False)
    hub.endpoint_up(Entry("hpc1", hello, Grant("t", "*", "ada"), link, since=0.0))
    other = Hello(role="endpoint", name="hpc2", boot_id="b", session="s", received=0)
    assert hub.resumable(other, "ada") is None
    assert hub.resumable(hello, "ada") is link
    await link.close()
    await hub.close()


async def test_too_many_clients_that_wait_are_ended_and_never_endpoints() -> None:
    sessions = Sessions()
    endpoints = [waiting_link() for _ in range(2 * MAX_WAITING)]
    for n, link in enumerate(endpoints):
        sessions.add(f"endpoint{n}", "ada", link, limited=False)
    clients = [waiting_link() for _ in range(MAX_WAITING + 3)]
    for n, link in enumerate(clients):
        sessions.add(f"client{n}", "ada", link)
    other = waiting_link()
    sessions.add("other", "bob", other)
    sessions.limit("ada")
    assert [link.closed.done() for link in clients] == [True] * 3 + [False] * MAX_WAITING
    assert not any(link.closed.done() for link in [*endpoints, other])
    for link in [*endpoints, *clients, other]:
        await link.close()
    await asyncio.sleep(0)
    assert not sessions._open


async def test_the_news_of_many_endpoints_at_once_come_in_frames_that_sockets_take() -> None:
    hub = Hub("b1")
    near, far = memory_pair(room=1000)
    limits = Limits(ping_interval=60, suspect_after=60, lost_after=60)
    session = ClientSession(hub, Principal(user="ada", scopes=("read",)), near, limits)
    page = {"page": "x" * 100_000}
    entries = []
    for n in range(150):
        hello = Hello(
            role="endpoint",
            name=f"hpc{n}",
            boot_id=uuid.uuid4().hex,
            plugins={"p": PluginInfo(type="p", namespace="", ui_config=page)},
        )
        entries.append(Entry(hello.name, hello, Grant("t", "*", "ada"), waiting_link(), since=0.0))
        hub.endpoint_up(entries[-1])
    told: set[str] = set()
    while len(told) < len(entries):
        message = await asyncio.wait_for(far.receive(), 20)
        assert len(message) < MAX_FRAME
        frame = decode(message)
        assert isinstance(frame, Topology)
        told.update(frame.endpoints)
    session.link.down("the test is over")
    for entry in entries:
        await entry.link.close()
    await session.link.close()
    await hub.close()


async def test_a_call_too_long_for_any_socket_is_refused_and_costs_no_connection(
    bridge: Bridge, start_endpoint: Start
) -> None:
    await start_endpoint("hpc1")
    async with aio.AsyncBridgeClient(bridge.url, token=bridge.token) as client:
        with pytest.raises(Exception, match="is the most") as raised:
            await client["hpc1"].call("GET", "/sample/echo", params={"a": "x" * MAX_FRAME})
        assert getattr(raised.value, "status", 0) == 413
        assert (await client["hpc1"].call("GET", "/sample/echo"))["method"] == "GET"
