"""The bridge's own plugins: a process like any endpoint's, under the name that nobody else may have."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bridge_stage import Bridge, Peer, Start

from orbit_jupyter.bridge.registry import Registry
from orbit_jupyter.bridge.tokens import TokenStore
from orbit_jupyter.endpoint import EndpointService
from orbit_jupyter.protocol import Bye, Call, Hello, Principal, Reply, Welcome

StartOwn = Callable[[], Awaitable[EndpointService]]


@pytest.fixture
def start_own(
    bridge: Bridge, jp_asyncio_loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> Iterator[StartOwn]:
    """Start the bridge's plugin host in this process, where the test can look at it."""
    started: list[EndpointService] = []

    async def start() -> EndpointService:
        token = bridge.extension.tokens.lend("bridge", bridge.extension.owner)
        monkeypatch.setenv("RADICAL_ORBIT_ENDPOINT_TOKEN", token)
        service = EndpointService(bridge.url, plugins=["sample_plugin:SamplePlugin"], role="bridge")
        service.start_background()
        started.append(service)
        await bridge.until(lambda: bridge.extension.hub.registry.get("bridge") is not None)
        return service

    yield start
    for service in started:
        jp_asyncio_loop.run_until_complete(asyncio.to_thread(service.stop))


async def test_it_is_listed_first_as_what_it_is(
    bridge: Bridge, start_endpoint: Start, start_own: StartOwn
) -> None:
    await start_endpoint("hpc1")
    await start_own()
    await start_endpoint("hpc2")
    async with bridge.http() as http:
        listed = (await http.post("/endpoint/list")).json()["data"]["endpoints"]
        short = (await http.get("/endpoints")).json()["endpoints"]
    assert list(listed) == ["bridge", "hpc1", "hpc2"]
    assert [entry["name"] for entry in short] == ["bridge", "hpc1", "hpc2"]
    types = [entry["endpoint"]["type"] for entry in listed.values()]
    assert types == ["radical.orbit.bridge", "radical.orbit", "radical.orbit"]
    assert listed["bridge"]["endpoint"]["role"] == "bridge"
    assert listed["bridge"]["plugins"]["sample"]["namespace"] == "/bridge/sample"


async def test_its_plugins_are_called_like_any_others_and_know_where_they_are(
    bridge: Bridge, start_own: StartOwn
) -> None:
    service = await start_own()
    async with bridge.http() as http:
        assert (await http.get("/bridge/sample/version")).json() == {"version": "1.2.3"}
        said = (await http.post("/bridge/sample/echo/a%2Fb", json={"x": 1})).json()
        assert (said["body"], said["params"]) == ({"x": 1}, {"word": "a/b"})
        assert (await http.get("/bridge/nope/version")).json()["code"] == "plugin-not-found"
    state = service._running_host()._app.state
    assert (state.endpoint_name, state.role, state.is_bridge) == ("bridge", "bridge", True)


async def test_the_bridges_own_routes_go_before_its_plugins(bridge: Bridge, start_own: StartOwn) -> None:
    await start_own()
    async with bridge.http() as http:
        assert (await http.post("/bridge/terminate")).json()["code"] == "conflict"
        answer = await http.post("/endpoint/disconnect/bridge")
        assert (answer.status_code, answer.json()["code"]) == (400, "bad-request")
        assert (await http.get("/bridge/sample/version")).status_code == 200


async def test_a_call_to_it_while_it_starts_waits_for_it(bridge: Bridge, start_own: StartOwn) -> None:
    hub = bridge.extension.hub
    hub.expect("bridge")
    answers: asyncio.Queue[Any] = asyncio.Queue()
    call = Call(id=1, endpoint="bridge", method="GET", path="/sample/version")
    hub.call(call, Principal(bridge.extension.owner, scopes=("read",)), answers.put_nowait)
    await start_own()
    answer = await asyncio.wait_for(answers.get(), 10)
    assert isinstance(answer, Reply)
    assert answer.body == b'{"version":"1.2.3"}'


async def test_one_that_stays_down_says_why(bridge: Bridge) -> None:
    hub = bridge.extension.hub
    hub.expect("bridge")
    async with bridge.http() as http:
        waiting = asyncio.ensure_future(http.get("/bridge/sample/version"))
        hub.expect_no_more("bridge", "endpoint bridge died 5 times")
        for answer in (await waiting, await http.get("/bridge/sample/version")):
            assert (answer.status_code, answer.json()["detail"]) == (503, "endpoint bridge died 5 times")


async def test_a_glob_that_fits_does_not_give_the_name_away(bridge: Bridge, dial_peer: Any) -> None:
    for glob in ("bridg?", "*"):
        peer: Peer = await dial_peer("bridge", bridge.endpoint_token(glob))
        assert isinstance(peer.first, Bye)
        assert "Orbit's own routes use it" in peer.first.reason
    assert bridge.extension.hub.registry.names() == []


async def test_what_is_lent_for_the_name_is_for_no_other(bridge: Bridge, dial_peer: Any) -> None:
    token = bridge.extension.tokens.lend("bridge", "ann")
    assert isinstance((await dial_peer("hpc1", token)).first, Bye)
    assert isinstance((await dial_peer("bridge", token)).first, Welcome)


def test_a_record_on_disk_does_not_give_the_name_away(tmp_path: Path) -> None:
    store = TokenStore(tmp_path)
    token, record = store.create("hpc1", "ann")
    path = tmp_path / f"{record.id}.json"
    path.write_text(path.read_text().replace('"hpc1"', '"bridge"'))
    grant, lent = store.verify(token), store.verify(store.lend("bridge", "ann"))
    assert grant is not None
    assert lent is not None
    assert grant.pattern == lent.pattern == "bridge"
    hello = Hello(role="endpoint", name="bridge", boot_id="b")
    assert Registry().refusal(hello, grant) is not None
    assert Registry().refusal(hello, lent) is None
