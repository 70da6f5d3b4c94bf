"""The messages of radical.orbit 0.2.0, one by one: an endpoint made by hand says what the real one never would."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio
from stage import Server
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from orbit_jupyter.bridge.other_release.answers import answer_of
from orbit_jupyter.bridge.other_release.messages import Response, read
from orbit_jupyter.client import aio
from orbit_jupyter.protocol import Reply

JSON = {"content-type": "application/json"}
PLUGINS = {
    "kettle": {"type": "kettle", "namespace": "/elsewhere/kettle", "version": "1.2", "ui_module": "alert(1)"}
}

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]


class Pseudo:
    """An endpoint of that release, by hand."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def say(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def hear(self, kind: str) -> dict[str, Any]:
        """Return the next message of that kind."""
        while True:
            message = await asyncio.wait_for(self.socket.recv(), 20)
            heard: dict[str, Any]
            heard = json.loads(message) if isinstance(message, str) else msgspec.msgpack.decode(message)
            if heard["type"] == kind:
                return heard | {"binary frame": isinstance(message, bytes)}

    async def closed(self) -> int | None:
        """Wait until the bridge closes the connection and return its code."""
        try:
            while True:
                await asyncio.wait_for(self.socket.recv(), 20)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd is not None else None


class Stage:
    """The bridge, and what the tests do at it."""

    def __init__(self, lab: Server, authority: Path) -> None:
        self.lab = lab
        self.tls = ssl.create_default_context(cafile=str(authority))
        headers = {"Authorization": f"token {lab.info['token']}"}
        self.http = httpx.AsyncClient(base_url=lab.url, verify=self.tls, headers=headers, timeout=30)
        self.sockets: list[ClientConnection] = []

    async def dial(self, name: str = "old", token: str = "") -> Pseudo:
        token = token or self.lab.endpoint_token(name)
        url = self.lab.url.replace("https://", f"wss://orbit:{token}@")
        self.sockets.append(await connect(f"{url}/register", ssl=self.tls, close_timeout=1, max_size=10 * 2**20))
        return Pseudo(self.sockets[-1])

    async def join(self, name: str = "old", plugins: dict[str, Any] | None = None) -> Pseudo:
        """Dial and register; return when the bridge has taken it in."""
        pseudo = await self.dial(name)
        await pseudo.say(type="register", endpoint_name=name, endpoint={}, plugins=plugins or PLUGINS)
        await pseudo.hear("topology")
        return pseudo

    async def listed(self) -> dict[str, Any]:
        return dict((await self.http.post("/endpoint/list")).json()["data"]["endpoints"])


@pytest_asyncio.fixture
async def stage(lab: Server, certificate: Path) -> AsyncIterator[Stage]:
    made = Stage(lab, certificate.with_name("authority.pem"))
    yield made
    for socket in made.sockets:
        await socket.close()
    while "old" in await made.listed():
        await asyncio.sleep(0.02)
    await made.http.aclose()


