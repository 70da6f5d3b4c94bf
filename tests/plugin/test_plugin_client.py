"""The client's side of a plugin, over an endpoint that answers what the test says."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import httpx
import pytest

from orbit_jupyter.plugin import DEFAULT_TIMEOUT, AsyncPluginClient, Callback, PluginClient
from orbit_jupyter.protocol import (
    BadRequestError,
    EndpointDisconnectedError,
    InvalidFieldError,
    OrbitError,
    PluginError,
    ResourceNotFoundError,
    SessionExpiredError,
    SessionNotFoundError,
    error_body,
    fail_from,
)

T = TypeVar("T")


class FarEnd:
    """An endpoint: keeps the calls, makes sessions s1, s2, …, and answers the rest from a list."""

    endpoint_id = "hpc1"

    def __init__(self, *outcomes: object) -> None:
        self.outcomes = list(outcomes)
        self.calls: list[tuple[str, str, Any]] = []
        self.options: list[tuple[dict[str, Any] | None, float, str]] = []
        self.sessions = 0
        self.aio = self
        self.http = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(204)))

    async def call(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        params: dict[str, Any] | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        key: str = "",
    ) -> Any:
        self.calls.append((method, path, json))
        self.options.append((params, timeout, key))
        if path.endswith("/register_session"):
            self.sessions += 1
            return {"sid": f"s{self.sessions}"}
        outcome = self.outcomes.pop(0) if self.outcomes else {"ok": True}
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(coroutine)

    @property
    def paths(self) -> list[str]:
        return [path for _, path, _ in self.calls]


@pytest.mark.asyncio
async def test_route_without_a_session_needs_none() -> None:
    far = FarEnd({"version": "1"})
    client = AsyncPluginClient(far, "psij")
    assert await client.call("GET", "/version", params={"a": 1}, timeout=5, key="k") == {"version": "1"}
    assert far.calls == [("GET", "/psij/version", None)]
    assert far.options == [({"a": 1}, 5, "k")]


@pytest.mark.asyncio
async def test_route_with_a_session_needs_one_registered() -> None:
    with pytest.raises(RuntimeError, match="No active session"):
        await AsyncPluginClient(FarEnd(), "psij").call("POST", "submit/{sid}")


@pytest.mark.asyncio
@pytest.mark.parametrize("error", [SessionExpiredError("old"), SessionNotFoundError("restarted")])
async def test_expired_session_is_replaced_once_and_the_call_made_again(error: OrbitError) -> None:
    far = FarEnd(error, {"job_id": "7"})
    client = AsyncPluginClient(far, "psij")
    await client.register_session(account="phys")
    answer = await client.call("POST", "submit/{sid}", {"a": 1}, params={"p": 1}, timeout=9, key="once")
    assert answer == {"job_id": "7"}
    assert far.calls == [
        ("POST", "/psij/register_session", {"account": "phys"}),
        ("POST", "/psij/submit/s1", {"a": 1}),
        ("POST", "/psij/register_session", {"account": "phys"}),
        ("POST", "/psij/submit/s2", {"a": 1}),
    ]
    assert [far.options[1], far.options[3]] == [({"p": 1}, 9, "once")] * 2
    assert client.sid == "s2"


@pytest.mark.asyncio
async def test_session_that_expires_again_at_once_is_an_error() -> None:
    far = FarEnd(SessionExpiredError("old"), SessionExpiredError("older"), {"never": "asked"})
    client = AsyncPluginClient(far, "psij")
    await client.register_session()
    with pytest.raises(SessionExpiredError, match="older"):
        await client.call("GET", "list_jobs/{sid}")
    assert len(far.outcomes) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("error", [ResourceNotFoundError("no job"), EndpointDisconnectedError("gone")])
async def test_other_error_is_raised_and_no_session_made(error: OrbitError) -> None:
    far = FarEnd(error)
    client = AsyncPluginClient(far, "psij")
    await client.register_session()
    with pytest.raises(type(error)):
        await client.call("GET", "status/{sid}/7")
    assert far.sessions == 1


@pytest.mark.asyncio
async def test_unregistering_forgets_the_session_and_a_second_time_does_nothing() -> None:
    far = FarEnd()
    client = AsyncPluginClient(far, "psij")
    await client.unregister_session()
    await client.register_session()
    await client.unregister_session()
    await client.unregister_session()
    assert far.paths == ["/psij/register_session", "/psij/unregister_session/s1"]
    assert client.sid is None


@pytest.mark.asyncio
async def test_closing_is_silent_whatever_the_far_side_says() -> None:
    far = FarEnd(EndpointDisconnectedError("gone"))
    client = AsyncPluginClient(far, "psij")
    await client.register_session()
    await client.close()
    assert client.sid is None


# -- the blocking face --------------------------------------------------------------------------------------------


class Registrations:
    def __init__(self) -> None:
        self.made: list[tuple[str, tuple[object, ...]]] = []

    def register_callback(
        self,
        endpoint_id: str | None = None,
        plugin_name: str | None = None,
        topic: str | None = None,
        callback: Callback | None = None,
    ) -> None:
        self.made.append(("on", (endpoint_id, plugin_name, topic, callback)))

    def unregister_callback(
        self,
        endpoint_id: str | None = None,
        plugin_name: str | None = None,
        topic: str | None = None,
        callback: Callback | None = None,
    ) -> None:
        self.made.append(("off", (endpoint_id, plugin_name, topic, callback)))


@pytest.fixture
def far() -> FarEnd:
    return FarEnd()


@pytest.fixture
def client(far: FarEnd) -> PluginClient:
    return PluginClient(far, "/hpc1/psij")


def test_blocking_client_makes_the_calls_of_its_async_one(far: FarEnd, client: PluginClient) -> None:
    assert (client.endpoint_id, client.plugin_name) == ("hpc1", "psij")
    client.register_session()
    assert client.sid == "s1"
    assert client.call("GET", "list_jobs/{sid}") == {"ok": True}
    client.unregister_session()
    client.close()
    assert far.paths == ["/psij/register_session", "/psij/list_jobs/s1", "/psij/unregister_session/s1"]
    assert repr(client) == "<PluginClient psij on hpc1>"


def test_callbacks_are_registered_for_this_plugin(far: FarEnd) -> None:
    registrations = Registrations()
    client = PluginClient(far, "/hpc1/psij", registrations, "hpc1", "psij2")

    def callback(endpoint: str, plugin: str, topic: str, data: dict[str, Any]) -> None:
        """Do nothing."""

    client.register_notification_callback(callback, "job_status")
    client.unregister_notification_callback(callback)
    assert registrations.made == [
        ("on", ("hpc1", "psij2", "job_status", callback)),
        ("off", ("hpc1", "psij2", None, callback)),
    ]


def test_client_without_a_bridge_has_no_callbacks(client: PluginClient) -> None:
    with pytest.raises(RuntimeError, match="no notifications"):
        client.register_notification_callback(lambda *_: None)


def test_what_client_classes_of_the_seed_are_made_of_is_there(far: FarEnd, client: PluginClient) -> None:
    assert client._url("/submit/s1") == "/hpc1/psij/submit/s1"
    assert client._http is far.http
    with pytest.raises(RuntimeError, match="No active session"):
        client._require_session()
    client.register_session()
    assert client._require_session() == "s1"


@pytest.mark.parametrize("status", [200, 201, 204])
def test_response_that_is_fine_raises_nothing(client: PluginClient, status: int) -> None:
    client._raise(httpx.Response(status))


@pytest.mark.parametrize(
    ("response", "kind", "text"),
    [
        (
            httpx.Response(404, json=error_body(ResourceNotFoundError("no job 7"))),
            ResourceNotFoundError,
            "no job 7",
        ),
        (httpx.Response(400, json={"detail": "bad"}), BadRequestError, "HTTP 400 — [hpc1/psij] submit — bad"),
        (httpx.Response(410, json={"detail": "old"}), SessionExpiredError, "old"),
        (httpx.Response(500, json={"detail": "boom"}), OrbitError, "boom"),
        (httpx.Response(503, text="<html>busy"), EndpointDisconnectedError, "<html>busy"),
        (httpx.Response(422, json=["a"]), InvalidFieldError, "['a']"),
        (httpx.Response(422, json={"x": 1}), InvalidFieldError, "{'x': 1}"),
        (httpx.Response(418), OrbitError, "HTTP 418 — [hpc1/psij] submit"),
    ],
)
def test_response_that_is_an_error_raises_its_class(
    client: PluginClient, response: httpx.Response, kind: type[OrbitError], text: str
) -> None:
    with pytest.raises(kind) as caught:
        client._raise(response, "submit")
    assert type(caught.value) is kind
    assert text in caught.value.message
    assert caught.value.status == response.status_code


@pytest.mark.parametrize(
    "error",
    [
        InvalidFieldError("wrong", field="attributes.duration"),
        PluginError("boom", data={"traceback": "REMOTE"}),
        EndpointDisconnectedError("gone"),
        ResourceNotFoundError("no job", available=["7"]),
    ],
)
def test_error_over_http_carries_what_it_carries_over_the_native_link(
    client: PluginClient, error: OrbitError
) -> None:
    with pytest.raises(type(error)) as caught:
        client._raise(httpx.Response(error.status, json=error_body(error)))
    sent = fail_from(error)
    assert (caught.value.transient, caught.value.data) == (sent.transient, sent.data)


def test_async_class_of_a_client_class_is_the_one_that_it_names(far: FarEnd) -> None:
    class AsyncMine(AsyncPluginClient):
        pass

    class Mine(PluginClient):
        async_class = AsyncMine

    assert type(Mine(far, "/hpc1/mine").aio) is AsyncMine
