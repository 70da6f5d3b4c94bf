"""The bridge describes its routes and those of its endpoints' plugins; a foreign machine only its own."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from bridge_stage import Bridge, Peer, Start

from orbit_jupyter.bridge import api
from orbit_jupyter.link.logs import TraceFilter
from orbit_jupyter.protocol import Fail, PluginInfo, Reply


async def described(bridge: Bridge, query: str = "") -> dict[str, Any]:
    async with bridge.http() as http:
        answer = await http.get(f"/openapi.json{query}")
    assert answer.status_code == 200
    doc: dict[str, Any] = answer.json()
    return doc


async def test_document_has_the_bridges_routes_and_those_of_plugins(bridge: Bridge, start_endpoint: Start) -> None:
    await start_endpoint(plugins=("sample_plugin:SamplePlugin", "sysinfo"))
    doc = await described(bridge)
    assert doc["servers"] == [{"url": bridge.extension.hub.url}]
    assert {"/endpoints", "/endpoint/list", "/tokens", "/tokens/{id}", "/events", "/openapi.json"} <= set(
        doc["paths"]
    )
    assert "/hpc1/sysinfo/metrics/{sid}" in doc["paths"]
    assert doc["paths"]["/hpc1/sample/echo"].keys() == {"get", "post", "put", "patch", "delete", "options"}
    token = doc["paths"]["/tokens"]["post"]
    assert token["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/NewToken"
    }
    assert {"200", "400", "403", "413", "422"} == set(token["responses"])
    assert "501" in doc["paths"]["/endpoint/submit"]["post"]["responses"]
    assert "x-orbit-missing" not in doc


async def test_every_reference_leads_somewhere(bridge: Bridge, start_endpoint: Start) -> None:
    await start_endpoint()
    doc = await described(bridge)
    references: list[str] = []

    def walk(part: Any) -> None:
        if isinstance(part, dict):
            references.extend(value for key, value in part.items() if key == "$ref")
            for value in part.values():
                walk(value)
        elif isinstance(part, list):
            for value in part:
                walk(value)

    walk(doc)
    assert references
    assert {reference.rpartition("/")[2] for reference in references} <= set(doc["components"]["schemas"])


async def test_plugins_can_be_left_out(bridge: Bridge, start_endpoint: Start) -> None:
    await start_endpoint()
    doc = await described(bridge, "?plugins=false")
    assert not [path for path in doc["paths"] if path.startswith("/hpc1/")]
    async with bridge.http() as http:
        wrong = await http.get("/openapi.json?plugins=perhaps")
    assert (wrong.status_code, wrong.json()["field"]) == (422, "plugins")


HOSTILE = {
    "paths": {
        "/evil/sample/fine": {"get": {}},
        "/tokens": {"get": {"summary": "mine now"}},
        "/evil/other/route": {"get": {}},
    },
    "components": {"schemas": {"evil.sample.Fine": {}, "Error": {"mine": True}, "NewToken": {}}},
}


@pytest.mark.parametrize(
    ("reply", "complete"),
    [
        (Reply(id=0, status=200, body=msgspec.json.encode(HOSTILE)), True),
        (Reply(id=0, status=200, body=b"\xff"), False),
        (Reply(id=0, status=200, body=b"[" * 100_000), False),
        (Reply(id=0, status=200, body=b'{"paths": [1], "components": {"schemas": []}}'), False),
        (Reply(id=0, status=404, body=b"{}"), False),
        (Fail(id=0, code="internal", message="no"), False),
        (Reply(id=0, status=200, body=msgspec.json.encode(HOSTILE) + b" " * 2**20), False),
    ],
)
async def test_endpoint_describes_its_own_routes_alone(
    bridge: Bridge, dial_peer: Callable[..., Awaitable[Peer]], reply: Reply | Fail, complete: bool
) -> None:
    peer = await dial_peer("evil", plugins={"sample": PluginInfo("sample", "/evil/sample")})
    peer.reply = reply
    peer.serve()
    await bridge.until(lambda: bridge.extension.hub.registry.get("evil") is not None)
    doc = await described(bridge)
    assert ("/evil/sample/fine" in doc["paths"]) == complete
    assert ("/evil/sample" in doc.get("x-orbit-missing", {})) != complete
    assert "/evil/other/route" not in doc["paths"]
    assert doc["paths"]["/tokens"]["get"]["summary"] != "mine now"
    assert "mine" not in doc["components"]["schemas"]["Error"]


def described_in(size: int) -> Reply:
    """Return a description of one plugin's route, as every plugin of `evil` gives it, in about that many bytes."""
    about = {f"/evil/p{number}/route": {"get": {"summary": "x" * size}} for number in range(4)}
    return Reply(id=0, status=200, body=msgspec.json.encode({"paths": about, "components": {"schemas": {}}}))


