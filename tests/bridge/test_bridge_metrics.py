"""What Jupyter's own /metrics says of the bridge, and the records that it is counted from."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import prometheus_client
import pytest
from bridge_stage import Bridge, EventStream, Peer, Start
from prometheus_client.parser import text_string_to_metric_families

from orbit_jupyter.bridge import metrics
from orbit_jupyter.bridge.hub import Hub
from orbit_jupyter.bridge.metrics import BridgeMetrics
from orbit_jupyter.bridge.outcomes import Outcome
from orbit_jupyter.client import aio
from orbit_jupyter.protocol import Call, Cancel, PluginInfo, Principal, Reply

Dial = Callable[..., Awaitable[Peer]]
Samples = dict[tuple[str, ...], float]

LABELS = ("endpoint", "plugin", "status", "direction", "state", "le")


async def scrape(bridge: Bridge) -> dict[str, Samples]:
    """Return what is Orbit's on /metrics: sample → values of its labels, in the order of `LABELS` → value."""
    async with bridge.http() as http:
        answer = await http.get(f"{bridge.url.removesuffix('/orbit')}/metrics")
    assert answer.status_code == 200
    found: dict[str, Samples] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            if not sample.name.startswith("orbit_"):
                continue
            labels = tuple(sample.labels[name] for name in LABELS if name in sample.labels)
            assert labels not in found.setdefault(sample.name, {})
            found[sample.name][labels] = sample.value
    return found


@pytest.fixture
def seen(bridge: Bridge) -> list[Outcome]:
    """Return the records of the bridge's calls, as they come."""
    outcomes: list[Outcome] = []
    bridge.extension.hub.observers.append(outcomes.append)
    return outcomes


async def test_calls_are_counted_by_endpoint_plugin_and_status(bridge: Bridge, start_endpoint: Start) -> None:
    await start_endpoint()
    async with bridge.http() as http:
        for _ in range(3):
            await http.post("/hpc1/sample/echo", json={})
        await http.get("/hpc1/sample/raise")
        await http.get("/hpc1/sample/refuse/418")
        await http.get("/endpoints")
    found = await scrape(bridge)
    assert found["orbit_calls_total"] == {
        ("hpc1", "sample", "200"): 3,
        ("hpc1", "sample", "500"): 1,
        ("hpc1", "sample", "418"): 1,
        ("", "", "200"): 1,
    }


async def test_calls_of_native_clients_are_counted_too(bridge: Bridge, start_endpoint: Start) -> None:
    await start_endpoint()
    async with aio.AsyncBridgeClient(bridge.url, token=bridge.token) as client:
        await client["hpc1"].call("POST", "/sample/echo", {})
    assert (await scrape(bridge))["orbit_calls_total"][("hpc1", "sample", "200")] == 1


async def test_seconds_come_as_a_histogram(bridge: Bridge, seen: list[Outcome], start_endpoint: Start) -> None:
    await start_endpoint()
    async with bridge.http() as http:
        await http.get("/hpc1/sample/version")
        await http.get("/hpc1/sample/version")
    found = await scrape(bridge)
    buckets = {
        float(labels[-1]): value
        for labels, value in found["orbit_call_seconds_bucket"].items()
        if labels[:2] == ("hpc1", "sample")
    }
    assert (min(buckets), sorted(buckets)[-2]) == (0.001, 600)
    assert [buckets[bound] for bound in sorted(buckets)] == sorted(buckets.values())
    for bound, count in buckets.items():
        assert count == sum(outcome.seconds <= bound for outcome in seen)
    assert found["orbit_call_seconds_count"][("hpc1", "sample")] == 2
    assert found["orbit_call_seconds_sum"][("hpc1", "sample")] == pytest.approx(sum(one.seconds for one in seen))


async def test_bytes_of_bodies_are_counted_both_ways(bridge: Bridge, start_endpoint: Start) -> None:
    await start_endpoint()
    async with bridge.http() as http:
        answer = await http.post("/hpc1/sample/echo", content=b'"12345"')
    found = (await scrape(bridge))["orbit_bytes_total"]
    assert found == {("hpc1", "request"): 7, ("hpc1", "reply"): len(answer.content)}


async def test_events_are_counted_once_each(bridge: Bridge, start_endpoint: Start) -> None:
    await start_endpoint()
    async with EventStream(bridge) as events, bridge.http() as http:
        await http.post("/hpc1/sample/notify", json={"count": 4})
        for _ in range(4):
            await events.next_notification()
    assert (await scrape(bridge))["orbit_events_total"] == {("hpc1",): 4}


async def test_the_gauge_shows_the_endpoints_that_are_connected(bridge: Bridge, dial_peer: Dial) -> None:
    assert (await scrape(bridge))["orbit_endpoints"] == {("present",): 0, ("suspect",): 0}
    await dial_peer("hpc1")
    await dial_peer("hpc2")
    hub = bridge.extension.hub
    hub.endpoint_state(hub.registry.require("hpc2"), "suspect")
    assert (await scrape(bridge))["orbit_endpoints"] == {("present",): 1, ("suspect",): 1}


