"""The client classes against an endpoint that is written down here."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import httpx
import pytest

from orbit_plugins.sysinfo import AsyncSysInfoClient, SysInfoClient

T = TypeVar("T")

ANSWERS: dict[tuple[str, str], Any] = {
    ("POST", "/sysinfo/register_session"): {"sid": "session.1"},
    ("GET", "/sysinfo/homedir"): {"homedir": "/home/ada"},
    ("GET", "/sysinfo/host_role"): {"role": "login"},
    ("GET", "/sysinfo/metrics/session.1"): {"cpu": {"percent": 3.5}},
}


class AsyncEndpoint:
    endpoint_id = "ep"

    async def call(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        params: dict[str, Any] | None = None,
        timeout: float = 0,
        key: str = "",
    ) -> Any:
        return ANSWERS[method, path]


class Endpoint:
    endpoint_id = "ep"
    aio = AsyncEndpoint()

    @property
    def http(self) -> httpx.Client:
        raise NotImplementedError

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(coroutine)


def test_cells_get_plain_answers() -> None:
    client = SysInfoClient(Endpoint(), "/ep/sysinfo")
    assert client.homedir() == "/home/ada"
    assert client.host_role() == {"role": "login"}
    client.register_session()
    assert client.get_metrics() == {"cpu": {"percent": 3.5}}


def test_metrics_without_a_session_say_what_is_missing() -> None:
    client = SysInfoClient(Endpoint(), "/ep/sysinfo")
    with pytest.raises(RuntimeError, match="No active session"):
        client.get_metrics()


@pytest.mark.asyncio
async def test_coroutines_get_the_same_answers() -> None:
    client = AsyncSysInfoClient(AsyncEndpoint(), "sysinfo")
    await client.register_session()
    assert await client.homedir() == "/home/ada"
    assert await client.host_role() == {"role": "login"}
    assert await client.get_metrics() == {"cpu": {"percent": 3.5}}