async def test_what_its_endpoint_gets(stage: Stage) -> None:
    pseudo = await stage.join()
    asked = asyncio.ensure_future(
        stage.http.post(
            "/old/kettle/boil/a%20b?x=1",
            json={"cups": "é"},
            headers={"Cookie": "a=b", "X-Request-ID": "mine", "X-Custom": "kept"},
        )
    )
    request = await pseudo.hear("request")
    assert (request["method"], request["path"], request["is_binary"]) == ("POST", "/kettle/boil/a b?x=1", False)
    assert json.loads(request["body"]) == {"cups": "é"}
    assert request["headers"]["content-type"] == "application/json"
    assert request["headers"]["x-custom"] == "kept"
    assert not {"cookie", "authorization", "content-length", "host"} & set(request["headers"])
    assert request["req_id"] != "mine"
    await pseudo.say(type="response", req_id=request["req_id"], status=200, headers=JSON, body={"ok": True})
    answer = await asked
    assert (answer.json(), answer.headers["content-security-policy"]) == ({"ok": True}, "sandbox")


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"headers": JSON, "body": {"a": [1, None]}}, (200, "application/json", b'{"a": [1, null]}')),
        ({"headers": JSON, "body": '{"a": 1}'}, (200, "application/json", b'{"a": 1}')),
        ({"headers": JSON, "body": "no JSON"}, (200, "application/octet-stream", b"no JSON")),
        ({"headers": JSON, "body": []}, (200, "application/json", b"[]")),
        ({"headers": JSON, "body": {}}, (200, "application/json", b"{}")),
        ({"headers": JSON, "body": 0}, (200, "application/json", b"0")),
        ({"headers": JSON, "body": False}, (200, "application/json", b"false")),
        ({"headers": JSON, "body": None}, (200, "application/json", b"null")),
        ({"headers": {"Content-Type": "text/plain"}, "body": "é"}, (200, "text/plain", "é".encode())),
        ({"headers": {"content-type": "text/plain"}, "body": None}, (200, "text/plain", b"")),
        ({}, (200, "application/octet-stream", b"")),
        (
            {"headers": {"content-type": "image/png"}, "is_binary": True, "body": "iVBORwD/"},
            (200, "image/png", b"\x89PNG\x00\xff"),
        ),
        (
            {"headers": JSON | {"content-length": "3", "Set-Cookie": "a=b"}, "body": [1, 2]},
            (200, "application/json", b"[1, 2]"),
        ),
    ],
)
async def test_what_a_response_becomes(stage: Stage, sent: dict[str, Any], expected: tuple[Any, ...]) -> None:
    pseudo = await stage.join()
    answer = await answered(stage, pseudo, {"status": 200, **sent})
    assert (answer.status_code, answer.headers["content-type"], answer.content) == expected
    assert "a=b" not in answer.headers.get("set-cookie", "")


@pytest.mark.parametrize(
    ("sent", "status", "detail"),
    [
        ({"status": 404, "headers": JSON, "body": '{"detail": "no kettle"}'}, 404, "no kettle"),
        ({"status": 418, "headers": JSON, "body": {"detail": "a teapot"}}, 418, "a teapot"),
        ({"status": 500, "headers": JSON, "body": {"error": "x", "detail": "broken"}}, 500, "broken"),
        ({"status": 503, "headers": {"content-type": "text/plain"}, "body": "away"}, 503, "away"),
        ({"headers": JSON, "body": {}}, 502, "{}"),  # no status
        ({"status": "200"}, 502, "can't be read"),
        ({"status": 99}, 502, "status of 99"),
        ({"status": 200, "headers": {"a": 1}}, 502, "can't be read"),
        ({"status": 200, "is_binary": True, "body": "!"}, 502, "can't be read"),
        ({"status": 200, "headers": JSON, "body": float("nan")}, 502, "can't be read"),  # no JSON at all
    ],
)
async def test_what_goes_wrong_is_an_error(stage: Stage, sent: dict[str, Any], status: int, detail: str) -> None:
    pseudo = await stage.join()
    answer = await answered(stage, pseudo, sent)
    assert answer.status_code == status
    error = answer.json()
    assert (error["error"], error["status_code"]) == (True, status)
    assert detail in error["detail"]


async def answered(stage: Stage, pseudo: Pseudo, response: dict[str, Any]) -> httpx.Response:
    asked = asyncio.ensure_future(stage.http.get("/old/kettle/boil"))
    request = await pseudo.hear("request")
    await pseudo.say(type="response", req_id=request["req_id"], **response)
    return await asked


async def test_binary_both_ways(stage: Stage) -> None:
    pseudo = await stage.join()
    asked = asyncio.ensure_future(stage.http.post("/old/kettle/boil", content=b"\xff\x00"))
    request = await pseudo.hear("request")
    assert (request["body"], request["is_binary"], request["binary frame"]) == (b"\xff\x00", True, True)
    response = {"type": "response", "req_id": request["req_id"], "status": 200, "body": b"\x00\xff"}
    await pseudo.socket.send(msgspec.msgpack.encode(response))
    assert (await asked).content == b"\x00\xff"


