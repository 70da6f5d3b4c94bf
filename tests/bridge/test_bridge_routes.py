"""The bridge's routes and the proxy, over HTTP, with a real endpoint behind them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from bridge_stage import Bridge, EventStream, Start
from sample_plugin import SamplePlugin
from stage import wait_until

from orbit_jupyter.protocol import Call, Cancel, Fail, Principal


async def test_lists_an_endpoint_with_its_plugins(bridge: Bridge, start_endpoint: Start) -> None:
    await start_endpoint("hpc1")
    async with bridge.http() as http:
        listed = (await http.post("/endpoint/list")).json()["data"]
        short = (await http.get("/endpoints")).json()
    assert listed["bridge"]["url"].endswith("/orbit")
    entry = listed["endpoints"]["hpc1"]
    assert entry["endpoint"]["type"] == "radical.orbit"
    assert entry["endpoint"]["state"] == "present"
    assert entry["plugins"]["sample"] == {
        "type": "sample",
        "namespace": "/hpc1/sample",
        "version": "1.2.3",
        "enabled": True,
        "ui_config": {},
        "error": None,
    }
    assert short["total"] == 1
    assert short["endpoints"][0] == {
        "name": "hpc1",
        "plugins": ["sample"],
        "connected": True,
        "plugin_count": 1,
        "state": "present",
        "failed": {},
    }


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_proxy_passes_every_method(bridge: Bridge, start_endpoint: Start, method: str) -> None:
    await start_endpoint()
    async with bridge.http() as http:
        answer = await http.request(method, "/hpc1/sample/echo?a=1&b=", json={"x": [1, "ü"]})
    said = answer.json()
    assert answer.status_code == 200
    assert said["method"] == method
    assert said["body"] == {"x": [1, "ü"]}
    assert said["query"] == {"a": "1", "b": ""}
    assert said["user"] == bridge.extension.owner
    assert said["scopes"] == ["read", "write", "execute"]


async def test_head_is_answered_like_get_without_a_body(bridge: Bridge, start_endpoint: Start) -> None:
    await start_endpoint()
    async with bridge.http() as http:
        answer = await http.head("/hpc1/sample/version")
    assert answer.status_code == 200
    assert answer.content == b""


async def test_an_encoded_slash_belongs_to_its_segment(bridge: Bridge, start_endpoint: Start) -> None:
    await start_endpoint()
    async with bridge.http() as http:
        answer = await http.get("/hpc1/sample/echo/a%2Fb%3Fc%20d")
    assert answer.json()["params"] == {"word": "a/b?c d"}


@pytest.mark.parametrize(
    ("kind", "expected"), [("list", "[]"), ("dict", "{}"), ("zero", "0"), ("false", "false"), ("null", "null")]
)
async def test_a_false_result_is_real_json(
    bridge: Bridge, start_endpoint: Start, kind: str, expected: str
) -> None:
    await start_endpoint()
    async with bridge.http() as http:
        answer = await http.get(f"/hpc1/sample/empty/{kind}")
    assert answer.text == expected
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "says"),
    [
        ("GET", "/nope/sample/version", 404, "endpoint-not-found", "there is hpc1"),
        ("GET", "/hpc1/nope/version", 404, "plugin-not-found", "there is sample"),
        ("GET", "/hpc1/sample/nope", 404, "route-not-found", "GET echo"),
        ("GET", "/hpc1", 404, "plugin-not-found", "there is sample"),
        ("POST", "/hpc1/sample/version", 405, "method-not-allowed", "GET is"),
        ("GET", "/endpoint/list", 405, "method-not-allowed", "POST is"),
        ("GET", "/endpoint/nope", 404, "route-not-found", "POST endpoint/list"),
        ("POST", "/endpoint/disconnect/nope", 404, "endpoint-not-found", "there is hpc1"),
        ("POST", "/endpoint/disconnect/bridge", 400, "bad-request", "can't disconnect itself"),
        ("POST", "/endpoint/submit", 501, "unsupported", "call POST /ENDPOINT/psij/submit/SID"),
        ("GET", "/endpoint/jobs", 501, "unsupported", "call GET /ENDPOINT/psij/list_jobs/SID"),
        ("GET", "/endpoint/job/1", 501, "unsupported", "call GET /ENDPOINT/psij/status/SID/JOB"),
        ("POST", "/endpoint/job/1/cancel", 501, "unsupported", "call POST /ENDPOINT/psij/cancel/SID/JOB"),
        ("DELETE", "/tokens/nope", 404, "resource-not-found", "no token 'nope'"),
        ("POST", "/hpc1/sample/unregister_session/nope", 404, "session-not-found", "no session 'nope'"),
        ("GET", "/hpc1/sample/refuse/418", 418, "plugin-error", "said no"),
        ("GET", "/hpc1/sample/refuse/409", 409, "conflict", "said no"),
    ],
)
async def test_what_is_not_there_is_answered_with_what_there_is(
    bridge: Bridge, start_endpoint: Start, method: str, path: str, status: int, code: str, says: str
) -> None:
    await start_endpoint()
    async with bridge.http() as http:
        answer = await http.request(method, path)
    body = answer.json()
    assert answer.status_code == status
    assert body["error"] is True
    assert body["status_code"] == status
    assert body["code"] == code
    assert says in body["detail"]
    if status == 405:
        assert answer.headers["allow"]


async def test_malformed_json_is_a_bad_request(bridge: Bridge, start_endpoint: Start) -> None:
    await start_endpoint()
    async with bridge.http() as http:
        answer = await http.post("/hpc1/sample/echo", content=b"{nope")
        own = await http.post("/tokens", content=b"{nope")
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-request")
    assert (own.status_code, own.json()["code"]) == (400, "bad-request")


async def test_a_wrong_field_is_named(bridge: Bridge) -> None:
    async with bridge.http() as http:
        wrong_type = await http.post("/tokens", json={"name": 5})
        unknown = await http.post("/tokens", json={"name": "a", "for": "ever"})
        bad_time = await http.post("/tokens", json={"name": "a", "expires": "soon"})
        reserved = await http.post("/tokens", json={"name": "bridge"})
    assert [answer.status_code for answer in (wrong_type, unknown, bad_time, reserved)] == [422] * 4
    fields = [answer.json()["field"] for answer in (wrong_type, unknown, bad_time, reserved)]
    assert fields == ["name", "for", "expires", "name"]


async def test_a_raising_handler_shows_its_own_user_the_traceback(bridge: Bridge, start_endpoint: Start) -> None:
    await start_endpoint()
    async with bridge.http() as http:
        body = (await http.get("/hpc1/sample/raise")).json()
    assert (body["status_code"], body["code"]) == (500, "plugin-error")
    assert "a bug in the handler" in body["detail"]
    assert "sample_plugin.py" in body["traceback"]


async def test_nobody_else_sees_the_traceback(bridge: Bridge, start_endpoint: Start) -> None:
    await start_endpoint()
    entry = bridge.extension.hub.registry.require("hpc1")
    entry.grant = type(entry.grant)(entry.grant.id, entry.grant.pattern, owner="somebody else")
    async with bridge.http() as http:
        body = (await http.get("/hpc1/sample/raise")).json()
    assert body["status_code"] == 500
    assert "traceback" not in body


async def test_the_time_over_is_504_and_cancels_the_handler(bridge: Bridge, start_endpoint: Start) -> None:
    await start_endpoint()
    async with bridge.http() as http:
        answer = await http.get("/hpc1/sample/wait", headers={"X-Orbit-Timeout": "0.2"})
        assert (answer.status_code, answer.json()["code"]) == (504, "deadline")
        assert (await http.get("/hpc1/sample/cancelled")).json() == 1


@pytest.mark.parametrize(("text", "status"), [("soon", 400), ("-1", 422), ("nan", 422), ("0", 422)])
async def test_a_wrong_timeout_is_refused(bridge: Bridge, text: str, status: int) -> None:
    async with bridge.http() as http:
        answer = await http.get("/hpc1/sample/wait", headers={"X-Orbit-Timeout": text})
    assert answer.status_code == status


async def test_an_http_client_that_goes_cancels_its_call(bridge: Bridge, start_endpoint: Start) -> None:
    await start_endpoint()
    async with EventStream(bridge) as events:
        await events.next()
        async with bridge.http() as other:
            call = asyncio.ensure_future(other.get("/hpc1/sample/wait"))
            assert (await events.next())["data"]["topic"] == "waiting"
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
        assert (await events.next())["data"]["topic"] == "cancelled"


async def test_a_body_over_the_bridges_limit_is_413(bridge: Bridge, start_endpoint: Start) -> None:
    await start_endpoint()
    bridge.extension.max_upload = 2**20
    async with bridge.http() as http:
        answer = await http.post("/hpc1/sample/echo", content=b" " * (2**20 + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


async def test_disconnect_ends_an_endpoint_for_good(bridge: Bridge, start_endpoint: Start) -> None:
    service = await start_endpoint()
    async with bridge.http() as http:
        answer = await http.post("/endpoint/disconnect/hpc1")
        await bridge.until(lambda: bridge.extension.hub.registry.get("hpc1") is None)
        assert answer.json() == {"status": "shutdown", "endpoint": "hpc1"}
        assert (await http.get("/endpoints")).json()["total"] == 0
    thread = service._thread
    assert thread is not None
    await asyncio.to_thread(thread.join, 10)
    assert not thread.is_alive()


async def test_an_endpoint_that_goes_fails_its_calls_at_once(bridge: Bridge, start_endpoint: Start) -> None:
    service = await start_endpoint()
    async with EventStream(bridge) as events:
        await events.next()
        async with bridge.http() as other:
            call = asyncio.ensure_future(other.get("/hpc1/sample/wait"))
            await events.next()
            await asyncio.to_thread(service.stop)
            answer = await asyncio.wait_for(call, 5)
    body = answer.json()
    assert (answer.status_code, body["code"], body["transient"]) == (503, "endpoint-gone", True)
    assert "hpc1" in body["detail"]


async def test_events_begin_with_topology_and_carry_ids(bridge: Bridge, start_endpoint: Start) -> None:
    await start_endpoint()
    async with EventStream(bridge) as events:
        assert events.headers["content-type"] == "text/event-stream"
        first = await events.next()
        assert first["topic"] == "topology"
        assert list(first["data"]["endpoints"]) == ["hpc1"]
        async with bridge.http() as other:
            await other.post("/hpc1/sample/notify", json={"count": 2})
        one, two = await events.next(), await events.next()
    assert one["topic"] == "notification"
    assert one["data"] == {"endpoint": "hpc1", "plugin": "sample", "topic": "counted", "data": {"number": 0}}
    assert two["data"]["data"] == {"number": 1}
    assert int(two["id"].rpartition("-")[2]) == int(one["id"].rpartition("-")[2]) + 1


async def test_a_reader_goes_on_behind_what_it_has_seen(bridge: Bridge, start_endpoint: Start) -> None:
    await start_endpoint()
    async with EventStream(bridge) as events:
        await events.next()
        async with bridge.http() as http:
            await http.post("/hpc1/sample/notify", json={"count": 5})
        seen = await events.next()
    async with EventStream(bridge, **{"Last-Event-ID": seen["id"]}) as events:
        await events.next()
        numbers = [(await events.next())["data"]["data"]["number"] for _ in range(4)]
    assert numbers == [1, 2, 3, 4]


async def test_a_reader_that_goes_leaves_no_subscription_behind(bridge: Bridge) -> None:
    hub = bridge.extension.hub
    async with EventStream(bridge) as events:
        await events.next()
        assert (len(hub._readers), len(hub._news._watchers)) == (1, 1)
    left = hub._readers, hub._news._watchers
    gone = asyncio.to_thread(wait_until, lambda: not any(left), "no reader is left", 5)
    await gone


async def test_events_can_be_asked_for_by_topic(bridge: Bridge, start_endpoint: Start) -> None:
    await start_endpoint()
    async with EventStream(bridge, "?topic=cancelled") as events:
        await events.next()
        async with bridge.http() as other:
            await other.post("/hpc1/sample/notify", json={"count": 3})
            await other.get("/hpc1/sample/wait", headers={"X-Orbit-Timeout": "0.1"})
        assert (await events.next())["data"]["topic"] == "cancelled"


async def test_a_plugin_that_failed_to_load_says_why_when_called(bridge: Bridge, start_endpoint: Start) -> None:
    await start_endpoint("hpc1", ("sample_plugin:SamplePlugin", "no_such_module:Nothing"))
    async with bridge.http() as http:
        answer = await http.get("/hpc1/Nothing/version")
        listed = (await http.get("/endpoints")).json()["endpoints"][0]
    assert answer.status_code == 503
    assert "no_such_module" in answer.json()["detail"]
    assert listed["plugins"] == ["sample"]
    assert "no_such_module" in listed["failed"]["Nothing"]


async def test_msgpack_bodies_are_read(bridge: Bridge, start_endpoint: Start) -> None:
    import msgspec

    await start_endpoint()
    async with bridge.http() as http:
        answer = await http.post(
            "/hpc1/sample/echo",
            content=msgspec.msgpack.encode({"a": 1}),
            headers={"content-type": "application/msgpack", "idempotency-key": "k1"},
        )
    assert answer.json()["body"] == {"a": 1}
    assert answer.json()["key"] == "k1"


async def test_ids_of_two_callers_never_meet(bridge: Bridge, start_endpoint: Start) -> None:
    """Known of radical.orbit: equal X-Request-ID headers delivered one caller's answer to another."""
    await start_endpoint()

    async def call(http: httpx.AsyncClient, number: int) -> Any:
        answer = await http.post(
            "/hpc1/sample/echo", json={"number": number}, headers={"X-Request-ID": "req.000001"}
        )
        return json.loads(answer.content)["body"]["number"]

    async with bridge.http() as http:
        numbers = await asyncio.gather(*(call(http, number) for number in range(40)))
    assert numbers == list(range(40))


