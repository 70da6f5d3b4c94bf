"""A page's connection through the kernel, on a real bridge in memory: frames in, frames out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from stage import wait_until

from orbit_jupyter.client.async_clients import AsyncBridgeClient
from orbit_jupyter.link import Transport, TransportClosedError, memory_pair
from orbit_jupyter.protocol import (
    AnyFrame,
    BridgeConnectionError,
    Bye,
    Call,
    Cancel,
    Events,
    Fail,
    Hello,
    Ping,
    Pong,
    Reply,
    Subscribe,
    Topology,
    UnauthenticatedError,
    Welcome,
    decode,
    encode,
)
from orbit_jupyter_widgets.comm import Relay, renderer_files
from tests.widgets.conftest import Page

if TYPE_CHECKING:
    from orbit_jupyter.plugin.testing import StarClient


class FramePage(Page):
    """A page that speaks frames."""

    def __init__(self, id: str = "p1") -> None:
        super().__init__()
        self.id = id
        self._frames: list[AnyFrame] = []

    def tell(self, relay: Relay, what: str, *frames: AnyFrame) -> None:
        """Send the kernel a message, its buffers as a kernel has them."""
        relay.take({"orbit": what, "page": self.id}, [memoryview(encode(frame)) for frame in frames])

    def frame(self, kind: type[Any]) -> Any:
        """Wait for a frame of that kind; take it, and those before it."""
        while not any(isinstance(one, kind) for one in self._frames):
            content, buffers = self.wait("frames")
            assert content["page"] == self.id
            self._frames += [decode(one) for one in buffers]
        index = next(i for i, one in enumerate(self._frames) if isinstance(one, kind))
        found = self._frames[index]
        del self._frames[: index + 1]
        return found

    def greet(self, relay: Relay) -> None:
        """Dial, say hello and subscribe to all events, as the renderer does."""
        self.tell(relay, "dial")
        self.wait("open")
        self.tell(relay, "frames", Hello("client", "", f"boot-{self.id}"), Subscribe(1))


@pytest.fixture
def page() -> FramePage:
    return FramePage()


@pytest.fixture
def relay(hpc: StarClient, page: FramePage) -> Iterator[Relay]:
    made = Relay(hpc.bridge, page.send)
    yield made
    made.close()
    made.close()


def call(path: str, **more: Any) -> Call:
    return Call(id=7, endpoint="hpc1", method="GET", path=path, time_left=10, **more)


def test_page_learns_who_the_bridge_is_and_what_there_is(relay: Relay, page: FramePage) -> None:
    page.greet(relay)
    assert page.frame(Welcome).bridge_id == "star"
    assert list(page.frame(Topology).endpoints) == ["hpc1"]


def test_call_of_a_page_is_answered(relay: Relay, page: FramePage) -> None:
    page.greet(relay)
    page.tell(relay, "frames", call("/sample/echo/hello"))
    reply = page.frame(Reply)
    assert (reply.id, reply.status) == (7, 200)
    assert msgspec.json.decode(reply.body)["params"] == {"word": "hello"}


def test_error_of_a_call_keeps_its_fields(relay: Relay, page: FramePage) -> None:
    page.greet(relay)
    page.tell(relay, "frames", msgspec.structs.replace(call("/sample/echo"), endpoint="nowhere"))
    fail = page.frame(Fail)
    assert (fail.id, fail.code, fail.status) == (7, "endpoint-not-found", 404)


def test_cancel_of_a_page_reaches_the_handler(hpc: StarClient, relay: Relay, page: FramePage) -> None:
    page.greet(relay)
    page.tell(relay, "frames", call("/sample/wait"))
    hpc.event("waiting")
    page.tell(relay, "frames", Cancel(7))
    hpc.event("cancelled")


def test_events_are_pushed_several_in_one_message(hpc: StarClient, relay: Relay, page: FramePage) -> None:
    page.greet(relay)
    page.frame(Events)  # where it stands
    hpc.call("POST", "/sample/notify", {"count": 500})
    numbers: list[int] = []
    messages = 0
    while len(numbers) < 500:
        _, buffers = page.wait("frames")
        messages += 1
        for frame in map(decode, buffers):
            if isinstance(frame, Events):
                numbers += [msgspec.json.decode(event.data)["number"] for event in frame.events]
    assert numbers == list(range(500))
    assert messages < 100


def test_two_pages_of_one_kernel_have_a_connection_each(hpc: StarClient, relay: Relay, page: FramePage) -> None:
    page.greet(relay)
    page.frame(Topology)
    page.tell(relay, "hang-up")
    other = FramePage("p2")
    second = Relay(hpc.bridge, other.send)
    other.greet(second)
    other.frame(Topology)
    wait_until(lambda: relay.pages == [], "the first page has hung up")
    assert second.pages == ["p2"]
    second.close()


def test_ping_is_answered_for_a_page_that_a_running_cell_holds_up(
    hpc: StarClient, page: FramePage, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = Wire()
    monkeypatch.setattr(hpc.bridge.aio, "_dial", pair.dial)
    relay = Relay(hpc.bridge, page.send)
    page.tell(relay, "dial")
    page.wait("open")
    hpc.run(pair.push(encode(Ping(4.5))))
    assert page.frame(Ping).time == 4.5
    wait_until(lambda: pair.sent, "the kernel answers")
    assert decode(pair.sent[0]) == Pong(4.5)
    relay.close()
    wait_until(lambda: pair.closed, "the socket is closed")


def test_page_that_hangs_up_is_heard_to_its_last_word(hpc: StarClient, page: FramePage, monkeypatch: Any) -> None:
    pair = Wire()
    monkeypatch.setattr(hpc.bridge.aio, "_dial", pair.dial)
    relay = Relay(hpc.bridge, page.send)
    page.tell(relay, "dial")
    page.wait("open")
    page.tell(relay, "frames", Bye("the page was closed", retry=False))
    page.tell(relay, "hang-up")
    wait_until(lambda: pair.closed, "the socket is closed")
    assert decode(pair.sent[0]) == Bye("the page was closed", retry=False)
    relay.close()


def test_bridge_that_goes_away_is_said_and_can_be_dialled_again(
    hpc: StarClient, relay: Relay, page: FramePage, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.greet(relay)
    page.frame(Topology)
    for session in list(hpc.star.hub.clients):
        if session is not hpc.bridge.aio._link:
            hpc.run(ended(session))
    content, _ = page.wait("closed")
    assert content["reason"]
    assert relay.pages == []

    async def away(self: AsyncBridgeClient) -> Transport:
        raise BridgeConnectionError("no connection to the bridge")

    with monkeypatch.context() as patch:
        patch.setattr(type(hpc.bridge.aio), "_dial", away)
        page.tell(relay, "dial")
        assert page.wait("closed")[0]["reason"] == "no connection to the bridge"
    page.greet(relay)
    page.frame(Topology)


async def ended(link: Any) -> None:
    link.down("the bridge was stopped")


def test_page_is_told_that_a_token_is_no_longer_good(
    hpc: StarClient, relay: Relay, page: FramePage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(self: AsyncBridgeClient) -> Transport:
        raise UnauthenticatedError("the token was revoked")

    monkeypatch.setattr(type(hpc.bridge.aio), "_dial", refused)
    page.tell(relay, "dial")
    assert page.frame(Bye) == Bye("the token was revoked", retry=False, code="unauthenticated")


def test_page_that_the_kernel_does_not_know_is_told_to_dial(relay: Relay, page: FramePage) -> None:
    page.tell(relay, "frames", Ping(1.0))
    assert "no connection for this page" in page.wait("closed")[0]["reason"]


@pytest.mark.parametrize("content", [None, "dial", {}, {"orbit": "dial"}, {"orbit": "dial", "page": 3}])
def test_messages_that_are_none_are_left_alone(relay: Relay, content: Any) -> None:
    relay.take(content, [])
    assert relay.pages == []


def test_closing_ends_every_connection(hpc: StarClient, page: FramePage) -> None:
    relay = Relay(hpc.bridge, page.send)
    page.greet(relay)
    page.frame(Topology)
    clients = len(hpc.star.hub.clients)
    relay.close()
    wait_until(lambda: len(hpc.star.hub.clients) < clients, "the connection has ended")
    assert relay.pages == []


def test_renderer_comes_in_pieces_where_the_page_has_none(
    relay: Relay, page: FramePage, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = b"//" + b"x" * 700_000
    (tmp_path / "orbit-ui.js").write_bytes(b'import"./orbit-AB12.js";export{a}from"./orbit-CD34.js"')
    (tmp_path / "orbit-AB12.js").write_bytes(long)
    (tmp_path / "orbit-CD34.js").write_bytes(b'const later=()=>import("./orbit-AB12.js")')
    (tmp_path / "orbit-OLD1.js").write_bytes(b"of an older build")
    monkeypatch.setattr("orbit_jupyter_widgets.comm.STATIC", tmp_path)
    page.tell(relay, "files")
    got: dict[str, bytes] = {}
    last = False
    while not last:
        content, buffers = page.wait("file")
        assert len(buffers[0]) <= 512 * 2**10
        got[content["name"]] = got.get(content["name"], b"") + buffers[0]
        last = content["last"]
    assert got == renderer_files()
    assert got["orbit-AB12.js"] == long
    assert "orbit-OLD1.js" not in got


def test_renderer_that_is_not_built_is_said(
    relay: Relay, page: FramePage, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orbit_jupyter_widgets.comm.STATIC", tmp_path)
    page.tell(relay, "files")
    assert "isn't built" in page.wait("file")[0]["error"]


class Wire:
    """A transport whose far end is the test."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed = False

    async def dial(self) -> Transport:
        self._near, self._far = memory_pair()
        self._reader = asyncio.ensure_future(self._read())
        return self._near

    async def _read(self) -> None:
        try:
            while True:
                self.sent.append(await self._far.receive())
        except TransportClosedError:
            self.closed = True

    async def push(self, data: bytes) -> None:
        """Send the kernel a message."""
        await self._far.send(data)