async def test_text_that_json_would_double_fits_all_the_same(stage: Stage) -> None:
    pseudo = await stage.join()
    body = b'"' * (6 * 2**20)
    asked = asyncio.ensure_future(stage.http.post("/old/kettle/boil", content=body))
    request = await pseudo.hear("request")
    assert (request["body"], request["is_binary"]) == (body, True)
    await pseudo.say(type="response", req_id=request["req_id"], status=204)
    assert (await asked).status_code == 204


async def test_body_that_is_too_large_for_it_is_refused(stage: Stage) -> None:
    pseudo = await stage.join()
    refused = await stage.http.post("/old/kettle/boil", content=b"x" * (9 * 2**20))
    assert refused.status_code == 413
    assert (await answered(stage, pseudo, {"status": 200})).status_code == 200


async def test_path_that_it_would_take_for_another_is_refused(stage: Stage) -> None:
    await stage.join()
    assert (await stage.http.get("/old/kettle/a%2Fb")).status_code == 400
    assert (await stage.http.get("/old/kettle/a%3Fsid=b")).status_code == 400


async def test_late_answer_is_dropped(stage: Stage) -> None:
    pseudo = await stage.join()
    late = await stage.http.get("/old/kettle/boil", headers={"X-Orbit-Timeout": "0.1"})
    assert late.status_code == 504
    request = await pseudo.hear("request")
    await pseudo.say(type="response", req_id=request["req_id"], status=200, headers=JSON, body="late")
    assert (await answered(stage, pseudo, {"status": 200, "headers": JSON, "body": [1]})).json() == [1]


async def test_answer_to_an_earlier_connections_request_is_dropped(stage: Stage) -> None:
    before = await stage.join()
    asked = asyncio.ensure_future(stage.http.get("/old/kettle/boil"))
    stale = await before.hear("request")
    await before.socket.close()
    assert (await asked).status_code == 503
    pseudo = await stage.join()
    asked = asyncio.ensure_future(stage.http.get("/old/kettle/boil"))
    request = await pseudo.hear("request")
    for id, body in ((stale["req_id"], "stale"), (request["req_id"].rpartition(".")[2], "guessed")):
        await pseudo.say(type="response", req_id=id, status=200, headers=JSON, body=[body])
    await pseudo.say(type="response", req_id=request["req_id"], status=200, headers=JSON, body=["fresh"])
    assert (await asked).json() == ["fresh"]


async def test_what_it_says_of_itself(stage: Stage) -> None:
    pseudo = await stage.join()
    assert (await stage.listed())["old"]["plugins"] == {
        "kettle": {
            "type": "kettle",
            "namespace": "/old/kettle",
            "version": "1.2",
            "enabled": True,
            "ui_config": {},
            "error": None,
        }
    }
    assert (await stage.http.get("/plugins/kettle.js")).status_code == 404
    more = {"old": {"plugins": PLUGINS | {"iri.x": {"ui_config": {"title": "X"}}}}, "hpc1": {"plugins": {}}}
    await pseudo.say(type="topology", endpoints=more)
    told = await pseudo.hear("topology")
    assert told["endpoints"]["old"] == {"plugins": ["kettle", "iri.x"]}
    assert (await stage.listed())["old"]["plugins"]["iri.x"]["ui_config"] == {"title": "X"}


@pytest.mark.parametrize(
    ("register", "reason"),
    [
        ({"endpoint_name": "bridge"}, "Orbit's own routes"),
        ({"endpoint_name": "../old"}, "can't be the endpoint name"),
        ({"endpoint_name": "another"}, "is for endpoints named 'old'"),
        ({}, "endpoint_name"),
        ({"endpoint_name": "old", "plugins": []}, "can't be read"),
    ],
)
async def test_final_refusal_is_an_error(stage: Stage, register: dict[str, Any], reason: str) -> None:
    pseudo = await stage.dial()
    await pseudo.say(type="register", **register)
    assert reason in (await pseudo.hear("error"))["message"]
    assert await pseudo.closed() == 1008


async def test_plugins_that_cannot_be_shown_end_it(stage: Stage) -> None:
    pseudo = await stage.dial()
    await pseudo.say(type="register", endpoint_name="old", plugins={"a/b": {}})
    assert "'a/b'" in (await pseudo.hear("shutdown"))["reason"]
    assert await pseudo.closed() == 1000