async def test_metrics_need_jupyters_login(bridge: Bridge) -> None:
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{bridge.url.removesuffix('/orbit')}/metrics")
    assert answer.status_code == 403


# -- labels ----------------------------------------------------------------------------------------------------


async def test_callers_cannot_make_labels(bridge: Bridge, start_endpoint: Start) -> None:
    await start_endpoint()
    async with aio.AsyncBridgeClient(bridge.url, token=bridge.token) as client:
        for number in range(20):
            for endpoint, path in (
                (f"none{number}", "/sample/echo"),
                ('x"}\n# TYPE', "/sample/echo"),
                ("hpc1", f"/none{number}/echo"),
                ("hpc1", f'/"}}{number}/echo'),
                ("", f"/none{number}"),
            ):
                reply = asyncio.ensure_future(client.send(Call(0, endpoint, "POST", path)))
                await asyncio.wait({reply})
                assert reply.exception() is not None
    found = (await scrape(bridge))["orbit_calls_total"]
    assert found == {("other", "", "404"): 40, ("hpc1", "other", "404"): 40, ("", "", "404"): 20}


async def test_an_encoded_name_counts_as_the_plugin_that_it_names(bridge: Bridge, start_endpoint: Start) -> None:
    await start_endpoint()
    async with bridge.http() as http:
        assert (await http.get("/hpc1/%73ample/version")).status_code == 200
    assert (await scrape(bridge))["orbit_calls_total"] == {("hpc1", "sample", "200"): 1}


async def test_an_endpoint_that_has_gone_keeps_its_name(bridge: Bridge, start_endpoint: Start) -> None:
    service = await start_endpoint()
    async with bridge.http() as http:
        await http.get("/hpc1/sample/version")
        await asyncio.to_thread(service.stop)
        await bridge.until(lambda: not len(bridge.extension.hub.registry))
        await http.get("/hpc1/sample/version")
    found = (await scrape(bridge))["orbit_calls_total"]
    assert found == {("hpc1", "sample", "200"): 1, ("hpc1", "sample", "404"): 1}


async def test_endpoints_cannot_make_labels_without_end(
    bridge: Bridge, dial_peer: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "MAX_PAIRS", 4)
    monkeypatch.setattr(metrics, "MAX_STATUSES", 3)
    plugins = {name: PluginInfo(name, f"/evil/{name}") for name in ("a", "b", "c", "e")}
    peer = await dial_peer("evil", plugins=plugins)
    serving = peer.serve()
    async with aio.AsyncBridgeClient(bridge.url, token=bridge.token) as client:
        for status in (-5, 10**9, 200, 201, 202, 0):
            peer.reply = Reply(id=0, status=status)
            await client.send(Call(0, "evil", "GET", "/a/x"))
        peer.reply = Reply(id=0, status=200)
        for plugin in ("a", "b", "c", "d" * 64, "e"):
            await client.send(Call(0, "evil", "GET", f"/{plugin}/x"))
    found = (await scrape(bridge))["orbit_calls_total"]
    assert found == {
        ("evil", "a", "200"): 2,
        ("evil", "a", "201"): 1,
        ("evil", "a", "other"): 4,
        ("evil", "b", "200"): 1,
        ("evil", "c", "200"): 1,
        ("evil", "other", "200"): 1,  # one that it doesn't list
        ("other", "", "200"): 1,  # one pair too many
    }
    await peer.close()
    assert serving.done()


async def test_names_of_endpoints_have_an_end_too(
    bridge: Bridge, dial_peer: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "MAX_ENDPOINTS", 1)
    for name in ("hpc1", "hpc2"):
        await dial_peer(name)
        bridge.extension.metrics.count_events(name, 2)
    assert (await scrape(bridge))["orbit_events_total"] == {("hpc1",): 2, ("other",): 2}


# -- records ---------------------------------------------------------------------------------------------------


async def test_a_record_says_all_there_is_to_a_call(
    bridge: Bridge, seen: list[Outcome], start_endpoint: Start
) -> None:
    await start_endpoint()
    async with aio.AsyncBridgeClient(bridge.url, token=bridge.token) as client:
        call = Call(0, "hpc1", "POST", "/sample/echo", body=b"[1]", trace="abc", principal=Principal("root"))
        reply = await client.send(call)
    (outcome,) = seen
    assert (outcome.user, outcome.trace) == (bridge.extension.owner, "abc")
    assert (outcome.endpoint, outcome.plugin) == ("hpc1", "sample")
    assert (outcome.method, outcome.path) == ("POST", "/sample/echo")
    assert (outcome.status, outcome.code) == (200, "")
    assert (outcome.request_bytes, outcome.reply_bytes) == (3, len(reply.body))
    assert 0 < outcome.seconds < 20


