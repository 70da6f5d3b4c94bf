"""What a handler gets, from a call's envelope and body."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from orbit_jupyter.plugin import App, AppState, BadRequestError, Request
from orbit_jupyter.protocol import Call, Principal

pytestmark = pytest.mark.asyncio


def request_of(body: bytes = b"", **more: Any) -> Request:
    return Request(Call(1, "hpc1", "POST", "/psij/submit/s1", body=body, **more), {"sid": "s1"}, App())


async def test_request_says_who_asks_for_what() -> None:
    app = App(AppState(endpoint_name="hpc1"))
    principal = Principal("ada", ("hpc",), ("execute",))
    call = Call(
        1, "hpc1", "POST", "/psij/submit/s1", "a=1", {"x": "y"}, principal, 12.5, b"raw", trace="t", key="k"
    )
    request = Request(call, {"sid": "s1"}, app)
    assert (request.method, request.path, request.path_params) == ("POST", "/psij/submit/s1", {"sid": "s1"})
    assert (request.principal, request.time_left) == (principal, 12.5)
    assert (request.trace, request.idempotency_key) == ("t", "k")
    assert request.app.state.endpoint_name == "hpc1"
    assert await request.body() == b"raw"
    assert not request.cancelled.is_set()


@pytest.mark.parametrize(
    ("query", "params"),
    [
        ("", {}),
        ("a=1&b=two", {"a": "1", "b": "two"}),
        ("a=1&a=2", {"a": "2"}),
        ("a=&b", {"a": "", "b": ""}),
        ("p=%2Fscratch%2Fa+b&q=gr%C3%B6%C3%9Fe", {"p": "/scratch/a b", "q": "größe"}),
    ],
)
async def test_query_is_decoded(query: str, params: dict[str, str]) -> None:
    assert request_of(query=query).query_params == params


async def test_header_names_are_lower_case_whoever_sent_them() -> None:
    assert request_of(headers={"Content-Type": "text/plain", "X-A": "B"}).headers == {
        "content-type": "text/plain",
        "x-a": "B",
    }


@pytest.mark.parametrize(
    ("body", "content_type", "value"),
    [
        (b"", None, {}),
        (b"", "application/json", {}),
        (b'{"a": [1, null]}', None, {"a": [1, None]}),
        (b"[1]", "application/json; charset=utf-8", [1]),
        (b"null", "application/json", None),
        (msgspec.msgpack.encode({"a": b"\xff"}), "application/msgpack", {"a": b"\xff"}),
        (msgspec.msgpack.encode([1]), "application/x-msgpack", [1]),
    ],
)
async def test_body_is_decoded_as_its_type_says(body: bytes, content_type: str | None, value: object) -> None:
    request = request_of(body, headers={"Content-Type": content_type} if content_type else {})
    assert await request.json() == value
    assert request.data == value


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{"),
        ("application/json", b"\xff\xfe"),
        ("application/json", b'{"a": "\xff"}'),
        ("application/json", b"[" * 100_000),
        ("application/json", msgspec.msgpack.encode({"a": 1})),
        ("application/msgpack", b"\xc1"),
        ("application/msgpack", b"\x92\x01"),
        ("application/msgpack", b"\xa1\xff"),
        ("application/msgpack", b"\x91" * 100_000),
        ("application/msgpack", b"\x81\x81\x01\x02\x03"),
        ("application/msgpack", b'{"a": 1}'),
    ],
)
async def test_body_that_cannot_be_read_is_a_bad_request(content_type: str, body: bytes) -> None:
    with pytest.raises(BadRequestError, match="the body can't be read") as caught:
        await request_of(body, headers={"content-type": content_type}).json()
    assert caught.value.status == 400
