"""Bytes and frames that no honest peer would send, at every door: nothing falls over, and others don't notice."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stage import Server, endpoint
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from orbit_jupyter.client import BridgeClient, aio
from orbit_jupyter.link import Limits, Link, Transport, memory_pair
from orbit_jupyter.protocol import (
    Ack,
    AnyFrame,
    Bye,
    Call,
    Cancel,
    Credit,
    Data,
    EndpointInfo,
    Event,
    Events,
    Fail,
    Hello,
    Listeners,
    OrbitError,
    PluginInfo,
    Plugins,
    Principal,
    Reply,
    Subscribe,
    Topology,
    Welcome,
    decode,
    encode,
)
from orbit_jupyter.protocol.frames import HostFacts, Ping, Pong, Seen

EXAMPLES = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
)

# Few different ids, so that they meet; and those that don't fit somewhere on the way.
numbers = st.one_of(
    st.integers(-2, 6), st.sampled_from([2**31, 2**53, 2**63 - 1, 2**63, 2**64 - 1, -(2**31), -(2**63)])
)
texts = st.one_of(st.sampled_from(["", "hpc1", "sample", "GET", "POST", "/chaos/left", "/chaos/turn"]), st.text())
times = st.one_of(st.floats(), st.sampled_from([0.0, 1.0, 600.0, math.inf, -math.inf, math.nan]))
bodies = st.one_of(st.binary(max_size=100), st.sampled_from([bytes(2**18), bytes(2**20 + 1)]))
words = st.dictionaries(texts, texts, max_size=3)
anything = st.recursive(
    st.none() | st.booleans() | numbers | times | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
infos = st.builds(PluginInfo, texts, texts, ui_config=st.dictionaries(st.text(), anything, max_size=3))
events = st.builds(
    Event, texts, texts, st.one_of(st.just(b"{}"), st.binary(max_size=50)), texts, texts, times, st.booleans()
)
frames: st.SearchStrategy[AnyFrame] = st.one_of(
    st.builds(
        Call, numbers, texts, texts, texts, texts, words, st.none() | st.builds(Principal, texts), times, bodies
    ),
    st.builds(
        Call,
        numbers,
        st.just("hpc1"),
        st.just("POST"),
        st.sampled_from(["/chaos/turn", "/chaos/small/f", "/chaos/wait/0"]),
        more=st.booleans(),
        time_left=times,
        body=bodies,
    ),
    st.builds(Reply, numbers, numbers, words, bodies, st.booleans()),
    st.builds(
        Fail, numbers, texts, texts, st.booleans(), numbers, st.dictionaries(st.text(), anything, max_size=3)
    ),
    st.builds(Data, numbers, bodies, st.booleans(), st.booleans()),
    st.builds(Credit, numbers, numbers, st.booleans()),
    st.builds(Cancel, numbers, texts),
    st.builds(Events, texts, numbers, st.lists(events, max_size=3), texts, numbers, numbers),
    st.builds(Ack, texts, numbers),
    st.builds(
        Subscribe,
        numbers,
        texts,
        texts,
        texts,
        st.none() | st.dictionaries(st.sampled_from(["", "hpc1"]), st.tuples(texts, numbers), max_size=2),
    ),
    st.builds(
        Topology,
        st.dictionaries(
            texts, st.builds(EndpointInfo, st.dictionaries(st.text(), anything, max_size=3), st.just({}))
        ),
        st.lists(texts, max_size=3),
        st.booleans(),
    ),
    st.builds(Plugins, st.dictionaries(texts, infos, max_size=2)),
    st.builds(Listeners, st.lists(texts, max_size=3)),
    st.builds(Ping, times, numbers),
    st.builds(Pong, times, numbers),
    st.builds(Seen, numbers),
    st.builds(Hello, st.just("client"), texts, texts),
    st.builds(Welcome, numbers, texts, texts),
    st.builds(Bye, texts, st.booleans(), texts),
)
encoded = frames.map(encode)
tagged = st.tuples(
    st.sampled_from(["call", "data", "hello", "events", "ping", "seen", "reply", "fail", "nonsense"]),
    st.lists(anything, max_size=8),
).map(lambda tag: encode([tag[0], *tag[1]]))
messages = st.lists(st.one_of(encoded, encoded, tagged, st.binary(max_size=200)), min_size=1, max_size=12)
hellos = st.one_of(
    st.just(None),
    st.builds(
        Hello,
        st.sampled_from(["client", "endpoint", "plugin-host"]),
        st.one_of(st.just("fuzzed"), texts),
        texts,
        st.tuples(numbers, numbers),
        texts,
        numbers,
        st.lists(texts, max_size=2).map(tuple),
        st.dictionaries(texts, infos, max_size=2),
        st.just(HostFacts()),
        texts,
        numbers,
    ),
)


@pytest.fixture(scope="module")
def healthy(hpc1: Server) -> Iterator[BridgeClient]:
    """Connect a client that must not notice anything."""
    with hpc1.client() as client:
        yield client


def dialled(lab: Server, door: str) -> ClientConnection:
    token = "the-token" if door == "client" else lab.endpoint_token("fuzzed")
    return connect(
        f"{lab.url.replace('http', 'ws', 1)}/{door}",
        additional_headers={"Authorization": f"token {token}"},
        compression=None,
        max_size=None,
        close_timeout=0.1,
    )


def next_frame(socket: ClientConnection) -> AnyFrame:
    """Return what comes next; a TimeoutError is a hang."""
    data = socket.recv(10)
    assert isinstance(data, bytes)
    return decode(data)


def said_or_closed(socket: ClientConnection) -> None:
    """Require that the far side still answers, or has hung up and says why."""
    said = None
    try:
        socket.send(encode(Ping(4711.0)))
        while not (isinstance(frame := next_frame(socket), Pong) and frame.time == 4711.0):
            pass
        return
    except ConnectionClosed as closed:
        said = closed.rcvd
    assert said is not None, "the connection broke off without a word"
    assert said.code != 1011, said  # RFC 6455: the server fell over


@pytest.mark.parametrize("door", ["client", "register"])
def test_whatever_comes_after_a_hello_is_answered_or_refused(
    hpc1: Server, healthy: BridgeClient, door: str
) -> None:
    role: Any = "client" if door == "client" else "endpoint"
    bridge = psutil.Process(hpc1.process.pid)
    healthy["hpc1"].call("POST", "/chaos/small/before", timeout=20)
    before, log = bridge.memory_info().rss, hpc1.log.stat().st_size

    @EXAMPLES
    @given(messages)
    def any_messages(sent: list[bytes]) -> None:
        with dialled(hpc1, door) as socket:
            socket.send(encode(Hello(role, "fuzzed", "b", resume_key="k")))
            assert isinstance(next_frame(socket), Welcome)
            with contextlib.suppress(ConnectionClosed):
                for message in sent:
                    socket.send(message)
            said_or_closed(socket)
        assert healthy["hpc1"].call("POST", "/chaos/small/meanwhile", timeout=20)["word"] == "meanwhile"

    any_messages()
    assert bridge.memory_info().rss - before < 64 * 2**20
    with hpc1.log.open() as file:
        file.seek(log)
        assert "Traceback" not in (said := file.read()), said


def test_whatever_comes_first_is_answered_or_refused(hpc1: Server, healthy: BridgeClient) -> None:
    log = hpc1.log.stat().st_size

    @EXAMPLES
    @given(st.sampled_from(["client", "register"]), hellos, messages)
    def any_hello(door: str, hello: Hello | None, sent: list[bytes]) -> None:
        with dialled(hpc1, door) as socket:
            with contextlib.suppress(ConnectionClosed):
                for message in ([encode(hello)] if hello is not None else []) + sent:
                    socket.send(message)
            said_or_closed(socket)
        assert healthy["hpc1"].call("POST", "/chaos/small/meanwhile", timeout=20)["word"] == "meanwhile"

    any_hello()
    with hpc1.log.open() as file:
        file.seek(log)
        assert "Traceback" not in (said := file.read()), said


EVENT = Event("sample", "t", b"{}")

# What the strategies above find seldom: numbers that grow beyond 64 bits on the way, and much of something.
NASTY: dict[str, tuple[str, list[bytes]]] = {
    "events numbered beyond what a database takes": ("register", [encode(Events("b", 2**63, [EVENT]))]),
    "an acknowledgement beyond 64 bits": ("register", [encode(Events("b", 2**64 - 2, [EVENT] * 5))]),
    "events with negative numbers": ("register", [encode(Events("b", -(2**63), [EVENT] * 5))]),
    "an epoch of a mebibyte": ("register", [encode(Events("e" * 2**20, 1, [EVENT]))]),
    "a place beyond what a database takes": ("client", [encode(Subscribe(1, after={"": ("b", 2**64 - 1)}))]),
    "a negative place": ("client", [encode(Subscribe(1, after={"": ("b", -(2**63))}))]),
    "an unknown kind of 9 MiB": ("client", [encode(["x" * 9 * 2**20, 1])]),
    "50,000 subscriptions": ("client", [encode(Subscribe(number)) for number in range(50_000)]),
    "pieces of no size for calls that are still to begin": (
        "client",
        [encode(Call(1, "", "POST", "/endpoint/list", more=True)), *([encode(Data(1, b""))] * 50_000)],
    ),
    "credit without end": (
        "client",
        [
            encode(Call(1, "hpc1", "GET", f"/chaos/source/1/{300 * 2**20}")),
            *([encode(Credit(1, 2**63))] * 100),
        ],
    ),
    "long bodies for routes that take short ones": (
        "client",
        [
            frame
            for id in range(4)
            for frame in (
                encode(Call(id, "", "POST", "/endpoint/list", more=True)),
                *([encode(Data(id, bytes(2**18)))] * 240),
            )
        ],
    ),
}


@pytest.mark.parametrize("what", NASTY)
def test_nasty_messages_hurt_nobody_else(hpc1: Server, healthy: BridgeClient, what: str) -> None:
    """Guarantee 10: memory is bounded, whatever is asked for; and the event log goes on."""
    door, sent = NASTY[what]
    role: Any = "client" if door == "client" else "endpoint"
    bridge = psutil.Process(hpc1.process.pid)
    before, log = bridge.memory_info().rss, hpc1.log.stat().st_size
    with dialled(hpc1, door) as socket:
        socket.send(encode(Hello(role, "fuzzed", "b", resume_key="k")))
        assert isinstance(next_frame(socket), Welcome)
        with contextlib.suppress(ConnectionClosed):
            for message in sent:
                socket.send(message)
        assert healthy["hpc1"].call("POST", "/chaos/small/meanwhile", timeout=20)["word"] == "meanwhile"
        grown = bridge.memory_info().rss - before
        said_or_closed(socket)
    with hpc1.log.open() as file:
        file.seek(log)
        said = file.read()
    assert "Traceback" not in said, said[:3000]
    assert "in memory" not in said, said[:3000]
    assert len(said) < 2**20
    assert grown < 128 * 2**20


class _Loop:
    """A loop for examples, whose unhandled errors count."""

    def __init__(self) -> None:
        self.wrong: list[dict[str, Any]] = []

    def run(self, work: Any) -> None:
        async def watched() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _, what: self.wrong.append(what))
            await asyncio.wait_for(work, 30)

        asyncio.run(watched())
        assert self.wrong == []


@pytest.mark.parametrize("resumable", [False, True])
def test_link_takes_whatever_comes(resumable: bool) -> None:
    """Guarantee 1, in one process: each call of this side ends once, whatever the far side says."""

    async def one(sent: list[bytes]) -> None:
        near, far = memory_pair()
        limits = Limits(resume_for=1.0 if resumable else 0.0)
        link = Link(near, on_call=lambda _call, answer: answer(Reply(0, 200, body=bytes(2**20))), limits=limits)
        running = asyncio.ensure_future(link.run())
        ends: list[list[Any]] = [[] for _ in range(4)]
        for number, answers in enumerate(ends):
            link.call(Call(0, "e", "GET", "/", body=bytes(number * 2**19), time_left=0.5), answers.append)
        reading = asyncio.ensure_future(_swallow(far))
        for message in sent:
            await far.send(message)
        await asyncio.sleep(0)
        await link.close()
        await asyncio.gather(running, return_exceptions=False)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        for answers in ends:
            final = [one for one in answers if _is_end(one)]
            assert len(final) == 1, answers
            assert answers[-1] is final[0]

    @EXAMPLES
    @given(messages)
    def any_messages(sent: list[bytes]) -> None:
        _Loop().run(one(sent))

    any_messages()


def _is_end(frame: Any) -> bool:
    if isinstance(frame, Data):
        return frame.end
    return isinstance(frame, Fail) or (isinstance(frame, Reply) and not frame.more)


async def _swallow(transport: Transport) -> None:
    while True:
        await transport.receive()


def test_client_takes_whatever_a_bridge_sends() -> None:
    """A bridge that went mad: calls end in answers or typed errors; the client comes back to a sane one."""

    async def one(sent: list[bytes]) -> None:
        mad = True

        async def bridge(socket: ServerConnection) -> None:
            with contextlib.suppress(ConnectionClosed):
                await socket.recv()
                await socket.send(encode(Welcome(1, "b", "boot", session="s", resume_for=5.0)))
                if mad:
                    for message in sent:
                        await socket.send(message)
                async for told in socket:
                    assert isinstance(told, bytes)
                    frame = decode(told)
                    if isinstance(frame, Call) and not mad:
                        await socket.send(encode(Reply(frame.id, 200)))

        async with serve(bridge, "127.0.0.1", 0, compression=None, max_size=None) as server:
            port = server.sockets[0].getsockname()[1]
            client = aio.AsyncBridgeClient(f"http://127.0.0.1:{port}/orbit", None, "t")
            await client.open()
            client.on_event = lambda _name, _event: None
            client.subscribe()
            with contextlib.suppress(OrbitError):
                await client.call("e", "GET", "/x", timeout=0.2)
            mad = False
            for connection in list(server.connections):
                await connection.close()
            told_not_to_come_back = client._fatal is not None
            for _ in range(20):
                try:
                    assert await client.call("e", "GET", "/x", timeout=5) == b""
                    break
                except OrbitError:
                    if told_not_to_come_back or client._fatal is not None:
                        break
            else:
                raise AssertionError("the client never came back")
            await client.close()

    @settings(EXAMPLES, max_examples=30)
    @given(messages)
    def any_messages(sent: list[bytes]) -> None:
        _Loop().run(one(sent))

    any_messages()


@pytest.mark.asyncio
async def test_endpoint_takes_whatever_a_bridge_sends(tmp_path: Any) -> None:
    """A real endpoint, dialling a bridge that went mad: it comes back, and answers."""
    examples: list[list[bytes]] = []

    @settings(EXAMPLES, max_examples=25)
    @given(messages)
    def collect(sent: list[bytes]) -> None:
        fatal = [one for one in sent if b"bye" in one]  # that would be an order to end
        if not fatal:
            examples.append(sent)

    collect()
    came: asyncio.Queue[ServerConnection] = asyncio.Queue()
    done = asyncio.Event()

    async def bridge(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(encode(Welcome(1, "b", "boot", session="s", resume_for=0.0)))
        came.put_nowait(socket)
        await done.wait()

    async def alive(socket: ServerConnection) -> None:
        await socket.send(encode(Call(4711, "fuzzed", "POST", "/chaos/small/alive", time_left=20.0)))
        while True:
            frame = decode(await asyncio.wait_for(socket.recv(decode=False), 20))
            if isinstance(frame, Reply | Fail) and frame.id == 4711:
                assert isinstance(frame, Reply), frame
                return

    async with serve(bridge, "127.0.0.1", 0, compression=None, max_size=None) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/orbit"
        plugins = ("--plugins", "chaos_plugin:ChaosPlugin")
        with endpoint(url, "fuzzed", "orbit_0123456789ab_" + "a" * 43, tmp_path, *plugins) as process:
            socket = await asyncio.wait_for(came.get(), 30)
            before = psutil.Process(process.pid).memory_info().rss
            for sent in examples:
                try:
                    for message in sent:
                        await socket.send(message)
                    await alive(socket)
                except ConnectionClosed:
                    socket = await asyncio.wait_for(came.get(), 40)
                    await alive(socket)
                assert process.poll() is None
            assert psutil.Process(process.pid).memory_info().rss - before < 64 * 2**20
        done.set()
    assert "Traceback" not in (said := (tmp_path / "fuzzed.log").read_text()), said
