"""What a client's call is on its way to the bridge."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import pytest

from orbit_jupyter.client.async_clients import AsyncBridgeClient
from orbit_jupyter.protocol import Call, Reply


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("params", "query"),
    [
        (None, {}),
        (
            {"color": ["red", "blue"], "limit": None, "text": "a b&c"},
            {"color": ["red", "blue"], "text": ["a b&c"]},
        ),
        ({"limit": None}, {}),
        ({"limit": 0, "text": ""}, {"limit": ["0"], "text": [""]}),
    ],
)
async def test_query_repeats_what_is_a_list_and_leaves_out_what_is_none(
    params: dict[str, Any] | None, query: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Call] = []

    async def keep(_client: AsyncBridgeClient, call: Call) -> Reply:
        sent.append(call)
        return Reply(id=0, status=200)

    monkeypatch.setattr(AsyncBridgeClient, "send", keep)
    client = AsyncBridgeClient("http://127.0.0.1:1/orbit", token="t")
    await client.call("hpc1", "GET", "/shop/search", params=params)
    (call,) = sent
    assert parse_qs(call.query, keep_blank_values=True, strict_parsing=bool(call.query)) == query
