"""Dialling in: welcomed, refused for good, or to be tried again."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

import pytest
import trustme
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from orbit_jupyter.link import (
    Address,
    Redials,
    Refused,
    Transport,
    TransportClosedError,
    dial_for_ever,
    dial_once,
    memory_pair,
)
from orbit_jupyter.link.dial import greet
from orbit_jupyter.link.websocket import WebSocketTransport, dial
from orbit_jupyter.protocol import (
    BridgeConnectionError,
    Bye,
    ConflictError,
    ForbiddenError,
    Hello,
    OrbitError,
    Ping,
    ProtocolError,
    UnauthenticatedError,
    Welcome,
    decode,
    encode,
)

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("no_proxy")]

HELLO = Hello("endpoint", "hpc1", "b00t")
WELCOME = Welcome(1, "bridge-1", "b00t", user="ada")

Handler = Callable[[ServerConnection], Awaitable[None]]


def hello() -> Hello:
    return HELLO


async def welcoming(connection: ServerConnection) -> None:
    message = await connection.recv()
    assert isinstance(message, bytes)
    assert decode(message) == HELLO
    await connection.send(encode(WELCOME))
    await connection.wait_closed()


@asynccontextmanager
async def bridge(
    handler: Handler = welcoming, status: int | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[Address, list[Request]]]:
    """Serve at a free port; with a status, answer it to every handshake."""
    requests: list[Request] = []

    def on_request(connection: ServerConnection, request: Request) -> Response | None:
        requests.append(request)
        return connection.respond(HTTPStatus(status), "no\n") if status is not None else None

    async with serve(
        handler, "127.0.0.1", 0, process_request=on_request, ssl=tls, close_timeout=1, max_size=None
    ) as server:
        port = server.sockets[0].getsockname()[1]
        scheme = "https" if tls else "http"
        yield Address(f"{scheme}://127.0.0.1:{port}/orbit", "t0ken", "the argument"), requests


async def test_welcome_is_returned_with_the_open_transport() -> None:
    async with bridge() as (address, requests):
        transport, welcome = await dial_once(lambda: dial(address, "register"), hello)
        assert welcome == WELCOME
        await transport.close()
    (request,) = requests
    assert request.path == "/orbit/register"
    assert request.headers["Authorization"] == "Basic " + base64.b64encode(b"orbit:t0ken").decode()


@pytest.mark.parametrize(
    ("status", "kind", "transient", "text"),
    [
        (401, UnauthenticatedError, False, r"doesn't know this token \(from the argument\)"),
        (403, ForbiddenError, False, r"refuses this token \(from the argument\)"),
        (404, BridgeConnectionError, True, "there is no Orbit bridge at"),
        (500, BridgeConnectionError, True, "answers 500"),
        (503, BridgeConnectionError, True, "answers 503"),
        (200, BridgeConnectionError, True, "answers 200"),
    ],
)
async def test_status_that_a_bridge_answers_the_handshake_with_is_a_typed_error(
    status: int, kind: type[OrbitError], transient: bool, text: str
) -> None:
    async with bridge(status=status) as (address, _):
        with pytest.raises(kind, match=text) as caught:
            await dial(address, "register")
    assert type(caught.value) is kind
    assert caught.value.transient is transient
    assert "t0ken" not in caught.value.message


async def test_nobody_listening_is_transient() -> None:
    async with bridge() as (address, _):
        pass
    with pytest.raises(BridgeConnectionError, match="no connection to the bridge at") as caught:
        await dial(address, "register")
    assert caught.value.transient


async def test_what_speaks_no_http_is_transient() -> None:
    async def on_connection(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.6\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(on_connection, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(BridgeConnectionError) as caught:
            await dial(Address(f"http://127.0.0.1:{port}"), "register")
    assert caught.value.transient


async def test_server_that_never_answers_the_handshake_is_given_up() -> None:
    ended = asyncio.Event()

    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        ended.set()

    server = await asyncio.start_server(on_connection, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(BridgeConnectionError, match="timed out") as caught:
            await dial(Address(f"http://127.0.0.1:{port}"), "register", timeout=0.05)
        await ended.wait()
    assert caught.value.transient


# -- the greeting -------------------------------------------------------------------------------------------------


async def greeted_with(answer: bytes) -> Welcome:
    left, right = memory_pair()
    await right.send(answer)
    return await greet(left, HELLO)


async def test_greeting_says_hello_and_returns_the_welcome() -> None:
    left, right = memory_pair()
    await right.send(encode(WELCOME))
    assert await greet(left, HELLO) == WELCOME
    assert decode(await right.receive()) == HELLO


@pytest.mark.parametrize(
    ("bye", "kind"),
    [
        (Bye("held by another", retry=False, code="conflict"), ConflictError),
        (Bye("not your name", retry=False, code="forbidden"), ForbiddenError),
        (Bye("too old", retry=False, code="protocol-error"), ProtocolError),
        (Bye("no", retry=False), OrbitError),
        (Bye("no", retry=False, code="from-a-newer-release"), OrbitError),
    ],
)
async def test_bye_that_says_not_to_come_back_is_a_refusal_with_its_reason(
    bye: Bye, kind: type[OrbitError]
) -> None:
    with pytest.raises(Refused, match=bye.reason) as caught:
        await greeted_with(encode(bye))
    assert type(caught.value.error) is kind
    assert caught.value.error.status == kind.default_status


@pytest.mark.parametrize("code", ["", "overloaded", "conflict"])
async def test_bye_that_says_to_come_back_is_transient(code: str) -> None:
    with pytest.raises(BridgeConnectionError, match="restarting") as caught:
        await greeted_with(encode(Bye("restarting", retry=True, code=code)))
    assert caught.value.transient


@pytest.mark.parametrize("answer", [b"", b"\xc1\xff", b"HTTP/1.1 200 OK", encode(WELCOME)[:-1]])
async def test_garbage_in_answer_to_the_greeting_is_no_bridge(answer: bytes) -> None:
    with pytest.raises(BridgeConnectionError, match="isn't a bridge") as caught:
        await greeted_with(answer)
    assert caught.value.transient


async def test_other_frame_in_answer_to_the_greeting_is_named() -> None:
    with pytest.raises(BridgeConnectionError, match="with Ping"):
        await greeted_with(encode(Ping(1.0)))


async def test_bridge_that_hangs_up_on_the_greeting_is_transient() -> None:
    left, right = memory_pair()
    await right.close(reason="restarting")
    with pytest.raises(BridgeConnectionError, match="didn't answer the greeting: restarting") as caught:
        await greet(left, HELLO)
    assert caught.value.transient


async def test_bridge_that_never_answers_the_greeting_is_given_up_and_says_so() -> None:
    left, _right = memory_pair()
    with pytest.raises(BridgeConnectionError, match="timed out"):
        await greet(left, HELLO, timeout=0.01)


@pytest.mark.parametrize(
    "answer", [encode(Bye("no", retry=False)), encode(Bye("later")), b"\xc1", encode(Ping(1.0))]
)
async def test_transport_is_closed_where_the_greeting_fails(answer: bytes) -> None:
    left, right = memory_pair()
    await right.send(answer)

    async def connect() -> Transport:
        return left

    with pytest.raises((Refused, OrbitError)):
        await dial_once(connect, hello)
    await right.receive()
    with pytest.raises(TransportClosedError):
        await right.receive()


# -- again and again ----------------------------------------------------------------------------------------------


class Tries:
    """Connects with one outcome after another: an error, or what the bridge says to the greeting."""

    def __init__(self, *outcomes: Exception | Bye | Welcome) -> None:
        self.outcomes = list(outcomes)
        self.hellos = 0

    async def connect(self) -> Transport:
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        left, right = memory_pair()
        await right.send(encode(outcome))
        return left

    def hello(self) -> Hello:
        self.hellos += 1
        return HELLO

    async def dial(self) -> Welcome:
        return (await dial_for_ever(self.connect, self.hello, first=0.001, longest=0.002))[1]


async def test_what_is_transient_is_tried_again_until_a_bridge_welcomes_us() -> None:
    tries = Tries(
        *(BridgeConnectionError("down") for _ in range(12)),
        Bye("starting"),
        BridgeConnectionError("down"),
        WELCOME,
    )
    assert await tries.dial() == WELCOME
    assert tries.hellos == 2  # a new one for each greeting, since what was last seen changes


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (Bye("held", retry=False, code="conflict"), Refused),
        (UnauthenticatedError("revoked"), UnauthenticatedError),
        (ForbiddenError("not yours"), ForbiddenError),
        (BridgeConnectionError("not trusted", transient=False), BridgeConnectionError),
        (KeyError("a bug"), KeyError),
    ],
)
async def test_what_is_final_ends_the_tries(outcome: Exception | Bye, kind: type[Exception]) -> None:
    tries = Tries(BridgeConnectionError("down"), outcome, WELCOME)
    with pytest.raises(kind):
        await tries.dial()
    assert tries.outcomes == [WELCOME]


async def test_log_isn_t_filled_by_a_bridge_that_is_away_for_long(caplog: pytest.LogCaptureFixture) -> None:
    tries = Tries(*(BridgeConnectionError("down") for _ in range(30)), WELCOME)
    await tries.dial()
    assert [record.getMessage().split(";")[0] for record in caplog.records] == ["down"] * 8


# -- what carries it ----------------------------------------------------------------------------------------------


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[WebSocketTransport, ServerConnection]]:
    arrived: asyncio.Future[ServerConnection] = asyncio.get_running_loop().create_future()

    async def handler(connection: ServerConnection) -> None:
        arrived.set_result(connection)
        await connection.wait_closed()

    async with bridge(handler) as (address, _):
        transport = await dial(address, "client")
        yield transport, await arrived
        await transport.close()


async def test_close_code_and_reason_of_the_far_side_are_kept() -> None:
    async with connected() as (transport, connection):
        await connection.close(4001, "taken over")
        with pytest.raises(TransportClosedError, match="taken over") as caught:
            await transport.receive()
        assert caught.value.code == 4001
        with pytest.raises(TransportClosedError, match="taken over"):
            await transport.send(b"x")
        await transport.close()


async def test_connection_that_is_cut_is_lost() -> None:
    async with connected() as (transport, connection):
        connection.transport.abort()
        with pytest.raises(TransportClosedError, match="was lost") as caught:
            await transport.receive()
        assert caught.value.code == 1006


@pytest.mark.parametrize(
    "reason",
    [
        "x" * 500,
        "ü" * 500,
    ],
)
async def test_reason_that_is_too_long_for_a_close_frame_is_cut(reason: str) -> None:
    async with connected() as (transport, connection):
        await transport.close(1000, reason)
        await connection.wait_closed()
        assert connection.close_reason
        assert reason.startswith(connection.close_reason)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Return the folder of a certificate for 127.0.0.1 whose signer nobody knows."""
    issued = trustme.CA().issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    return tmp_path


