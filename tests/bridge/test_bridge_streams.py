"""Bodies of any size through a real bridge: over HTTP and from the SDK, one way and both at once."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from bridge_stage import Bridge, Peer, Start
from stream_plugin import pattern

from orbit_jupyter.bridge.handlers import ProxyHandler
from orbit_jupyter.bridge.outcomes import Outcome
from orbit_jupyter.client import aio
from orbit_jupyter.client.exchange import TWO_WAY
from orbit_jupyter.link import Answer, Onward
from orbit_jupyter.protocol import (
    CHUNK,
    WINDOW,
    Call,
    CallCancelledError,
    Cancel,
    Data,
    OrbitError,
    PluginError,
    PluginInfo,
    Reply,
    TooLargeError,
)

SIZE = 24 * 2**20 + 17
BODY = pattern(SIZE)
DIGEST = hashlib.blake2b(BODY).hexdigest()

Streaming = Callable[[], Awaitable[None]]
DialPeer = Callable[..., Awaitable[Peer]]


@pytest.fixture
def streaming(start_endpoint: Start) -> Streaming:
    async def start() -> None:
        await start_endpoint("hpc1", ("stream_plugin:StreamPlugin",))

    return start


async def made(bridge: Bridge) -> dict[str, Any]:
    async with bridge.http() as http:
        answer: dict[str, Any] = (await http.get("/hpc1/stream/made")).json()
        return answer


async def ended(bridge: Bridge, handlers: list[str]) -> None:
    """Wait until these handlers have given back what they hold."""
    for _ in range(500):
        if (await made(bridge))["ended"] == handlers:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(await made(bridge))


def head(bridge: Bridge, method: str, path: str, *headers: str) -> bytes:
    """Return a request as it goes over the wire, without its body."""
    url = httpx.URL(bridge.url)
    lines = [f"{method} {url.raw_path.decode()}{path} HTTP/1.1", f"Host: {url.netloc.decode()}"]
    return "\r\n".join([*lines, f"Authorization: token {bridge.token}", *headers, "", ""]).encode()


async def iter_bytes(body: bytes) -> AsyncIterator[bytes]:
    for offset in range(0, len(body), 50_000):
        yield body[offset : offset + 50_000]


async def pieces(size: int = 100_000) -> AsyncIterator[bytes]:
    for offset in range(0, SIZE, size):
        yield BODY[offset : offset + size]


@pytest.mark.parametrize("length_is_known", [True, False])
async def test_an_upload_of_any_size_streams_to_its_handler(
    bridge: Bridge, streaming: Streaming, length_is_known: bool
) -> None:
    await streaming()
    async with bridge.http() as http:
        answer = await http.put("/hpc1/stream/digest", content=BODY if length_is_known else pieces())
    said = answer.json()
    assert (answer.status_code, said["size"], said["digest"]) == (200, SIZE, DIGEST)
    assert said["largest"] <= CHUNK
    assert said["length"] == (str(SIZE) if length_is_known else None)


@pytest.mark.parametrize("route", ["make", "named"])
async def test_a_download_of_any_size_streams_to_its_client(
    bridge: Bridge, streaming: Streaming, route: str
) -> None:
    await streaming()
    async with bridge.http() as http:
        answer = await http.get(f"/hpc1/stream/{route}/{SIZE}")
    assert hashlib.blake2b(answer.content).hexdigest() == DIGEST
    assert answer.headers.get("content-length") == (str(SIZE) if route == "named" else None)
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_slow_download_holds_its_maker_up_and_nobody_else(bridge: Bridge, streaming: Streaming) -> None:
    await streaming()
    huge = 2**30
    async with bridge.http() as http, http.stream("GET", f"/hpc1/stream/make/{huge}") as answer:
        body: Any = answer.aiter_raw(1000)
        await body.__anext__()
        before = await made(bridge)
        while (now := await made(bridge)) != before:
            before = now
            await asyncio.sleep(0.05)
        # What is under way: one window, and what the sockets on the way hold.
        assert now["made"] < WINDOW + 32 * 2**20
        await body.aclose()
    await ended(bridge, ["make"])


async def test_a_client_that_goes_in_the_middle_of_a_download_ends_its_handler(
    bridge: Bridge, streaming: Streaming
) -> None:
    await streaming()
    reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(bridge.url).port)
    writer.write(head(bridge, "GET", f"/hpc1/stream/make/{2**30}"))
    await reader.read(100_000)
    writer.close()
    await writer.wait_closed()
    await ended(bridge, ["make"])


async def test_an_answer_that_breaks_off_is_no_complete_answer(bridge: Bridge, streaming: Streaming) -> None:
    await streaming()
    async with bridge.http() as http:
        with pytest.raises(httpx.RemoteProtocolError):
            await http.get("/hpc1/stream/break/100000")
        assert (await http.get("/hpc1/stream/version")).status_code == 200


async def test_an_upload_is_refused_while_it_still_comes(bridge: Bridge, streaming: Streaming) -> None:
    await streaming()
    reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(bridge.url).port)
    writer.write(head(bridge, "PUT", "/hpc1/stream/refuse", f"Content-Length: {2**40}") + bytes(200_000))
    answer = await asyncio.wait_for(reader.read(65536), 20)
    assert b" 409 " in answer.partition(b"\r\n")[0]
    writer.close()
    await writer.wait_closed()


async def test_too_long_an_upload_is_413_before_its_body_is_sent(bridge: Bridge, streaming: Streaming) -> None:
    await streaming()
    bridge.extension.max_upload = 2**20
    reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(bridge.url).port)
    said = (f"Content-Length: {2**20 + 1}", "Expect: 100-continue")
    writer.write(head(bridge, "PUT", "/hpc1/stream/digest", *said))
    assert b" 413 " in await asyncio.wait_for(reader.readline(), 20)
    writer.close()
    await writer.wait_closed()
    async with bridge.http() as http:
        chunked = await http.put("/hpc1/stream/digest", content=iter_bytes(BODY[: 4 * 2**20]))
    assert (chunked.status_code, chunked.json()["code"]) == (413, TooLargeError.code)


@pytest.mark.parametrize("path", ["/hpc1/stream/digest", "/none/stream/digest"])
async def test_an_upload_without_a_login_is_refused_before_its_body(
    bridge: Bridge, streaming: Streaming, path: str
) -> None:
    await streaming()
    async with httpx.AsyncClient() as http:
        answer = await http.put(f"{bridge.url}{path}", content=BODY[: 2**20])
    assert answer.status_code in (401, 403)


async def test_an_upload_to_nobody_is_404(bridge: Bridge) -> None:
    async with bridge.http() as http:
        answer = await http.put("/none/stream/digest", content=BODY[: 2**20])
    assert (answer.status_code, answer.json()["code"]) == (404, "endpoint-not-found")


async def test_the_sdk_sends_files_iterators_and_bytes(bridge: Bridge, streaming: Streaming) -> None:
    await streaming()
    bodies: list[Any] = [BODY, io.BytesIO(BODY), [BODY[:5], BODY[5:]], pieces(), iter([BODY])]
    async with aio.AsyncBridgeClient(bridge.url, token=bridge.token) as client:
        for body in bodies:
            async with client["hpc1"].exchange("PUT", "/stream/digest", body=body) as answer:
                assert (await answer.json())["digest"] == DIGEST


async def test_the_sdk_reads_as_it_comes_and_cancels_when_it_leaves(bridge: Bridge, streaming: Streaming) -> None:
    await streaming()
    async with aio.AsyncBridgeClient(bridge.url, token=bridge.token) as client:
        digest, size = hashlib.blake2b(), 0
        async with client["hpc1"].exchange("GET", f"/stream/make/{SIZE}") as answer:
            assert (answer.status, answer.headers["content-type"]) == (200, "application/octet-stream")
            async for piece in answer:
                digest.update(piece)
                size += len(piece)
        assert (size, digest.hexdigest()) == (SIZE, DIGEST)
        async with client["hpc1"].exchange("GET", f"/stream/make/{2**40}") as answer:
            async for piece in answer:
                assert piece
                break
        await ended(bridge, ["make", "make"])


async def test_a_call_carries_data_both_ways_at_once(bridge: Bridge, streaming: Streaming) -> None:
    await streaming()
    async with (
        aio.AsyncBridgeClient(bridge.url, token=bridge.token) as client,
        client["hpc1"].exchange("POST", "/stream/upper", body=TWO_WAY) as talk,
    ):
        answers = talk.__aiter__()
        for word in (b"one", b"two", b"three"):
            await talk.write(word)
            assert await asyncio.wait_for(answers.__anext__(), 20) == word.upper()
        await talk.end()
        assert await talk.read() == b""
        with pytest.raises(CallCancelledError):
            await talk.write(b"after the end")


async def test_errors_of_a_stream_are_raised_where_they_are_noticed(bridge: Bridge, streaming: Streaming) -> None:
    await streaming()
    async with aio.AsyncBridgeClient(bridge.url, token=bridge.token) as client:
        hpc = client["hpc1"]
        with pytest.raises(OrbitError, match="one already"):
            async with hpc.exchange("PUT", "/stream/refuse", body=pieces()):
                pass
        with pytest.raises(PluginError, match="the disk is gone"):
            async with hpc.exchange("GET", "/stream/break/1000") as answer:
                await answer.read()

        async def unreadable() -> AsyncIterator[bytes]:
            yield b"some"
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            async with hpc.exchange("PUT", "/stream/digest", body=unreadable()):
                pass
        async with hpc.exchange("GET", "/stream/version") as answer:
            assert "version" in await answer.json()


async def test_a_handler_that_knows_no_streams_gets_a_long_body_whole_and_answers_with_one(
    bridge: Bridge, streaming: Streaming
) -> None:
    await streaming()
    async with bridge.http() as http:
        answer = await http.post("/hpc1/stream/whole", content=BODY)
        assert answer.content == BODY
        too_long = await http.post("/hpc1/stream/whole", content=bytes(64 * 2**20 + 1))
        assert (too_long.status_code, too_long.json()["code"]) == (413, TooLargeError.code)
        assert (await http.get("/hpc1/stream/version")).status_code == 200


class Spoken:
    """An HTTP connection, byte by byte."""

    def __init__(self, bridge: Bridge) -> None:
        self.bridge = bridge
        self.came = b""

    async def __aenter__(self) -> Spoken:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", httpx.URL(self.bridge.url).port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()

    async def ask(self, method: str, path: str, *headers: str) -> None:
        self.writer.write(head(self.bridge, method, path, *headers))

    async def until(self, text: bytes) -> None:
        while text not in self.came:
            more = await asyncio.wait_for(self.reader.read(65536), 20)
            assert more, self.came
            self.came += more


@pytest.fixture
def answering(dial_peer: DialPeer, bridge: Bridge) -> Callable[..., Awaitable[list[Any]]]:
    """Have an endpoint that answers each call with these frames; what it hears further is in the list."""

    async def answering(*frames: Reply | Data) -> list[Any]:
        peer = await dial_peer(plugins={"p": PluginInfo(type="p", namespace="")})
        heard: list[Any] = []

        def on_call(call: Call, answer: Answer) -> Onward:
            heard.append(call)
            for frame in frames:
                answer(frame)
            return heard.append

        peer.serve(on_call)
        await bridge.until(lambda: bridge.extension.hub.registry.get("evil") is not None)
        return heard

    return answering


async def told_to_stop(heard: list[Any]) -> None:
    for _ in range(500):
        if any(isinstance(frame, Cancel) for frame in heard):
            return
        await asyncio.sleep(0.02)
    raise AssertionError(heard)


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_without_a_body_has_none_whatever_its_endpoint_sends(
    bridge: Bridge, answering: Callable[..., Awaitable[list[Any]]], status: int
) -> None:
    # It would be taken for the answer to the next request on that connection.
    forged = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
    heard = await answering(Reply(0, status, {"content-length": str(len(forged))}, more=True), Data(0, forged))
    async with Spoken(bridge) as spoken:
        await spoken.ask("GET", "/evil/p/x")
        await spoken.until(b"\r\n\r\n")
        await spoken.ask("GET", "/none/p/x")
        await spoken.until(b"endpoint-not-found")
    assert spoken.came.startswith(b"HTTP/1.1 %d " % status)
    assert b"forged" not in spoken.came
    await told_to_stop(heard)


@pytest.mark.parametrize(
    "headers",
    [
        {"x-orbit-a\r\nset-cookie: x": "1"},
        {"x-orbit-a: b": "1"},
        {"x-orbit-a": "€"},
        {"content-length": "٣"},
        {"content-length": "9" * 5000},
    ],
)
async def test_a_header_that_http_cannot_carry_is_left_out_of_a_streamed_answer(
    bridge: Bridge, answering: Callable[..., Awaitable[list[Any]]], headers: dict[str, str]
) -> None:
    await answering(Reply(0, 200, headers, more=True), Data(0, b"abc", end=True))
    async with bridge.http() as http:
        answer = await http.get("/evil/p/x")
    assert (answer.status_code, answer.content) == (200, b"abc")
    assert not [name for name in answer.headers if name.startswith("x-orbit-a")]
    assert "content-length" not in answer.headers


@pytest.mark.parametrize("said", [3, 2000])
async def test_an_answer_that_is_not_as_long_as_it_says_is_no_complete_answer(
    bridge: Bridge, answering: Callable[..., Awaitable[list[Any]]], said: int
) -> None:
    pieces = [Data(0, bytes(500)), Data(0, bytes(500), end=said > 1000)]
    heard = await answering(Reply(0, 200, {"content-length": str(said)}, more=True), *pieces)
    async with bridge.http() as http:
        with pytest.raises(httpx.RemoteProtocolError):
            await http.get("/evil/p/x")
    if said < 1000:
        await told_to_stop(heard)


async def test_head_has_the_headers_of_get(bridge: Bridge, answering: Callable[..., Awaitable[list[Any]]]) -> None:
    await answering(Reply(0, 200, {"etag": '"a"'}, b"hello"))
    async with bridge.http() as http:
        answer, without = await http.get("/evil/p/x"), await http.head("/evil/p/x")
    assert (answer.headers["etag"], answer.headers["content-length"]) == ('"a"', "5")
    assert (without.headers["etag"], without.headers["content-length"], without.content) == ('"a"', "5", b"")


async def test_head_of_a_stream_says_no_length_that_it_does_not_have(bridge: Bridge, streaming: Streaming) -> None:
    await streaming()
    async with bridge.http() as http:
        assert "content-length" not in (await http.head("/hpc1/stream/make/1000")).headers
        assert (await http.head("/hpc1/stream/named/1000")).headers["content-length"] == "1000"
        assert (await http.get("/hpc1/stream/version")).status_code == 200


async def test_over_http_too_data_goes_both_ways_at_once(bridge: Bridge, streaming: Streaming) -> None:
    await streaming()
    async with Spoken(bridge) as spoken:
        await spoken.ask("POST", "/hpc1/stream/upper", "Transfer-Encoding: chunked")
        for word in (b"one", b"two", b"three"):
            spoken.writer.write(b"%x\r\n%b\r\n" % (len(word), word))
            await spoken.until(word.upper())
        spoken.writer.write(b"0\r\n\r\n")
        await spoken.until(b"\r\n0\r\n\r\n")
        await spoken.ask("GET", "/hpc1/stream/version")
        await spoken.until(b'"version"')
    long = b"abcdefgh" * (3 * WINDOW // 8)
    async with bridge.http() as http:
        assert (await http.post("/hpc1/stream/upper", content=long)).content == long.upper()


async def test_a_client_that_goes_in_the_middle_of_an_upload_ends_its_handler(
    bridge: Bridge, streaming: Streaming
) -> None:
    await streaming()
    async with Spoken(bridge) as spoken:
        await spoken.ask("POST", "/hpc1/stream/upper", f"Content-Length: {2**30}")
        spoken.writer.write(bytes(2 * CHUNK))
        await spoken.until(b"\r\n\r\n")
    await ended(bridge, ["upper"])


async def test_a_client_that_goes_while_it_is_looked_at_leaves_no_call(
    bridge: Bridge, answering: Callable[..., Awaitable[list[Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = await answering()
    asked, gone = asyncio.Event(), asyncio.Event()
    allowed, hung_up = ProxyHandler._allowed, ProxyHandler.on_connection_close

    async def slowly(self: ProxyHandler, user: Any, action: str) -> bool:
        asked.set()
        await asyncio.wait_for(gone.wait(), 20)
        return await allowed(self, user, action)

    def note(self: ProxyHandler) -> None:
        hung_up(self)
        gone.set()

    monkeypatch.setattr(ProxyHandler, "_allowed", slowly)
    monkeypatch.setattr(ProxyHandler, "on_connection_close", note)
    async with Spoken(bridge) as spoken:
        await spoken.ask("GET", "/evil/p/x")
        await asyncio.wait_for(asked.wait(), 20)
    await told_to_stop(heard)


async def test_a_stream_to_a_client_of_http_1_0_ends_with_its_connection(
    bridge: Bridge, streaming: Streaming
) -> None:
    await streaming()
    async with Spoken(bridge) as spoken:
        asked = head(bridge, "GET", "/hpc1/stream/make/1000", "Connection: keep-alive")
        spoken.writer.write(asked.replace(b"HTTP/1.1", b"HTTP/1.0"))
        came = await asyncio.wait_for(spoken.reader.read(), 20)
    assert came.endswith(b"\r\n\r\n" + pattern(1000))


@pytest.mark.parametrize("jupyter_asks", [True, False])
async def test_an_upload_without_a_login_is_refused_before_its_body_and_begins_no_call(
    bridge: Bridge, streaming: Streaming, jupyter_asks: bool
) -> None:
    await streaming()
    assert bridge.extension.serverapp is not None
    bridge.extension.serverapp.web_app.settings["allow_unauthenticated_access"] = not jupyter_asks
    bridge.extension.max_upload = 2**20  # which is nothing to those who aren't logged in
    calls: list[Any] = []
    bridge.extension.hub.observers.append(calls.append)
    async with Spoken(bridge) as spoken:
        forged = ("Cookie: _xsrf=00ff", "X-XSRFToken: 00ff")  # anybody can have such a pair
        asked = head(bridge, "PUT", "/hpc1/stream/digest", f"Content-Length: {2**30}", *forged)
        spoken.writer.write(asked.replace(b"Authorization", b"X-Nothing"))
        await spoken.until(b"\r\n\r\n")  # nothing of the body was sent
    assert spoken.came.startswith(b"HTTP/1.1 403 " if jupyter_asks else b"HTTP/1.1 401 ")
    async with bridge.http() as http:
        assert (await http.get("/hpc1/stream/version")).status_code == 200
    assert [outcome.path for outcome in calls] == ["/stream/version"]


async def test_the_record_of_a_streamed_call_has_the_bytes_of_both_bodies(
    bridge: Bridge, streaming: Streaming
) -> None:
    await streaming()
    seen: list[Outcome] = []
    bridge.extension.hub.observers.append(seen.append)
    async with bridge.http() as http:
        await http.put("/hpc1/stream/digest", content=BODY[: 2**20])
        await http.get(f"/hpc1/stream/make/{2**20}")
    assert [(one.status, one.request_bytes) for one in seen] == [(200, 2**20), (200, 0)]
    assert seen[1].reply_bytes == 2**20
