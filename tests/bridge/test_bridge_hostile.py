"""What a hostile endpoint or client says must not hurt anyone else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from bridge_stage import Bridge, EventStream, Peer, Start

from orbit_jupyter.bridge import client_session
from orbit_jupyter.bridge.border import MAX_PLUGINS, plugins_of, reply_headers
from orbit_jupyter.bridge.handlers import events
from orbit_jupyter.client import aio
from orbit_jupyter.link import Link, Transport, TransportClosedError
from orbit_jupyter.link.websocket import dial
from orbit_jupyter.protocol import (
    BadRequestError,
    Bye,
    Call,
    Event,
    Events,
    Hello,
    PluginInfo,
    Plugins,
    ProtocolError,
    Subscribe,
    Topology,
    Welcome,
    decode,
    encode,
)

Dial = Callable[..., Awaitable[Peer]]


def page(size: int) -> dict[str, Any]:
    return {"title": "x", "description": "d" * size}


async def hung_up(transport: Transport) -> None:
    """Wait until the bridge has closed the connection."""
    try:
        while True:
            await transport.receive()
    except TransportClosedError:
        return


def test_what_json_can_say_is_shown_under_the_endpoints_own_namespace() -> None:
    shown = plugins_of("hpc1", {"a": PluginInfo("a", "/other/psij", ui_config={"x": [1, None]})})
    assert shown == {"a": PluginInfo("a", "/hpc1/a", ui_config={"x": [1, None]})}


def test_pages_that_are_too_large_are_left_out() -> None:
    half = MAX_PLUGINS // 2 + 1
    plugins = {name: PluginInfo(name, "", ui_config=page(half)) for name in ("a", "b")}
    assert [info.ui_config for info in plugins_of("hpc1", plugins).values()] == [{}, {}]
    assert plugins_of("hpc1", {"a": plugins["a"]})["a"].ui_config == page(half)


@pytest.mark.parametrize(
    "plugins",
    [
        {"a": PluginInfo("a", "", ui_config={"x": msgspec.msgpack.Ext(1, b"z")})},
        {"a": PluginInfo("a", "", error="e" * MAX_PLUGINS)},
        {"a/b": PluginInfo("a", "")},
        {"": PluginInfo("a", "")},
    ],
)
def test_what_cannot_be_listed_is_refused(plugins: dict[str, PluginInfo]) -> None:
    with pytest.raises(ProtocolError):
        plugins_of("hpc1", plugins)


@pytest.mark.parametrize("late", [False, True])
async def test_endpoint_that_json_cannot_describe_is_ended_and_others_are_listed(
    bridge: Bridge, start_endpoint: Start, dial_peer: Dial, late: bool
) -> None:
    await start_endpoint()
    bad = {"a": PluginInfo("a", "/evil/a", ui_config={"x": msgspec.msgpack.Ext(1, b"z")})}
    async with await aio.connect(bridge.url, None, bridge.token) as client:
        peer = await dial_peer("evil", plugins={} if late else bad)
        ended = peer.serve()
        assert peer.link is not None
        if late:
            peer.link.send(Plugins(bad))
        down = await asyncio.wait_for(ended, 20)
        assert down.bye is not None
        assert (down.bye.code, down.bye.retry) == ("protocol-error", False)
        assert await client.list_endpoints() == ["hpc1"]


async def test_large_topology_comes_in_several_frames(
    bridge: Bridge, dial_peer: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_session, "PIECE", 1000)
    names = [f"hpc{number}" for number in range(4)]
    for name in names:
        peer = await dial_peer(name, plugins={"a": PluginInfo("a", "", ui_config=page(600))})
        peer.serve()
    await bridge.until(lambda: bridge.extension.hub.registry.names() == names)
    transport = await dial(bridge.address(bridge.token), "client")
    await transport.send(encode(Hello(role="client", name="client", boot_id="b")))
    assert isinstance(decode(await transport.receive()), Welcome)
    seen: list[str] = []
    frames = 0
    while len(seen) < len(names):
        frames += 1
        frame = decode(await transport.receive())
        assert isinstance(frame, Topology)
        assert frame.full == (not seen)
        seen += frame.endpoints
    assert (seen, frames) == (names, 4)
    await transport.close()


async def test_frames_after_a_goodbye_are_dropped_and_the_socket_is_closed(
    bridge: Bridge, dial_peer: Dial
) -> None:
    peer = await dial_peer("evil")
    hub = bridge.extension.hub
    await bridge.until(lambda: hub.registry.get("evil") is not None)
    await peer.transport.send(encode(Bye("going")))
    await peer.transport.send(encode(Events("e", 1, [Event("p", "t", b"{}")])))
    await asyncio.wait_for(hung_up(peer.transport), 20)
    assert hub.events.last == 0


async def test_subscription_after_a_goodbye_leaves_no_reader_behind(bridge: Bridge) -> None:
    transport = await dial(bridge.address(bridge.token), "client")
    await transport.send(encode(Hello(role="client", name="client", boot_id="b")))
    await transport.receive()
    await transport.send(encode(Bye("going")))
    await transport.send(encode(Subscribe(id=1)))
    await asyncio.wait_for(hung_up(transport), 20)
    assert not bridge.extension.hub._readers


async def test_event_with_long_names_ends_its_endpoint(bridge: Bridge, dial_peer: Dial) -> None:
    peer = await dial_peer("evil")
    ended = peer.serve()
    assert peer.link is not None
    peer.link.send(Events("e", 1, [Event("p", "t" * 5000, b"{}")]))
    down = await asyncio.wait_for(ended, 20)
    assert down.bye is not None
    assert down.bye.code == "protocol-error"
    assert bridge.extension.hub.events.last == 0


async def test_two_that_ask_for_one_name_at_once_do_not_both_keep_it(bridge: Bridge) -> None:
    token = bridge.endpoint_token("hpc1")
    transports = [await dial(bridge.address(token), "register") for _ in range(2)]
    hello = [Hello(role="endpoint", name="hpc1", boot_id=f"b{n}", resume_key=f"k{n}") for n in range(2)]
    await asyncio.gather(*(end.send(encode(said)) for end, said in zip(transports, hello, strict=True)))
    links = []
    for end in transports:
        first = decode(await asyncio.wait_for(end.receive(), 20))
        links.append((first, Link(end, on_call=lambda _call, _answer: None)))
    runs = [asyncio.ensure_future(link.run()) for first, link in links if isinstance(first, Welcome)]
    byes = [first for first, _ in links if isinstance(first, Bye)]
    if len(runs) == 2:
        done, _ = await asyncio.wait(runs, timeout=20, return_when=asyncio.FIRST_COMPLETED)
        byes = [bye for run in done if (down := run.result()) and (bye := down.bye) is not None]
    assert [(bye.code, bye.retry) for bye in byes] == [("conflict", False)]
    for _, link in links:
        await link.close()
    await asyncio.gather(*runs)


@pytest.mark.parametrize(("method", "path"), [("GET", "/sample/x\n2026 ERROR forged"), ("EAT", "/sample/echo")])
async def test_call_that_could_forge_a_line_of_a_log_is_refused(
    bridge: Bridge, start_endpoint: Start, method: str, path: str
) -> None:
    await start_endpoint()
    async with await aio.connect(bridge.url, None, bridge.token) as client:
        with pytest.raises(BadRequestError):
            await client.send(Call(0, "hpc1", method, path))


async def test_call_with_an_id_that_is_none_gets_another(bridge: Bridge, dial_peer: Dial) -> None:
    peer = await dial_peer("evil")
    peer.serve()
    await bridge.until(lambda: bridge.extension.hub.registry.get("evil") is not None)
    async with await aio.connect(bridge.url, None, bridge.token) as client:
        for trace in ("fine-1", "a\nb", "t" * 65):
            await client.send(Call(0, "evil", "GET", "/a/b", trace=trace))
    assert peer.calls[0].trace == "fine-1"
    assert all(len(call.trace) == 12 for call in peer.calls[1:])


def test_endpoint_cannot_say_which_call_it_was() -> None:
    assert "X-Orbit-Trace" not in reply_headers({"X-Orbit-Trace": "mine", "X-Orbit-Other": "1"})
    assert reply_headers({"x-orbit-other": "1"})["X-Orbit-Other"] == "1"


async def test_stream_is_kept_alive_also_while_events_of_others_come(
    bridge: Bridge, start_endpoint: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "KEEP_ALIVE", 0.2)
    await start_endpoint()
    async with EventStream(bridge, "?plugin=nobody") as stream, bridge.http() as http:
        await stream.next()
        line = ""
        while not line.startswith(":"):
            await http.post("/hpc1/sample/notify", json={"count": 1})
            line = await asyncio.wait_for(stream._line(), 20)
        assert line == ": keep-alive"


async def test_first_calls_at_once_share_one_connection(bridge: Bridge) -> None:
    client = aio.AsyncBridgeClient(bridge.url, None, bridge.token)
    await asyncio.gather(*(client.list_endpoints() for _ in range(5)))
    assert len(bridge.extension.hub.clients) == 1
    await client.close()


async def test_listener_that_fails_does_not_cost_the_connection(bridge: Bridge, start_endpoint: Start) -> None:
    async with await aio.connect(bridge.url, None, bridge.token) as client:
        link = client._link
        heard = asyncio.Event()

        def listen(_: Any) -> None:
            heard.set()
            raise ZeroDivisionError("a bug of the listener's")

        client.on_topology = listen
        await start_endpoint()
        await asyncio.wait_for(heard.wait(), 20)
        assert await client.list_endpoints() == ["hpc1"]
        assert client._link is link
