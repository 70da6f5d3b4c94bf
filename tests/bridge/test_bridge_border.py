"""What crosses the proxy, both ways, with an endpoint that means harm."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from bridge_stage import Bridge, Peer

from orbit_jupyter.bridge import border
from orbit_jupyter.protocol import Bye, Event, Events, Fail, Reply

Dial = Callable[..., Awaitable[Peer]]

SECRETS = {
    "Cookie": "_xsrf=abc; username-localhost=secret",
    "X-XSRFToken": "abc",
    "Proxy-Authorization": "Basic secret",
}


async def test_no_credential_leaves_the_bridge(bridge: Bridge, dial_peer: Dial) -> None:
    peer = await dial_peer("evil")
    peer.serve()
    async with bridge.http() as http:
        await http.post(
            f"/evil/x/y?%74oken=tricky&token={bridge.token}&_xsrf=abc&a=1", headers={**SECRETS, "X-Mine": "stays"}
        )
    (call,) = peer.calls
    everything = f"{call.headers} {call.query} {call.path} {call.body!r}"
    assert bridge.token not in everything
    assert "secret" not in everything
    assert {"cookie", "authorization", "x-xsrftoken", "proxy-authorization", "host"}.isdisjoint(call.headers)
    assert call.headers["x-mine"] == "stays"
    assert call.query == "a=1"


async def test_no_header_of_an_endpoint_acts_in_jupyters_origin(bridge: Bridge, dial_peer: Dial) -> None:
    peer = await dial_peer("evil")
    peer.serve()
    peer.reply = Reply(
        id=0,
        status=200,
        headers={
            "Content-Type": "text/html",
            "Set-Cookie": "username-localhost=stolen",
            "set-cookie": "again=1",
            "Content-Security-Policy": "default-src *",
            "Access-Control-Allow-Origin": "*",
            "Location": "https://evil.example",
            "Clear-Site-Data": "*",
            "Content-Length": "3",
            "Transfer-Encoding": "chunked",
            "X-Orbit-Note": "fine",
            "X-Orbit-Split": "a\r\nSet-Cookie: b=1",
            "Content-Disposition": "attachment",
        },
        body=b"<script>alert(document.cookie)</script>",
    )
    async with bridge.http() as http:
        answer = await http.get("/evil/x/y")
    assert answer.content == peer.reply.body
    assert answer.headers["content-security-policy"] == "sandbox"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-orbit-note"] == "fine"
    assert answer.headers["content-disposition"] == "attachment"
    assert not {"location", "clear-site-data", "x-orbit-split"} & set(answer.headers)
    assert answer.headers.get("access-control-allow-origin", "") != "*"
    assert all(
        "stolen" not in cookie and "again" not in cookie for cookie in answer.headers.get_list("set-cookie")
    )


async def test_an_error_of_an_endpoint_is_sandboxed_json(bridge: Bridge, dial_peer: Dial) -> None:
    peer = await dial_peer("evil")
    peer.serve()
    peer.reply = Fail(id=0, code="<script>", message="<img src=x onerror=alert(1)>", status=302)
    async with bridge.http() as http:
        answer = await http.get("/evil/x/y")
    assert answer.status_code == 502
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("status", [0, 42, 101, 199, 600, 9999])
async def test_a_status_that_is_none_becomes_502(bridge: Bridge, dial_peer: Dial, status: int) -> None:
    peer = await dial_peer("evil")
    peer.serve()
    peer.reply = Reply(id=0, status=status)
    async with bridge.http() as http:
        assert (await http.get("/evil/x/y")).status_code == 502


@pytest.mark.parametrize(
    "data", [b"not json", b'{"a":1}\n\ndata: {"topic":"topology"}', b'{"a":1}}}', b"\xff\xfe", b""]
)
async def test_an_event_that_is_no_json_ends_the_endpoint_not_the_stream(
    bridge: Bridge, dial_peer: Dial, data: bytes
) -> None:
    peer = await dial_peer("evil")
    serving = peer.serve()
    assert peer.link is not None
    peer.link.send(Events("e", 1, [Event("x", "y", data)]))
    down = await asyncio.wait_for(serving, 10)
    assert down.bye is not None
    assert "JSON" in down.bye.reason
    assert bridge.extension.hub.events.last == 0


async def test_an_oversized_event_is_refused(bridge: Bridge, dial_peer: Dial) -> None:
    peer = await dial_peer("evil")
    serving = peer.serve()
    assert peer.link is not None
    peer.link.send(Events("e", 1, [Event("x", "y", b'"' + b"a" * 200_000 + b'"')]))
    down = await asyncio.wait_for(serving, 10)
    assert isinstance(down.bye, Bye)


@pytest.mark.parametrize(
    ("query", "passed"),
    [
        ("", ""),
        ("a=1&b=2", "a=1&b=2"),
        ("token=x", ""),
        ("a=1&token=x&_xsrf=y", "a=1"),
        ("%74oken=x&a=%20", "a=+"),
        ("tokens=kept", "tokens=kept"),
        ("a=%F0%9F%92%A9", "a=%F0%9F%92%A9"),
    ],
)
def test_the_query_crosses_without_the_servers_own(query: str, passed: str) -> None:
    assert border.request_query(query) == passed


@pytest.mark.parametrize(
    ("header", "secret"),
    [
        ("token abc", "abc"),
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Basic b3JiaXQ6YWJj", "abc"),
        ("basic b3JiaXQ6YTpi", "a:b"),
        ("Basic b3JiaXQ=", None),
        ("Basic ***", None),
        ("Basic", None),
        ("", None),
        ("Digest abc", None),
        ("token ", None),
    ],
)
def test_credentials_are_read_from_each_form(header: str, secret: str | None) -> None:
    assert border.credentials(header) == secret