async def test_plugins_beyond_a_bound_are_named_and_not_asked(
    bridge: Bridge, dial_peer: Callable[..., Awaitable[Peer]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert api.MAX_PLUGINS == 200
    monkeypatch.setattr(api, "MAX_PLUGINS", 3)
    monkeypatch.setattr(api, "MAX_NAMED", 1)
    plugins = {f"p{number}": PluginInfo("sample", f"/evil/p{number}") for number in range(4)}
    peers = [
        await dial_peer("evil", plugins=plugins),
        await dial_peer("good", plugins={"sample": PluginInfo("sample", "/good/sample")}),
    ]
    for peer in peers:
        peer.reply = described_in(1)
        peer.serve()
    await bridge.until(lambda: bridge.extension.hub.registry.get("good") is not None)
    doc = await described(bridge)
    assert sorted(call.path for call in peers[0].calls) == ["/p0/openapi.json", "/p1/openapi.json"]
    assert len(peers[1].calls) == 1  # an endpoint with many keeps no other out
    assert {"/evil/p0/route", "/evil/p1/route"} <= set(doc["paths"])
    assert "not asked" in doc["x-orbit-missing"]["/evil/p2"]
    assert doc["x-orbit-missing"]["/"] == "and 1 more"


async def test_parts_that_would_make_the_whole_too_large_to_send_are_left_out(
    bridge: Bridge, dial_peer: Callable[..., Awaitable[Peer]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "MAX_PARTS", 2500)
    plugins = {f"p{number}": PluginInfo("sample", f"/evil/p{number}") for number in range(4)}
    peer = await dial_peer("evil", plugins=plugins)
    peer.reply = described_in(1000)
    peer.serve()
    await bridge.until(lambda: bridge.extension.hub.registry.get("evil") is not None)
    doc = await described(bridge)
    assert sorted(doc["x-orbit-missing"]) == ["/evil/p2", "/evil/p3"]
    assert {"/evil/p0/route", "/evil/p1/route"} <= set(doc["paths"])


async def test_log_of_the_bridges_own_routes_names_the_call(
    bridge: Bridge, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_method: str, _path: str) -> None:
        raise RuntimeError("the table is gone")

    monkeypatch.setattr(bridge.extension.own_routes._router, "find", fail)
    caplog.handler.addFilter(TraceFilter())
    caplog.handler.setFormatter(logging.Formatter("%(trace)s %(message)s"))
    async with bridge.http() as http:
        answer = await http.get("/endpoints", headers={"X-Orbit-Trace": "cell-4711"})
    assert answer.status_code == 500
    assert "cell-4711 the bridge's own route /endpoints failed" in caplog.text


async def test_every_answer_names_its_call(bridge: Bridge, start_endpoint: Start) -> None:
    await start_endpoint()
    async with bridge.http() as http:
        for path in ("/hpc1/sample/version", "/endpoints", "/nowhere/sample/version", "/hpc1/sample/raise"):
            given = await http.get(path, headers={"X-Orbit-Trace": "cell-4711"})
            assert given.headers["X-Orbit-Trace"] == "cell-4711"
        own = [(await http.get("/endpoints")).headers["X-Orbit-Trace"] for _ in range(2)]
        forged = await http.get("/endpoints", headers={"X-Orbit-Trace": "a b"})
    assert own[0] != own[1]
    assert forged.headers["X-Orbit-Trace"] != "a b"
