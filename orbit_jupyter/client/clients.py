"""The client, for cells and scripts: a typed, blocking face of `async_clients`, on one loop thread."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from orbit_jupyter.link.logs import follow_environment
from orbit_jupyter.plugin import DEFAULT_TIMEOUT, Callback, PluginClient
from orbit_jupyter.plugin.views import render
from orbit_jupyter.protocol import Event, PluginNotFoundError

from .async_clients import AsyncBridgeClient
from .async_endpoints import AsyncEndpointClient
from .callbacks import CallbackTable, Dispatcher, TopologyCallback
from .exchange import AsyncExchange, Body, Exchange
from .loop import shared_loop

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")


class BridgeClient:
    """A bridge.

    Parameters
    ----------
    url
        ``https://host:8888/orbit``, with or without ``orbit:TOKEN@``; None: found by itself (see
        `orbit_jupyter.connect`).
    cert
        Path of the certificate to trust; None: environment, file, then the system's trust.
    token
        None: found by itself.

    Raises
    ------
    ValueError
        If no URL or no token is found; every place that was looked at is named.
    """

    def __init__(self, url: str | None = None, cert: str | None = None, token: str | None = None) -> None:
        follow_environment()
        self._loop = shared_loop()
        self._callbacks = CallbackTable()
        self._topology_callbacks: list[TopologyCallback] = []
        self._dispatcher = Dispatcher()
        self._endpoints: dict[str, EndpointClient] = {}
        self._http: httpx.Client | None = None
        self._lock = threading.Lock()
        self.aio: AsyncBridgeClient = self._loop.run(self._make(url, cert, token))

    async def _make(self, url: str | None, cert: str | None, token: str | None) -> AsyncBridgeClient:
        client = AsyncBridgeClient(url, cert, token)
        client.on_event = self._on_event
        client.on_topology = self._on_topology
        return client

    def __repr__(self) -> str:
        return f"<BridgeClient {self.url}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any] | None:
        return render(self)

    def __enter__(self) -> BridgeClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Where the bridge answers HTTP."""
        return self.aio.url

    def open(self) -> None:
        """Connect now; otherwise the first call does."""
        self._loop.run(self.aio.open())

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine of `orbit_jupyter.aio` on this client's loop and wait for it."""
        return self._loop.run(coroutine)

    def call(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        params: dict[str, Any] | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Any:
        """Call one of the bridge's own routes, such as ``("GET", "/tokens")``."""
        return self._loop.run(self.aio.call("", method, path, json, params=params, timeout=timeout))

    # -- endpoints -------------------------------------------------------------------------------------------

    def list_endpoints(self) -> list[str]:
        """Return the names of the connected endpoints, in order of registration."""
        return self._loop.run(self.aio.list_endpoints())

    def wait_for_endpoint(
        self,
        names: str | list[str],
        timeout: float = 1800,
        poll: float = 3,
        on_heartbeat: Callable[[float], None] | None = None,
        heartbeat_interval: float = 10,
    ) -> str:
        """Wait until one of these endpoints is connected and return its name.

        Parameters
        ----------
        names
            One name or several.
        timeout, poll, heartbeat_interval
            Seconds; `poll` is the longest time between two looks.
        on_heartbeat
            Called each `heartbeat_interval` with the seconds waited so far.

        Raises
        ------
        ValueError
            If there are no names.
        TimeoutError
        """
        began = beat = time.monotonic()
        while True:
            left = timeout - (time.monotonic() - began)
            try:
                return self._loop.run(self.aio.wait_for_endpoint(names, max(0.0, min(poll, left))))
            except TimeoutError:
                now = time.monotonic()
                if now - began >= timeout:
                    raise
                if on_heartbeat is not None and now - beat >= heartbeat_interval:
                    beat = now
                    on_heartbeat(now - began)

    def get_endpoint_client(self, name: str) -> EndpointClient:
        """Return the client of an endpoint; whether it is connected shows at the first call."""
        return self._endpoints.setdefault(name, EndpointClient(self, name))

    def __getitem__(self, name: str) -> EndpointClient:
        return self.get_endpoint_client(name)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.aio.topology)

    def disconnect_endpoint(self, name: str) -> None:
        """End an endpoint; it doesn't come back by itself."""
        self.call("POST", f"/endpoint/disconnect/{name}")

    @property
    def http(self) -> httpx.Client:
        """An `httpx` client whose relative URLs (``/{endpoint}/{plugin}/…``) go over this client's link."""
        with self._lock:
            if self._http is None:
                from .http import http_client  # httpx is slow to import, and few need it

                self._http = http_client(self.aio.send, self._loop.run)
            return self._http

    # -- callbacks -------------------------------------------------------------------------------------------

    def register_callback(
        self,
        endpoint_id: str | None = None,
        plugin_name: str | None = None,
        topic: str | None = None,
        callback: Callback | None = None,
    ) -> None:
        """Have ``callback(endpoint, plugin, topic, data)`` called for notifications, in a thread of its own.

        Parameters
        ----------
        endpoint_id, plugin_name, topic
            Which; None: all.
        callback
            What it raises is logged.

        Raises
        ------
        ValueError
            Without a callback.
        """
        if callback is None:
            raise ValueError("give the callback")
        self._callbacks.add((endpoint_id, plugin_name, topic), callback)
        self._loop.run(self._subscribe())

    async def _subscribe(self) -> None:
        await self.aio.open()
        self.aio.subscribe()
        # The bridge takes frames in order: once this call is answered, the subscription stands.
        await self.aio.call("", "GET", "/endpoints")

    def unregister_callback(
        self,
        endpoint_id: str | None = None,
        plugin_name: str | None = None,
        topic: str | None = None,
        callback: Callback | None = None,
    ) -> None:
        """Take a callback back, or with None all of that level; silent where there is none."""
        self._callbacks.remove((endpoint_id, plugin_name, topic), callback)

    def register_topology_callback(self, callback: TopologyCallback) -> None:
        """Have ``callback({name: entry})`` called when endpoints come and go, and once now."""
        self._topology_callbacks.append(callback)
        self.open()
        self._dispatcher.put(partial(callback, msgspec.to_builtins(self.aio.topology)))

    def unregister_topology_callback(self, callback: TopologyCallback) -> None:
        """Take a topology callback back; silent where there is none."""
        if callback in self._topology_callbacks:
            self._topology_callbacks.remove(callback)

    def wait_for_listener(self, timeout: float = 30) -> bool:
        """Subscribe to notifications and return whether that was done within so many seconds."""
        try:
            self._loop.run(_within(self._subscribe(), timeout))
        except TimeoutError:
            return False
        return True

    def _on_event(self, endpoint: str, event: Event) -> None:
        callbacks = self._callbacks.matching(endpoint, event.plugin, event.topic)
        if callbacks:
            data = msgspec.json.decode(event.data)
            for callback in callbacks:
                self._dispatcher.put(partial(callback, endpoint, event.plugin, event.topic, data))

    def _on_topology(self, endpoints: dict[str, Any]) -> None:
        for callback in list(self._topology_callbacks):
            self._dispatcher.put(partial(callback, endpoints))

    def close(self) -> None:
        """Disconnect."""
        self._loop.run(self.aio.close())
        self._dispatcher.close()
        if self._http is not None:
            self._http.close()


