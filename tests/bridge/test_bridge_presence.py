"""Who is there: endpoints are told which users have a client connected or an event stream open."""

from __future__ import annotations

import asyncio

from bridge_stage import Bridge, EventStream, Start

from orbit_jupyter.bridge.presence import Presence
from orbit_jupyter.client import aio
from orbit_jupyter.endpoint import EndpointService


def test_user_is_there_from_the_first_connection_to_the_end_of_the_last() -> None:
    presence = Presence()
    assert [presence.come("ann"), presence.come("ann"), presence.come("bea")] == [True, False, True]
    assert presence.users == ["ann", "bea"]
    assert [presence.go("ann"), presence.go("bea"), presence.go("ann")] == [False, True, True]
    assert presence.users == []


async def test_endpoint_is_told_who_is_there(
    bridge: Bridge, start_endpoint: Start, jp_asyncio_loop: asyncio.AbstractEventLoop
) -> None:
    service = await start_endpoint()
    owner = bridge.extension.owner
    await until(service, set())
    async with EventStream(bridge) as stream:
        await stream.next()
        await until(service, {owner})
    await until(service, set())
    async with await aio.connect(bridge.url, None, bridge.token) as client:
        await client.list_endpoints()
        await until(service, {owner})
        second = await start_endpoint("hpc2")  # one that comes later is told, too
        await until(second, {owner})
    await until(service, set())


async def until(service: EndpointService, users: set[str]) -> None:
    """Wait until the endpoint, which lives on a thread of its own, has heard it."""

    async def heard() -> None:
        while service._running_host()._app.state.listeners != users:
            await asyncio.sleep(0.005)

    await asyncio.wait_for(heard(), 20)
