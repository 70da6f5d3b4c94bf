"""Bridge, endpoint and client in one process and on one loop: the real ones, with memory between them.

Left out are sockets, logins and processes; a plugin that asks for a process of its own is loaded into this one.
"""

from __future__ import annotations

import asyncio
import getpass
import threading
import uuid
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from orbit_jupyter.bridge.client_session import ClientSession
from orbit_jupyter.bridge.hub import Hub
from orbit_jupyter.bridge.own_routes import OwnRoutes
from orbit_jupyter.bridge.plugin_modules import PluginModules
from orbit_jupyter.bridge.registry import Entry, Grant
from orbit_jupyter.bridge.tokens import TokenStore
from orbit_jupyter.client import BridgeClient, EndpointClient
from orbit_jupyter.client.async_clients import AsyncBridgeClient
from orbit_jupyter.client.loop import shared_loop
from orbit_jupyter.endpoint.outbox import Outbox
from orbit_jupyter.host import PluginHost
from orbit_jupyter.link import Link, Transport, memory_pair
from orbit_jupyter.protocol import (
    Ack,
    AnyFrame,
    ConflictError,
    Event,
    Hello,
    HostFacts,
    Listeners,
    Plugins,
    Principal,
    Topology,
    decode,
    encode,
)

from ..app import App, AppState
from ..plugin import Plugin

T = TypeVar("T")

URL = "http://memory/orbit"
SCOPES = ("read", "write", "execute")


