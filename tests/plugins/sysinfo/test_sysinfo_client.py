"""The client classes against an endpoint that is written down here."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import httpx
import pytest

from orbit_jupyter.plugin import InvalidFieldError
from orbit_plugins.sysinfo import AsyncSysInfoClient, SysInfoClient

T = TypeVar("T")

ANSWERS: dict[tuple[str, str], Any] = {
    ("POST", "/sysinfo/register_session"): {"sid": "session.1"},
    ("GET", "/sysinfo/homedir"): {"homedir": "/home/ada"},
    ("GET", "/sysinfo/host_role"): {"role": "login"},
    ("GET", "/sysinfo/metrics/session.1"): {"cpu": {"percent": 3.5}},
    ("GET", "/sysinfo/history/session.1"): {"interval": 5, "columns": {}, "units": {}},
    ("POST", "/sysinfo/subscribe/session.1"): {"interval": 2, "topic": "metrics"},
    ("POST", "/sysinfo/unsubscribe/session.1"): {"ok": True},
    ("POST", "/sysinfo/unregister_session/session.1"): {"ok": True},
}


class AsyncEndpoint:
    endpoint_id = "ep"

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []

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
        self.calls.append((path, params or json))
        answer = ANSWERS[method, path]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Endpoint:
    endpoint_id = "ep"

    def __init__(self) -> None:
        self.aio = AsyncEndpoint()

    @property
    def http(self) -> httpx.Client:
        raise NotImplementedError

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(coroutine)


class Callbacks:
    """The bridge's client, as far as callbacks go."""

    def __init__(self) -> None:
        self.registered: list[tuple[Any, ...]] = []

    def register_callback(self, *which: Any) -> None:
        self.registered.append(which)

    def unregister_callback(self, *which: Any) -> None:
        self.registered.remove(which)


def callback(endpoint: str, plugin: str, topic: str, data: dict[str, Any]) -> None:
    """Take an event."""


def subscriber() -> tuple[SysInfoClient, Endpoint, Callbacks]:
    endpoint, callbacks = Endpoint(), Callbacks()
    client = SysInfoClient(endpoint, "/ep/sysinfo", callbacks)
    client.register_session()
    return client, endpoint, callbacks


def test_subscribing_has_the_callback_called_until_it_is_taken_back() -> None:
    client, endpoint, callbacks = subscriber()
    assert client.subscribe(2, callback) == {"interval": 2, "topic": "metrics"}
    assert endpoint.aio.calls[-1] == ("/sysinfo/subscribe/session.1", {"interval": 2})
    assert callbacks.registered == [("ep", "sysinfo", "metrics", callback)]
    client.subscribe(10)
    assert len(callbacks.registered) == 1
    client.unsubscribe()
    assert callbacks.registered == []


def test_another_callback_replaces_the_first_and_closing_takes_it_back() -> None:
    client, _, callbacks = subscriber()
    client.subscribe(2, callback)
    client.subscribe(2, print)
    assert callbacks.registered == [("ep", "sysinfo", "metrics", print)]
    client.close()
    assert callbacks.registered == []


def test_subscription_that_is_refused_leaves_no_callback(monkeypatch: pytest.MonkeyPatch) -> None:
    client, _, callbacks = subscriber()
    refusal = InvalidFieldError("interval: 0 s is out of bounds", field="interval")
    monkeypatch.setitem(ANSWERS, ("POST", "/sysinfo/subscribe/session.1"), refusal)
    with pytest.raises(InvalidFieldError):
        client.subscribe(0, callback)
    assert callbacks.registered == []


def test_session_that_replaces_another_is_subscribed_like_it() -> None:
    client, endpoint, _ = subscriber()
    client.subscribe(2)
    endpoint.aio.calls.clear()
    client.register_session()
    assert [path for path, _ in endpoint.aio.calls] == [
        "/sysinfo/register_session",
        "/sysinfo/subscribe/session.1",
    ]
    client.unsubscribe()
    endpoint.aio.calls.clear()
    client.register_session()
    assert [path for path, _ in endpoint.aio.calls] == ["/sysinfo/register_session"]


def test_history_is_asked_for_in_seconds() -> None:
    client, endpoint, _ = subscriber()
    assert client.history(60)["interval"] == 5
    assert endpoint.aio.calls[-1] == ("/sysinfo/history/session.1", {"seconds": 60})


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
    assert (await client.subscribe(2))["topic"] == "metrics"
    assert (await client.history())["interval"] == 5
    await client.unsubscribe()