async def test_there_is_one_record_of_a_call_that_was_cancelled(
    bridge: Bridge, seen: list[Outcome], start_endpoint: Start
) -> None:
    service = await start_endpoint()
    async with EventStream(bridge) as events, aio.AsyncBridgeClient(bridge.url, token=bridge.token) as client:
        call = asyncio.ensure_future(client["hpc1"].call("GET", "/sample/wait"))
        assert (await events.next_notification())["topic"] == "waiting"
        call.cancel()
        assert (await events.next_notification())["topic"] == "cancelled"
        await client["hpc1"].call("GET", "/sample/version")
    await asyncio.to_thread(service.stop)  # whatever were still open would be answered now
    assert [(outcome.status, outcome.code) for outcome in seen] == [(499, "cancelled"), (200, "")]


async def test_there_is_one_record_of_a_call_whose_time_is_over(
    bridge: Bridge, seen: list[Outcome], start_endpoint: Start
) -> None:
    service = await start_endpoint()
    async with bridge.http(**{"X-Orbit-Timeout": "0.05"}) as http:
        assert (await http.get("/hpc1/sample/wait")).status_code == 504
    await asyncio.to_thread(service.stop)
    assert [(outcome.status, outcome.code) for outcome in seen] == [(504, "deadline")]


async def test_there_is_one_record_of_what_is_refused_or_lost(
    bridge: Bridge, seen: list[Outcome], start_endpoint: Start
) -> None:
    service = await start_endpoint()
    hub, answers = bridge.extension.hub, list[Any]()
    stranger, friend = Principal("eve"), Principal("ann", scopes=("read",))
    hub.call(Call(0, "hpc1", "GET", "/sample/version"), stranger, answers.append)
    hub.call(Call(0, "none", "GET", "/sample/version"), friend, answers.append)
    hub.call(Call(0, "hpc1", "GET", "/sample/wait"), friend, answers.append)
    own = hub.call(Call(0, "", "GET", "/endpoints"), friend, answers.append)
    assert own is not None
    own(Cancel(0, "nobody waits"))
    await asyncio.to_thread(service.stop)
    await bridge.until(lambda: not len(hub.registry))
    assert [(outcome.user, outcome.code) for outcome in seen] == [
        ("eve", "forbidden"),
        ("ann", "endpoint-not-found"),
        ("ann", "cancelled"),
        ("ann", "endpoint-gone"),
    ]
    assert len(answers) == 4


async def test_a_second_answer_is_neither_counted_nor_passed_on(bridge: Bridge, seen: list[Outcome]) -> None:
    def twice(_call: Call, answer: Any) -> None:
        answer(Reply(id=0, status=200))
        answer(Reply(id=0, status=201))

    answers: list[Any] = []
    bridge.extension.hub.own_call = twice
    bridge.extension.hub.call(Call(0, "", "GET", "/endpoints"), Principal("ann"), answers.append)
    assert [answer.status for answer in answers] == [200]
    assert [outcome.status for outcome in seen] == [200]


async def test_an_observer_that_fails_keeps_nobody_from_the_answer(
    bridge: Bridge, seen: list[Outcome], caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_outcome: Outcome) -> None:
        raise ZeroDivisionError

    bridge.extension.hub.observers.insert(0, fail)
    async with bridge.http() as http:
        assert (await http.get("/endpoints")).status_code == 200
    assert len(seen) == 1
    assert "observer" in caplog.text


def test_without_observers_an_answer_goes_straight_to_the_caller() -> None:
    hub, given = Hub("id"), list[Any]()
    hub.own_call = lambda _call, answer: given.append(answer)
    answers: list[Any] = []
    answer = answers.append
    hub.call(Call(0, "", "GET", "/endpoints"), Principal("ann"), answer)
    assert given == [answer]


# -- the registry ----------------------------------------------------------------------------------------------


async def test_a_bridge_that_stops_leaves_nothing_on_the_page(bridge: Bridge) -> None:
    assert "orbit_endpoints" in await scrape(bridge)
    bridge.extension.metrics.unregister()
    bridge.extension.metrics.unregister()
    assert await scrape(bridge) == {}


async def test_two_bridges_of_one_process_do_not_clash(bridge: Bridge, caplog: pytest.LogCaptureFixture) -> None:
    other = BridgeMetrics(Hub("other"))
    with caplog.at_level(logging.WARNING, "orbit.bridge"):
        other.register()
    assert "not on /metrics" in caplog.text
    other.count_events("hpc1", 5)
    assert "orbit_events_total" not in await scrape(bridge)
    other.unregister()
    assert "orbit_endpoints" in await scrape(bridge)


def test_what_a_bridge_has_counted_goes_with_it() -> None:
    for _ in range(2):
        one = BridgeMetrics(Hub("id"))
        one.register()
        try:
            one.count(Outcome(Call(0, "", "GET", "/endpoints"), 200, "", 0.1, 5))
            one.count_events("hpc1", 1)
            page = prometheus_client.generate_latest().decode()
        finally:
            one.unregister()
        assert 'orbit_calls_total{endpoint="",plugin="",status="200"} 1.0' in page