async def test_a_bridge_that_is_part_of_a_server_does_not_terminate(bridge: Bridge) -> None:
    async with bridge.http() as http:
        answer = await http.post("/bridge/terminate")
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
        assert "end that server" in answer.json()["detail"]
        assert (await http.get("/bridge/sysinfo/version")).json()["code"] == "endpoint-not-found"


async def test_a_plugin_made_at_run_time_is_seen_at_once(bridge: Bridge, start_endpoint: Start) -> None:
    service = await start_endpoint()
    async with bridge.http() as http:
        await service.register_dynamic_plugin(SamplePlugin, "second")
        await bridge.until(lambda: "second" in bridge.extension.hub.registry.require("hpc1").plugins)
        listed = (await http.post("/endpoint/list")).json()["data"]["endpoints"]["hpc1"]["plugins"]
        assert (listed["second"]["type"], listed["second"]["namespace"]) == ("sample", "/hpc1/second")
        assert (await http.get("/hpc1/second/version")).json() == {"version": "1.2.3"}
        with pytest.raises(ValueError, match="already"):
            await service.register_dynamic_plugin(SamplePlugin, "second")
        with pytest.raises(ValueError, match="routes use it"):
            await service.register_dynamic_plugin(SamplePlugin, "bridge")
        await service.deregister_dynamic_plugin("second")
        await bridge.until(lambda: "second" not in bridge.extension.hub.registry.require("hpc1").plugins)
        assert (await http.get("/hpc1/second/version")).status_code == 404
        assert (await http.get("/hpc1/sample/version")).status_code == 200
    with pytest.raises(ValueError, match="no plugin second"):
        await service.deregister_dynamic_plugin("second")
    await asyncio.to_thread(service.stop)
    with pytest.raises(RuntimeError, match="doesn't run"):
        await service.register_dynamic_plugin(SamplePlugin, "third")