class EndpointClient:
    """An endpoint behind a bridge.

    ``endpoint.psij`` is the client of its plugin `psij`, with one session for all uses; `get_plugin` makes a
    session of its own.
    """

    def __init__(self, bridge_client: BridgeClient, endpoint_id: str) -> None:
        self._bridge_client = bridge_client
        self._endpoint_id = endpoint_id
        self._aio = bridge_client.aio.get_endpoint_client(endpoint_id)
        self._plugins: dict[str, PluginClient] = {}

    def __repr__(self) -> str:
        return f"<EndpointClient {self._endpoint_id} at {self._bridge_client.url}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any] | None:
        return render(self)

    @property
    def endpoint_id(self) -> str:
        """The endpoint's name."""
        return self._endpoint_id

    @property
    def aio(self) -> AsyncEndpointClient:
        """The same as coroutines."""
        return self._aio

    @property
    def http(self) -> httpx.Client:
        """An `httpx` client whose relative URLs lead to endpoints, this one's under ``/{endpoint}/``."""
        return self._bridge_client.http

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the client's loop and wait for it."""
        return self._bridge_client.wait(coroutine)

    def call(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        params: dict[str, Any] | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        key: str = "",
    ) -> Any:
        """Call a route, such as ``("GET", "/sysinfo/version")``, and return its decoded answer.

        Raises
        ------
        OrbitError
            As it failed.
        """
        return self.wait(self._aio.call(method, path, json, params=params, timeout=timeout, key=key))

    def exchange(
        self,
        method: str,
        path: str,
        *,
        body: Body = None,
        headers: Mapping[str, str] | None = None,
        params: dict[str, Any] | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        key: str = "",
    ) -> Exchange:
        """Make a call whose body and answer are streams, as a context manager; see `Exchange`.

        Parameters
        ----------
        body
            Bytes, a binary file, an iterable of bytes, or `TWO_WAY`: the caller writes it.
        headers
            Of the request.
        timeout
            Seconds until the head of the answer, and between two pieces of a body.
        """

        async def make() -> AsyncExchange:
            return self._aio.exchange(
                method, path, body=body, headers=headers, params=params, timeout=timeout, key=key
            )

        return Exchange(self.wait(make()), self.wait)

    def list_plugins(self) -> dict[str, Any]:
        """Return the plugins, those that failed to load with their reason; ``{}`` for an unknown endpoint."""
        return self.wait(self._aio.list_plugins())

    def get_plugin(self, name: str, **session: Any) -> PluginClient:
        """Register a session at a plugin and return its client.

        Raises
        ------
        OrbitError
            The endpoint or the plugin isn't there, or refuses the session.
        """
        client_class = self.wait(self._aio.client_class(name))
        client = client_class(self, f"/{self._endpoint_id}/{name}", self._bridge_client, self._endpoint_id, name)
        client.register_session(**session)
        return client

    def __getattr__(self, name: str) -> Any:
        # Only plugins are looked up here; their names are the endpoint's, so no type can know them.
        if name.startswith("_"):
            raise AttributeError(name)
        client = self._plugins.get(name)
        if client is None:
            try:
                client = self._plugins[name] = self.get_plugin(name)
            except PluginNotFoundError as error:
                raise AttributeError(str(error)) from error
        return client

    def __dir__(self) -> list[str]:
        known = self._bridge_client.aio.topology.get(self._endpoint_id)
        return [*super().__dir__(), *(known.plugins if known is not None else ())]


async def _within(coroutine: Coroutine[Any, Any, T], seconds: float) -> T:
    try:
        return await asyncio.wait_for(coroutine, seconds)
    except asyncio.TimeoutError:
        raise TimeoutError(f"not within {seconds:g} s") from None


def connect(url: str | None = None, cert: str | None = None, token: str | None = None) -> BridgeClient:
    """Connect to a bridge; in a notebook without arguments to that of its own Jupyter server.

    Parameters
    ----------
    url, cert, token
        As for `BridgeClient`.

    Raises
    ------
    ValueError
        If no URL or no token is found.
    OrbitError
        As the bridge can't be reached or refuses.
    """
    client = BridgeClient(url, cert, token)
    client.open()
    return client