async def test_certificate_is_trusted_where_it_is_pinned_and_else_refused_for_good(certificate: Path) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    async with bridge(tls=tls) as (address, _):
        with pytest.raises(BridgeConnectionError, match="isn't trusted") as caught:
            await dial(address, "register")
        assert not caught.value.transient
        pinned = Address(address.url, address.token, cert=str(certificate / "cert.pem"))
        transport, welcome = await dial_once(lambda: dial(pinned, "register"), hello)
        assert welcome == WELCOME
        await transport.close()


async def test_proxy_that_is_no_proxy_is_a_connection_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "nonsense://x")
    with pytest.raises(BridgeConnectionError):
        await dial(Address("http://bridge.example:8888/orbit"), "register")


async def test_connections_that_break_at_once_are_dialled_less_and_less(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("orbit_jupyter.link.dial.asyncio.sleep", sleep)
    monkeypatch.setattr("orbit_jupyter.link.dial.random.uniform", lambda _low, high: high)
    redials = Redials(first=0.5, longest=8.0, lasting=60)
    for _ in range(7):
        redials.begin()
        await redials.wait()
    assert waits == [2.0, 4.0, 8.0, 8.0, 8.0, 8.0]
    lasting = Redials(lasting=0.0)
    for _ in range(3):
        lasting.begin()
        await lasting.wait()
    assert len(waits) == 6