@pytest.mark.parametrize(("endpoint", "path"), [("", "/endpoints"), ("soon", "/sample/version")])
async def test_a_call_that_is_cancelled_before_it_began_is_answered_all_the_same(
    bridge: Bridge, endpoint: str, path: str
) -> None:
    hub = bridge.extension.hub
    hub.expect("soon")
    answers: asyncio.Queue[Any] = asyncio.Queue()
    call = Call(id=1, endpoint=endpoint, method="GET", path=path)
    cancel = hub.call(call, Principal("ann", scopes=("read",)), answers.put_nowait)
    assert cancel is not None
    cancel(Cancel(0, "changed my mind"))
    answer = await asyncio.wait_for(answers.get(), 5)
    assert isinstance(answer, Fail)
    assert answer.code == "cancelled"
    assert answers.empty()


async def test_a_call_that_waited_for_its_endpoint_can_still_be_cancelled(
    bridge: Bridge, start_endpoint: Start
) -> None:
    hub, owner = bridge.extension.hub, bridge.extension.owner
    hub.expect("hpc1")
    answers: asyncio.Queue[Any] = asyncio.Queue()
    async with EventStream(bridge) as events:
        await events.next()
        call = Call(id=1, endpoint="hpc1", method="GET", path="/sample/wait")
        cancel = hub.call(call, Principal(owner, scopes=("read",)), answers.put_nowait)
        assert cancel is not None
        await start_endpoint()
        assert (await events.next_notification())["topic"] == "waiting"
        cancel(Cancel(0, "changed my mind"))
        assert (await events.next_notification())["topic"] == "cancelled"
    assert isinstance(await asyncio.wait_for(answers.get(), 5), Fail)
