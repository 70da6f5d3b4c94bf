"""How endpoints come in: names, tokens, versions, takeover."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from bridge_stage import Bridge, Peer, Start

from orbit_jupyter.bridge import hub
from orbit_jupyter.link import TransportClosedError
from orbit_jupyter.link.websocket import dial
from orbit_jupyter.protocol import (
    Bye,
    HostFacts,
    Subscribe,
    Topology,
    UnauthenticatedError,
    Welcome,
    decode,
    encode,
)

Dial = Callable[..., Awaitable[Peer]]


async def test_a_known_endpoint_is_welcomed(bridge: Bridge, dial_peer: Dial) -> None:
    peer = await dial_peer("hpc1")
    assert isinstance(peer.first, Welcome)
    assert peer.first.url.endswith("/orbit")
    assert peer.first.bridge_id == bridge.extension.hub.bridge_id
    assert isinstance(decode(await peer.transport.receive()), Topology)
    await peer.transport.close()


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("bridge", "invalid-field"),
        ("endpoints", "invalid-field"),
        ("a/b", "invalid-field"),
        ("", "invalid-field"),
        ("-a", "invalid-field"),
        ("a" * 64, "invalid-field"),
        ("<b>", "invalid-field"),
        ("hpc2", "forbidden"),
    ],
)
async def test_a_name_that_may_not_be_is_refused(bridge: Bridge, dial_peer: Dial, name: str, code: str) -> None:
    token = bridge.endpoint_token("hpc1") if code == "forbidden" else bridge.endpoint_token("*")
    peer = await dial_peer(name, token)
    assert isinstance(peer.first, Bye)
    assert (peer.first.code, peer.first.retry) == (code, False)
    if code == "forbidden":
        assert "jupyter orbit token create hpc2" in peer.first.reason


async def test_a_glob_lets_in_what_it_fits(bridge: Bridge, dial_peer: Dial) -> None:
    token = bridge.endpoint_token("hpc1.*")
    assert isinstance((await dial_peer("hpc1.7", token)).first, Welcome)
    assert isinstance((await dial_peer("hpc2.7", token)).first, Bye)


async def test_a_name_that_is_held_says_by_whom_and_since_when(bridge: Bridge, dial_peer: Dial) -> None:
    facts = HostFacts(hostname="login1", user="ann", pid=77)
    first = await dial_peer("hpc1", host=facts, resume_key="one")
    first.serve()
    second = await dial_peer("hpc1", resume_key="two")
    keyless = await dial_peer("hpc1")
    for refused in (second, keyless):
        assert isinstance(refused.first, Bye)
        assert (refused.first.code, refused.first.retry) == ("conflict", False)
        assert "ann@login1 (process 77) since 20" in refused.first.reason
    assert isinstance(first.first, Welcome)


async def test_a_holder_that_does_not_answer_makes_room_for_another_process_at_once(
    bridge: Bridge, dial_peer: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "PROBE", 0.1)
    silent = await dial_peer("hpc1", resume_key="one")
    replacement = await dial_peer("hpc1", resume_key="two")
    assert isinstance(silent.first, Welcome)
    assert isinstance(replacement.first, Welcome)
    assert bridge.extension.hub.registry.names() == ["hpc1"]
    replacement.serve()
    async with bridge.http() as http:
        assert (await http.get("/hpc1/sample/version")).status_code == 200
    assert [call.path for call in replacement.calls] == ["/sample/version"]


async def test_a_stranger_cannot_take_over_what_is_only_silent(
    bridge: Bridge, dial_peer: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "PROBE", 0.1)
    await dial_peer("hpc1")
    token, _ = bridge.extension.tokens.create("hpc1", "somebody-else")
    stranger = await dial_peer("hpc1", token)
    assert isinstance(stranger.first, Bye)
    assert stranger.first.code == "conflict"


async def test_the_same_endpoint_takes_its_half_open_connection_over(bridge: Bridge, dial_peer: Dial) -> None:
    first = await dial_peer("hpc1", resume_key="one")
    serving = first.serve()
    second = await dial_peer("hpc1", resume_key="one")
    assert isinstance(second.first, Welcome)
    down = await asyncio.wait_for(serving, 10)
    assert down.bye == Bye("the same endpoint has connected again", retry=False)
    assert bridge.extension.hub.registry.names() == ["hpc1"]


async def test_a_version_that_nobody_speaks_is_refused(bridge: Bridge, dial_peer: Dial) -> None:
    peer = await dial_peer("hpc1", protocol=(99, 100))
    assert isinstance(peer.first, Bye)
    assert "speaks protocol versions 1 to 1, the dialling side 99 to 100" in peer.first.reason


async def test_a_newer_endpoint_that_still_speaks_ours_is_welcomed(bridge: Bridge, dial_peer: Dial) -> None:
    peer = await dial_peer("hpc1", protocol=(1, 100))
    assert isinstance(peer.first, Welcome)
    assert peer.first.protocol == 1


async def test_a_client_does_not_register(bridge: Bridge, dial_peer: Dial) -> None:
    assert isinstance((await dial_peer("hpc1", role="client")).first, Bye)


@pytest.mark.parametrize("first", [b"", b"\xff\xff", b"GET / HTTP/1.1", encode(Subscribe(id=1))])
async def test_a_first_frame_that_is_no_hello_is_refused(bridge: Bridge, first: bytes) -> None:
    transport = await dial(bridge.address(bridge.endpoint_token("hpc1")), "register")
    await transport.send(first)
    assert isinstance(decode(await transport.receive()), Bye)
    with pytest.raises(TransportClosedError):
        await transport.receive()


async def test_revoking_a_token_ends_its_endpoint(bridge: Bridge, start_endpoint: Start) -> None:
    service = await start_endpoint()
    (record,) = bridge.extension.tokens.records()
    async with bridge.http() as http:
        assert (await http.delete(f"/tokens/{record.id}")).json() == {"revoked": [record.id]}
    await bridge.until(lambda: len(bridge.extension.hub.registry) == 0)
    assert service._thread is not None
    await asyncio.to_thread(service._thread.join, 10)
    assert not service._thread.is_alive()


async def test_revoking_on_the_command_line_ends_it_too(bridge: Bridge, start_endpoint: Start) -> None:
    await start_endpoint()
    (path,) = bridge.extension.tokens.folder.glob("*.json")
    path.unlink()
    await bridge.until(lambda: len(bridge.extension.hub.registry) == 0)


async def test_an_expired_token_lets_nobody_in(bridge: Bridge) -> None:
    token, _ = bridge.extension.tokens.create("hpc1", "ann", lifetime=-1)
    with pytest.raises(UnauthenticatedError):
        await dial(bridge.address(token), "register")


async def test_tokens_are_made_and_listed_over_http(bridge: Bridge) -> None:
    async with bridge.http() as http:
        made = (await http.post("/tokens", json={"name": "hpc1", "expires": "30d"})).json()
        listed = (await http.get("/tokens")).json()["tokens"]
    assert made["token"].startswith("orbit_")
    assert made["expires"] - made["created"] == pytest.approx(30 * 86_400)
    assert [entry["id"] for entry in listed] == [made["id"]]
    assert "token" not in listed[0]
    assert "digest" not in listed[0]
    transport = await dial(bridge.address(made["token"]), "register")
    await transport.close()
