"""Tokens for one life of an endpoint that is a job: who may end them, and when they end by themselves."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from bridge_stage import Bridge, Peer

from orbit_jupyter.bridge.tokens import TokenStore
from orbit_jupyter.protocol import Bye, Event, Events, InvalidFieldError, Welcome

Dial = Callable[..., Awaitable[Peer]]


async def made(bridge: Bridge, **more: Any) -> dict[str, Any]:
    """Have the bridge make a token for a child of hpc1, as a launch does."""
    async with bridge.http() as http:
        wanted = {"name": "hpc1.1", "expires": "30d", "parent": "hpc1", "life": "1h", **more}
        answer = await http.post("/tokens", json=wanted)
    assert answer.status_code == 200, answer.text
    token: dict[str, Any] = answer.json()
    return token


def known(bridge: Bridge) -> set[str]:
    return {record.id for record in bridge.extension.tokens.records()}


async def until(condition: Callable[[], bool]) -> None:
    async def wait() -> None:
        while not condition():
            await asyncio.sleep(0.01)

    await asyncio.wait_for(wait(), 20)


def ended(token: dict[str, Any], number: int = 1, **more: Any) -> Events:
    data = json.dumps({"endpoint_name": token["name"], "token_id": token["id"]}).encode()
    event = Event(**{"plugin": "psij", "topic": "endpoint_ended", **more}, data=data)
    return Events("boot", number, [event])


async def test_parent_that_tells_of_the_end_ends_the_token(bridge: Bridge, dial_peer: Dial) -> None:
    token = await made(bridge)
    child, parent = await dial_peer("hpc1.1", token["token"]), await dial_peer("hpc1")
    gone = child.serve()
    parent.serve()
    assert parent.link is not None
    parent.link.send(ended(token))
    await until(lambda: token["id"] not in known(bridge))
    # It is still connected, though its job has ended: then it is no child any more.
    bye = (await gone).bye
    assert bye is not None
    assert "revoked" in bye.reason


@pytest.mark.parametrize("how", ["another endpoint", "another topic", "another id", "no object"])
async def test_nobody_else_ends_it(bridge: Bridge, dial_peer: Dial, how: str) -> None:
    token = await made(bridge)
    teller = await dial_peer("hpc2" if how == "another endpoint" else "hpc1")
    teller.serve()
    assert teller.link is not None
    event = ended(token)
    if how == "another topic":
        event = ended(token, topic="job_status")
    elif how == "another id":
        event = ended({**token, "id": "../" + token["id"]})
    elif how == "no object":
        event = Events("boot", 1, [Event("psij", "endpoint_ended", b"[]")])
    teller.link.send(event)
    # What comes later has an effect: so this one had none.
    marker = await made(bridge, name="hpc9", parent="hpc2" if how == "another endpoint" else "hpc1")
    teller.link.send(ended(marker, 2))
    await until(lambda: marker["id"] not in known(bridge))
    assert token["id"] in known(bridge)


async def test_new_life_is_another_s(bridge: Bridge, dial_peer: Dial) -> None:
    first, second = await made(bridge), await made(bridge)
    parent = await dial_peer("hpc1")
    parent.serve()
    assert parent.link is not None
    parent.link.send(ended(first))
    await until(lambda: first["id"] not in known(bridge))
    assert second["id"] in known(bridge)


async def test_tokens_of_people_are_none_of_its_business(bridge: Bridge, dial_peer: Dial) -> None:
    mine = await made(bridge, parent=None, life=None)
    assert mine["parent"] is None
    token = await made(bridge)
    parent = await dial_peer("hpc1")
    parent.serve()
    assert parent.link is not None
    parent.link.send(ended(mine))
    parent.link.send(ended(token, 2))
    await until(lambda: token["id"] not in known(bridge))
    assert mine["id"] in known(bridge)


@pytest.mark.parametrize(("life", "stays"), [(None, False), ("1h", True)])
async def test_goodbye_ends_what_has_no_longest_time(
    bridge: Bridge, dial_peer: Dial, life: str | None, stays: bool
) -> None:
    token = await made(bridge, life=life)
    child = await dial_peer("hpc1.1", token["token"])
    child.serve()
    assert child.link is not None
    await child.link.close(Bye("the endpoint ends", retry=False))
    await bridge.until(lambda: bridge.extension.hub.registry.get("hpc1.1") is None)
    await bridge.extension.lives.close()
    # With a scheduler the same job may be queued again, and needs it.
    assert (token["id"] in known(bridge)) is stays
    again = dial_peer("hpc1.1", token["token"])
    if stays:
        assert isinstance((await again).first, Welcome)
    else:
        with pytest.raises(Exception, match="doesn't know this token"):
            await again


async def test_goodbye_to_come_back_ends_nothing(bridge: Bridge, dial_peer: Dial) -> None:
    token = await made(bridge, life=None)
    child = await dial_peer("hpc1.1", token["token"])
    child.serve()
    assert child.link is not None
    await child.link.close(Bye("back in a minute", retry=True))
    await bridge.until(lambda: bridge.extension.hub.registry.get("hpc1.1") is None)
    await bridge.extension.lives.close()
    assert token["id"] in known(bridge)


def test_life_begins_with_the_first_use(tmp_path: Path) -> None:
    store = TokenStore(tmp_path)
    text, record = store.create("hpc1.1", "me", 30 * 86400.0, parent="hpc1", life=3600.0)
    assert record.expires == pytest.approx(time.time() + 30 * 86400, abs=60)
    assert store.verify(text) is not None
    (used,) = store.records()
    assert used.expires == pytest.approx(time.time() + 3600, abs=60)
    assert store.verify(text) is not None
    assert store.records() == [used]


def test_life_without_a_longest_time_does_not_expire_once_it_has_begun(tmp_path: Path) -> None:
    store = TokenStore(tmp_path)
    text, _ = store.create("hpc1.1", "me", 30 * 86400.0, parent="hpc1")
    store.verify(text)
    assert store.records()[0].expires is None


def test_life_is_one_endpoint_s(tmp_path: Path) -> None:
    with pytest.raises(InvalidFieldError, match="name"):
        TokenStore(tmp_path).create("hpc1.*", "me", parent="hpc1")
    assert list(tmp_path.glob("*.json")) == []


def test_wrong_secret_begins_no_life(tmp_path: Path) -> None:
    store = TokenStore(tmp_path)
    text, record = store.create("hpc1.1", "me", 60.0, parent="hpc1", life=3600.0)
    assert store.verify(text[:-1] + ("A" if text[-1] != "A" else "B")) is None
    assert store.records() == [record]