class Star:
    """A hub with one endpoint, in memory. Belongs to the loop that `open` ran on.

    Parameters
    ----------
    plugins
        The classes to load.
    name
        The endpoint's.
    role
        ``login``, ``compute``, ``standalone`` or ``bridge``.
    folder
        Where the endpoint keeps its state.
    """

    def __init__(self, plugins: tuple[type[Plugin], ...], name: str, role: str, folder: Path) -> None:
        self._plugins, self.name, self._folder = plugins, name, folder
        self.user = getpass.getuser()
        self.state = AppState(endpoint_name=name, bridge_url=URL, role=role, folder=folder / name)
        self.bridge_link: Link | None = None
        self.endpoint_link: Link | None = None
        self._serving: set[asyncio.Task[Any]] = set()

    @property
    def host(self) -> PluginHost:
        """The endpoint's plugins."""
        return self._host

    async def open(self) -> None:
        """Start bridge and endpoint."""
        self._loop = asyncio.get_running_loop()
        self.hub = Hub("star", URL)
        tokens = TokenStore(self._folder / "tokens")
        self.hub.own_call = OwnRoutes(self.hub, tokens, _no_end, PluginModules()).handle
        self._outbox = Outbox(uuid.uuid4().hex)
        self._host = PluginHost(App(self.state), on_event=self._on_event, on_change=self._announce, in_child=True)
        try:
            for plugin in self._plugins:
                await self._host.add_class(plugin)
        except BaseException:
            await self._host.close()
            raise
        self._connect_endpoint()

    def _connect_endpoint(self) -> None:
        at_bridge, at_endpoint = memory_pair()
        hello = Hello(
            role="endpoint",
            name=self.name,
            boot_id=self._outbox.epoch,
            plugins=self._host.infos(),
            host=HostFacts(hostname="memory", user=self.user, role=self.state.role),
        )
        self.bridge_link = Link(
            at_bridge,
            on_call=lambda call, answer: self.hub.endpoint_call(entry, call, answer),
            on_frame=lambda frame: self.hub.endpoint_frame(entry, frame),
            lost_error=lambda reason: self.hub.lost_error(self.name, reason),
        )
        entry = Entry(self.name, hello, Grant("star", self.name, self.user), self.bridge_link, since=0.0)
        self.endpoint_link = Link(at_endpoint, on_call=self._host.handle, on_frame=self._on_frame)
        self._serve(self.bridge_link.run())
        self._serve(self.endpoint_link.run())
        self.hub.endpoint_up(entry)
        self._flush()

    async def connect(self) -> Transport:
        """Return a client's end of a new connection to the bridge."""
        at_bridge, at_client = memory_pair()
        self._serve(self._serve_client(at_bridge))
        return at_client

    async def _serve_client(self, transport: Transport) -> None:
        hello = decode(await transport.receive())
        assert isinstance(hello, Hello)
        await transport.send(encode(self.hub.welcome(hello, self.user)))
        await ClientSession(self.hub, Principal(self.user, scopes=SCOPES), transport).link.run()

    async def close(self) -> None:
        """End the plugins, the endpoint and the bridge."""
        await self._host.close()
        if self.endpoint_link is not None:
            await self.endpoint_link.close()
        await self.hub.close()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def _serve(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.ensure_future(work)
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    def _on_event(self, event: Event) -> None:
        self._loop.call_soon_threadsafe(self._send, event)

    def _send(self, event: Event) -> None:
        self._outbox.append(event)
        self._flush()

    def _flush(self) -> None:
        # What a plugin says in its `start` comes before there is a link, and waits in the outbox.
        while self.endpoint_link is not None and (events := self._outbox.next()) is not None:
            self.endpoint_link.send(events)

    def _announce(self) -> None:
        if self.endpoint_link is not None:
            self.endpoint_link.send(Plugins(self._host.infos()))

    def _on_frame(self, frame: AnyFrame) -> None:
        if isinstance(frame, Ack):
            self._outbox.acknowledged(frame.epoch, frame.sequence)
        elif isinstance(frame, Topology | Listeners):
            self._host.tell(frame)


class StarClient(EndpointClient):
    """The client of the one endpoint of a star, and the events that have come so far."""

    def __init__(self, bridge: _MemoryBridgeClient, name: str, star: Star) -> None:
        super().__init__(bridge, name)
        self.bridge, self.star = bridge, star
        self.events: list[tuple[str, str, dict[str, Any]]] = []
        """(plugin, topic, data), in order."""
        self._came = threading.Condition()

    def plugin(self, name: str) -> Plugin:
        """Return the plugin itself, to look inside."""
        return self.star.host.plugin(name)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop that the plugins live on, and wait for it."""
        return self.bridge.wait(coroutine)

    def event(self, topic: str, timeout: float = 10.0) -> dict[str, Any]:
        """Wait for an event of that topic; take it, and those before it, out of `events`.

        Raises
        ------
        TimeoutError
            If none comes within so many seconds.
        """
        with self._came:
            if not self._came.wait_for(lambda: any(one[1] == topic for one in self.events), timeout):
                seen = [one[1] for one in self.events]
                raise TimeoutError(f"no event {topic!r} within {timeout:g} s; there were {seen}")
            index = next(i for i, one in enumerate(self.events) if one[1] == topic)
            data = self.events[index][2]
            del self.events[: index + 1]
            return data

    def take(self, _endpoint: str, plugin: str, topic: str, data: dict[str, Any]) -> None:
        """Note an event; this is a callback."""
        with self._came:
            self.events.append((plugin, topic, data))
            self._came.notify_all()


class _AsyncMemoryClient(AsyncBridgeClient):
    def __init__(self, star: Star) -> None:
        super().__init__(URL, None, "memory")
        self._star = star
        self._seen = (star.hub.events.epoch, 0)  # events of a plugin's `start` are older than the subscription

    async def _dial(self) -> Transport:
        return await self._star.connect()


class _MemoryBridgeClient(BridgeClient):
    def __init__(self, star: Star) -> None:
        self._star = star
        super().__init__(URL, None, "memory")

    async def _make(self, url: str | None, cert: str | None, token: str | None) -> AsyncBridgeClient:
        client = _AsyncMemoryClient(self._star)
        client.on_event = self._on_event
        client.on_topology = self._on_topology
        return client


@contextmanager
def star(
    *plugins: type[Plugin], name: str = "hpc1", role: str = "standalone", folder: Path | None = None
) -> Iterator[StarClient]:
    """Run a star with these plugins and yield the client of its endpoint.

    Parameters
    ----------
    plugins
        The classes to load.
    name, role
        The endpoint's.
    folder
        Where it keeps state; None: a folder that is removed in the end.

    Raises
    ------
    Exception
        As a plugin fails to load.
    """
    loop = shared_loop()
    with TemporaryDirectory(prefix="orbit-star-") as temporary:
        running = Star(plugins, name, role, folder or Path(temporary))
        loop.run(running.open())
        bridge = _MemoryBridgeClient(running)
        try:
            client = StarClient(bridge, name, running)
            bridge.register_callback(callback=client.take)
            yield client
        finally:
            bridge.close()
            loop.run(running.close())


def _no_end() -> None:
    raise ConflictError("a star in memory ends with its block")
