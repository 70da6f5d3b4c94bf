"""The client, as coroutines: one multiplexed WebSocket to the bridge, which comes back by itself."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import msgspec

from orbit_jupyter.link import (
    Address,
    Answer,
    Link,
    Refused,
    current_trace,
    dial_for_ever,
    dial_once,
    new_trace,
)
from orbit_jupyter.link.transport import Transport
from orbit_jupyter.link.websocket import dial
from orbit_jupyter.plugin import DEFAULT_TIMEOUT, AsyncPluginClient, PluginClient
from orbit_jupyter.protocol import (
    AnyFrame,
    BridgeConnectionError,
    Call,
    EndpointInfo,
    Event,
    Events,
    Hello,
    OrbitError,
    Reply,
    Subscribe,
    Topology,
    Welcome,
    error_from,
    fail_from,
)

from .classes import client_class_of
from .discovery import find_address

log = logging.getLogger("orbit.client")

WAIT_FOR_BRIDGE = 30.0
"""Seconds that a call waits for a bridge that is away just now."""

OnEvent = Callable[[str, Event], None]
OnTopology = Callable[[dict[str, Any]], None]


class AsyncBridgeClient:
    """A bridge, for coroutines. Belongs to the loop that `open` ran on.

    Parameters
    ----------
    url, cert, token
        As for `connect`; None: found by itself.

    Raises
    ------
    ValueError
        If no URL or no token is found.
    """

    def __init__(self, url: str | None = None, cert: str | None = None, token: str | None = None) -> None:
        self.address: Address = find_address(url, cert, token)
        self.topology: dict[str, EndpointInfo] = {}
        self.on_event: OnEvent | None = None
        self.on_topology: OnTopology | None = None
        self.user = ""
        self._boot_id = uuid.uuid4().hex
        self._link: Link | None = None
        self._connected = asyncio.Event()
        self._fatal: OrbitError | None = None
        self._task: asyncio.Task[None] | None = None
        self._subscribed = False
        self._seen: tuple[str, int] | None = None
        self._endpoints: dict[str, AsyncEndpointClient] = {}
        self._opening = asyncio.Lock()  # the first calls may come at once, and there is one connection

    async def __aenter__(self) -> AsyncBridgeClient:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def url(self) -> str:
        """Where the bridge answers HTTP."""
        return self.address.url

    async def open(self) -> None:
        """Connect; a second time does nothing.

        Raises
        ------
        OrbitError
            As the bridge can't be reached or refuses.
        """
        async with self._opening:
            if self._task is not None:
                return
            try:
                transport, welcome = await dial_once(self._dial, self._hello)
            except Refused as refused:
                raise refused.error from None
            self._fatal = None
            self._begin(transport, welcome)
            self._task = asyncio.ensure_future(self._keep())

    async def _dial(self) -> Transport:
        return await dial(self.address, "client")

    def _hello(self) -> Hello:
        return Hello(role="client", name="client", boot_id=self._boot_id)

    def _begin(self, transport: Transport, welcome: Welcome) -> None:
        self.user = welcome.user
        self._link = Link(transport, on_call=_no_calls, on_frame=self._on_frame, lost_error=self._lost_error)
        self._connected.set()
        if self._subscribed:
            self._send_subscribe()

    async def _keep(self) -> None:
        while True:
            assert self._link is not None
            down = await self._link.run()
            self._connected.clear()
            self._link = None
            log.warning("the connection to the bridge at %s was lost: %s", self.url, down.reason)
            try:
                self._begin(*await dial_for_ever(self._dial, self._hello))
            except (Refused, OrbitError) as error:
                self._fatal = error.error if isinstance(error, Refused) else error
                self._connected.set()
                return

    def _lost_error(self, reason: str) -> OrbitError:
        return BridgeConnectionError(f"the connection to the bridge at {self.url} was lost: {reason}")

    async def close(self) -> None:
        """Disconnect."""
        async with self._opening:
            task, self._task = self._task, None
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            self._connected.clear()
            self._link = None

    # -- calls -----------------------------------------------------------------------------------------------

    async def send(self, call: Call) -> Reply:
        """Send a call, with no look into its body, and return the answer.

        Raises
        ------
        OrbitError
            As it failed.
        """
        trace = call.trace or current_trace.get() or new_trace()
        log.debug("%s %s to %s", call.method, call.path, call.endpoint or "the bridge", extra={"trace": trace})
        try:
            link = self._link or await self._wait_for_link(call.time_left)
            return await link.request(msgspec.structs.replace(call, trace=trace))
        except OrbitError as error:
            error.data.setdefault("trace", trace)
            raise

    async def _wait_for_link(self, time_left: float) -> Link:
        if self._task is None:
            await self.open()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._connected.wait(), min(time_left, WAIT_FOR_BRIDGE))
        if self._fatal is not None:
            raise error_from(fail_from(self._fatal))  # its own, since each caller's names its own call
        if self._link is None:
            raise BridgeConnectionError(f"the bridge at {self.url} is away; Orbit keeps trying to reach it")
        return self._link

    async def call(
        self,
        endpoint: str,
        method: str,
        path: str,
        json: Any = None,
        *,
        params: dict[str, Any] | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        key: str = "",
    ) -> Any:
        """Call a route and return its decoded answer.

        Parameters
        ----------
        endpoint
            Its name; empty: the bridge itself.
        method, path
            As in HTTP; the path begins with ``/{plugin}/``.
        json
            The body; None: none.
        params
            The query.
        timeout
            Seconds until the call fails with `DeadlineError`.
        key
            Idempotency key of a submit.

        Raises
        ------
        OrbitError
            As it failed.
        """
        body = b"" if json is None else msgspec.json.encode(json)
        call = Call(
            id=0,
            endpoint=endpoint,
            method=method.upper(),
            path=path,
            query=urlencode({name: one for name, one in (params or {}).items() if one is not None}, doseq=True),
            headers=_JSON if body else {},
            time_left=timeout,
            body=body,
            key=key,
        )
        return decoded(await self.send(call))

    async def list_endpoints(self) -> list[str]:
        """Return the names of the connected endpoints, in order of registration."""
        listed = await self.call("", "POST", "/endpoint/list")
        return list(listed["data"]["endpoints"])

    async def wait_for_endpoint(self, names: str | list[str], timeout: float = 1800) -> str:
        """Wait until one of these endpoints is connected and return its name.

        Raises
        ------
        ValueError
            If there are no names.
        TimeoutError
        """
        wanted = [names] if isinstance(names, str) else list(names)
        if not wanted:
            raise ValueError("give the name of at least one endpoint")
        until = asyncio.get_running_loop().time() + timeout
        while True:
            present = set(await self.list_endpoints())
            for name in wanted:
                if name in present:
                    return name
            left = until - asyncio.get_running_loop().time()
            if left <= 0:
                raise TimeoutError(f"none of the endpoints {', '.join(wanted)} connected within {timeout:g} s")
            await asyncio.sleep(min(0.5, left))

    def get_endpoint_client(self, name: str) -> AsyncEndpointClient:
        """Return the client of an endpoint; whether it is connected shows at the first call."""
        return self._endpoints.setdefault(name, AsyncEndpointClient(self, name))

    __getitem__ = get_endpoint_client

    # -- events ----------------------------------------------------------------------------------------------

    def subscribe(self) -> None:
        """Have notifications delivered to `on_event` from now on."""
        if not self._subscribed:
            self._subscribed = True
            if self._link is not None:
                self._send_subscribe()

    def _send_subscribe(self) -> None:
        assert self._link is not None
        after = {"": self._seen} if self._seen is not None else None
        self._link.send(Subscribe(id=1, after=after))

    def _on_frame(self, frame: AnyFrame) -> None:
        if isinstance(frame, Events):
            if frame.missed:
                log.warning("%d events were missed; states are read anew where they are asked for", frame.missed)
            if frame.last:
                self._seen = (frame.epoch, frame.last)
            for event in frame.events:
                self._tell(self.on_event, frame.endpoint, event)
        elif isinstance(frame, Topology):
            if frame.full:
                self.topology = {}
            for name in frame.removed:
                self.topology.pop(name, None)
            self.topology.update(frame.endpoints)
            if self.on_topology is not None:
                self._tell(self.on_topology, msgspec.to_builtins(self.topology))

    def _tell(self, told: Callable[..., None] | None, *news: Any) -> None:
        """Pass news on; who fails on it must not take the connection along."""
        if told is not None:
            try:
                told(*news)
            except Exception:
                log.exception("a listener of this client failed")


class AsyncEndpointClient:
    """An endpoint behind a bridge, for coroutines."""

    def __init__(self, bridge: AsyncBridgeClient, endpoint_id: str) -> None:
        self.bridge, self._endpoint_id = bridge, endpoint_id

    @property
    def endpoint_id(self) -> str:
        """The endpoint's name."""
        return self._endpoint_id

    async def call(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        params: dict[str, Any] | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        key: str = "",
    ) -> Any:
        """Call a route, ``/{plugin}/…``; see `AsyncBridgeClient.call`."""
        return await self.bridge.call(
            self._endpoint_id, method, path, json, params=params, timeout=timeout, key=key
        )

    async def list_plugins(self) -> dict[str, Any]:
        """Return the plugins, those that failed to load with their reason; ``{}`` for an unknown endpoint."""
        listed = await self.bridge.call("", "POST", "/endpoint/list")
        plugins: dict[str, Any] = listed["data"]["endpoints"].get(self._endpoint_id, {}).get("plugins", {})
        return plugins

    async def get_plugin(self, name: str, **session: Any) -> AsyncPluginClient:
        """Register a session at a plugin and return its client.

        Raises
        ------
        OrbitError
            The endpoint or the plugin isn't there, or refuses the session.
        """
        client = (await self.client_class(name)).async_class(self, name)
        await client.register_session(**session)
        return client

    async def client_class(self, name: str) -> type[PluginClient]:
        """Return the client class of a plugin: that of its type, which an instance of another name has too."""
        known = self.bridge.topology.get(self._endpoint_id)
        info = known.plugins.get(name) if known is not None else None
        found = client_class_of(info.type if info is not None else name)
        if info is None and found is PluginClient:
            # It may be there for a moment only, and the news of it still on the way.
            listed = (await self.list_plugins()).get(name, {})
            found = client_class_of(listed.get("type", name))
        return found


_JSON = {"content-type": "application/json"}


def decoded(reply: Reply) -> Any:
    """Return what a reply says: decoded JSON, text, or bytes."""
    kind = reply.headers.get("content-type", "")
    if "json" in kind:
        return msgspec.json.decode(reply.body) if reply.body else None
    return reply.body.decode() if kind.startswith("text/") else reply.body


def _no_calls(_call: Call, answer: Answer) -> None:
    answer(fail_from(OrbitError("a client answers no calls")))