async def test_token_is_looked_at_before_anything_is_said(stage: Stage) -> None:
    with pytest.raises(Exception, match="401"):
        await stage.dial(token="wrong")


async def test_holder_that_answers_keeps_its_name(stage: Stage) -> None:
    await stage.join()
    second = await stage.dial()
    await second.say(type="register", endpoint_name="old")
    assert "the name 'old' is held by" in (await second.hear("error"))["message"]
    assert "kettle" in (await stage.listed())["old"]["plugins"]


async def test_second_name_on_one_connection_ends_it(stage: Stage) -> None:
    pseudo = await stage.join()
    await pseudo.say(type="register", endpoint_name="old", plugins={"pot": {}})
    assert (await pseudo.hear("topology"))["endpoints"]["old"] == {"plugins": ["pot"]}
    await pseudo.say(type="register", endpoint_name="other", plugins={})
    assert "one name" in (await pseudo.hear("shutdown"))["reason"]
    assert "other" not in await stage.listed()


async def test_nonsense_is_skipped(stage: Stage) -> None:
    pseudo = await stage.dial()
    await pseudo.say(type="pong")
    await pseudo.say(type="notification", plugin="kettle", topic="early", data={})
    await pseudo.socket.send('{"type": ')
    await pseudo.say(type="register", endpoint_name="old", plugins=PLUGINS)
    await pseudo.hear("topology")
    for nonsense in ("", "[1]", "{}", '{"type": "response"}', '{"type": "register"', "\x00", "[" * 5000, b"\xc1"):
        await pseudo.socket.send(nonsense)
    await pseudo.say(type="notification", plugin="kettle", topic="boil", data=3)
    await pseudo.say(type="response", req_id="x.1", status=200)
    assert (await answered(stage, pseudo, {"status": 200, "headers": JSON, "body": 1})).json() == 1


async def test_events_reach_our_client_and_the_long_ones_are_cut(stage: Stage, certificate: Path) -> None:
    events: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
    client = aio.AsyncBridgeClient(stage.lab.url, str(certificate), stage.lab.info["token"])
    client.on_event = lambda endpoint, event: events.put_nowait((endpoint, event)) if event.plugin else None
    async with client:
        client.subscribe()
        await client.list_endpoints()  # the subscription is in place
        pseudo = await stage.join()
        for data in ({"n": 1}, {"n": 2, "out": "x" * 100_000 + "end"}):
            await pseudo.say(type="notification", endpoint="hpc1", plugin="kettle", topic="boil", data=data)
        await pseudo.say(type="notification", endpoint="old", plugin="k" * 2000, topic="boil", data={})
        await pseudo.say(type="notification", endpoint="old", plugin="kettle", topic="last", data={})
        got = [await asyncio.wait_for(events.get(), 20) for _ in range(3)]
    assert [(endpoint, event.plugin, event.topic) for endpoint, event in got] == [
        ("old", "kettle", "boil"),
        ("old", "kettle", "boil"),
        ("old", "kettle", "last"),
    ]
    assert (got[0][1].data, got[0][1].truncated) == (b'{"n":1}', False)
    cut = json.loads(got[1][1].data)
    assert (cut["n"], cut["truncated"], cut["out"][-3:], got[1][1].truncated) == (2, True, "end", True)


async def test_text_in_base64_is_what_it_says(stage: Stage) -> None:
    pseudo = await stage.join()
    body = base64.b64encode("é".encode()).decode()
    answer = await answered(stage, pseudo, {"status": 200, "is_binary": True, "body": body})
    assert answer.content == "é".encode()


async def test_length_of_what_it_sent_is_not_passed_on() -> None:
    sent = (
        b'{"type":"response","req_id":"1","status":200,"headers":{"Content-Length":"3","ETag":"x"},"body":[1, 2]}'
    )
    said = read(sent)
    assert isinstance(said, Response)
    assert answer_of(said) == Reply(id=0, status=200, headers={"etag": "x"}, body=b"[1, 2]")
