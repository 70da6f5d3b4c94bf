"""A call with a key is made again when it fails for a moment; one without is made once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest
from stage import Server, endpoint, server

from orbit_jupyter.client.async_clients import AsyncBridgeClient
from orbit_jupyter.protocol import BridgeConnectionError, ConflictError, OverloadedError

OPTIONS = "--OrbitExtension.local_endpoint=off"
PLUGINS = ("--plugins", "flaky_plugin:FlakyPlugin")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a bridge and an endpoint."""
    folder = tmp_path_factory.mktemp("lab")
    with (
        server(folder, OPTIONS) as running,
        endpoint(running.url, "hpc1", running.endpoint_token("hpc1"), folder, *PLUGINS),
    ):
        with running.client() as client:
            client.wait_for_endpoint("hpc1", 30)
        yield running


def client_of(lab: Server) -> AsyncBridgeClient:
    return AsyncBridgeClient(lab.url, token=lab.info["token"])


async def keys(client: AsyncBridgeClient, name: str, at_least: int = 0) -> list[str]:
    """Return the keys of the calls that came to the plugin, once there are so many."""
    while True:
        came: list[str] = await client.call("hpc1", "GET", f"/flaky/keys/{name}")
        if len(came) >= at_least:
            return came
        await asyncio.sleep(0.01)


@pytest.mark.asyncio
@pytest.mark.parametrize("route", ["overloaded/a/2/0.3", "gone/b/2"])
async def test_a_call_with_a_key_is_made_again_until_it_succeeds(lab: Server, route: str) -> None:
    loop = asyncio.get_running_loop()
    async with client_of(lab) as client:
        began = loop.time()
        assert await client.call("hpc1", "POST", f"/flaky/{route}", key="k1") == {"done": True}
        # The far side asked for 0.3 s each time; else it is 0.2 s at least.
        assert loop.time() - began >= (0.6 if "0.3" in route else 0.4)
        assert await keys(client, route.split("/")[1]) == ["k1"] * 3


@pytest.mark.asyncio
async def test_a_call_without_a_key_is_made_once(lab: Server) -> None:
    async with client_of(lab) as client:
        with pytest.raises(OverloadedError, match="come again"):
            await client.call("hpc1", "POST", "/flaky/overloaded/c/1/0")
        assert await keys(client, "c") == [""]


@pytest.mark.asyncio
async def test_a_refusal_is_no_reason_to_ask_again(lab: Server) -> None:
    async with client_of(lab) as client:
        with pytest.raises(ConflictError, match="said no"):
            await client.call("hpc1", "POST", "/flaky/refused/d", key="k")
        assert await keys(client, "d") == ["k"]


@pytest.mark.asyncio
async def test_the_last_error_is_raised_when_the_time_is_over(lab: Server) -> None:
    loop = asyncio.get_running_loop()
    async with client_of(lab) as client:
        began = loop.time()
        with pytest.raises(OverloadedError, match="come again"):
            await client.call("hpc1", "POST", "/flaky/overloaded/e/1000/0", timeout=2.0, key="k")
        assert loop.time() - began < 20
        came = await keys(client, "e")
    assert 2 < len(came) <= 10
    assert set(came) == {"k"}


@pytest.mark.asyncio
async def test_who_is_asked_to_come_later_than_there_is_time_does_not_wait(lab: Server) -> None:
    async with client_of(lab) as client:
        with pytest.raises(OverloadedError, match="come again"):
            await asyncio.wait_for(
                client.call("hpc1", "POST", "/flaky/overloaded/f/1/500", timeout=400, key="k"), 30
            )
        assert await keys(client, "f") == ["k"]


@pytest.mark.asyncio
async def test_cancelling_ends_it_at_once(lab: Server) -> None:
    async with client_of(lab) as client:
        call = client.call("hpc1", "POST", "/flaky/overloaded/g/1/50", timeout=400, key="k")
        asked = asyncio.ensure_future(call)
        await keys(client, "g", 1)
        assert not asked.done()
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(asked, 5)
        assert await keys(client, "g") == ["k"]


@pytest.mark.asyncio
async def test_a_client_that_is_closed_meanwhile_does_not_open_again_for_it(lab: Server) -> None:
    async with client_of(lab) as client:
        asked = asyncio.ensure_future(
            client.call("hpc1", "POST", "/flaky/overloaded/h/1/0.5", timeout=400, key="k")
        )
        await keys(client, "h", 1)
    with pytest.raises(BridgeConnectionError):
        await asyncio.wait_for(asked, 20)
    assert client._task is None
    async with client:
        assert await keys(client, "h") == ["k"]


@pytest.mark.asyncio
async def test_a_call_with_a_key_outlives_its_bridge(tmp_path: Path) -> None:
    with server(tmp_path, OPTIONS) as first:
        token = first.endpoint_token("hpc1")
        with endpoint(first.url, "hpc1", token, tmp_path, *PLUGINS):
            async with client_of(first) as client:
                await client.wait_for_endpoint("hpc1", 30)
                asked: asyncio.Future[Any] = asyncio.ensure_future(
                    client.call("hpc1", "POST", "/flaky/lost/i", key="k")
                )
                await keys(client, "i", 1)
                await asyncio.to_thread(first.stop, SIGKILL)
                with server(tmp_path, OPTIONS, port=first.port):
                    assert await asyncio.wait_for(asked, 90) == {"done": True}
                    assert await keys(client, "i") == ["k", "k"]
