"""The kernel that the demo and the end-to-end tests run notebooks in."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import server_kernel
from server_kernel import ServerKernel


class Socket:
    def __init__(self) -> None:
        self.closed = False

    def __enter__(self) -> Socket:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    made: list[tuple[str, str]] = []

    def post(url: str, **_more: Any) -> httpx.Response:
        made.append(("POST", url))
        return httpx.Response(201, json={"id": "k1"}, request=httpx.Request("POST", url))

    def delete(url: str, **_more: Any) -> httpx.Response:
        made.append(("DELETE", url))
        return httpx.Response(204, request=httpx.Request("DELETE", url))

    monkeypatch.setattr(httpx, "post", post)
    monkeypatch.setattr(httpx, "delete", delete)
    return made


STARTED, ENDED = ("POST", "http://server/api/kernels"), ("DELETE", "http://server/api/kernels/k1")


def test_kernel_that_cannot_be_connected_to_is_ended(
    requests: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_url: str, **_more: Any) -> Socket:
        raise ConnectionRefusedError("no socket today")

    monkeypatch.setattr(server_kernel, "connect", refuse)
    with pytest.raises(ConnectionRefusedError), ServerKernel("http://server/", "t"):
        pytest.fail("there is no kernel to work with")
    assert requests == [STARTED, ENDED]


def test_kernel_lives_as_long_as_its_block(
    requests: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = Socket()
    monkeypatch.setattr(server_kernel, "connect", lambda *_, **__: socket)
    with ServerKernel("http://server/", "t"):
        assert (requests, socket.closed) == ([STARTED], False)
    assert (requests, socket.closed) == ([STARTED, ENDED], True)
