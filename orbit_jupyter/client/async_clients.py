"""The client, as coroutines: one multiplexed WebSocket to the bridge, which comes back by itself."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec

from orbit_jupyter.link import (
    Address,
    Answer,
    Limits,
    Link,
    Redials,
    Refused,
    current_trace,
    dial_for_ever,
    dial_once,
    new_trace,
)
from orbit_jupyter.link.transport import Transport
from orbit_jupyter.link.websocket import dial
from orbit_jupyter.plugin import DEFAULT_TIMEOUT
from orbit_jupyter.protocol import (
    AnyFrame,
    BridgeConnectionError,
    Bye,
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

from .async_endpoints import AsyncEndpointClient
from .discovery import find_address
from .exchange import AsyncExchange, Body, headers_with_length
from .repeat import send_with_key

log = logging.getLogger("orbit.client")

REDIAL_AFTER = 10.0
"""Seconds of silence after which the bridge is dialled again: a half-open socket would stay silent for ever."""

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
        self.user = self.bridge_id = ""
        self._boot_id = uuid.uuid4().hex
        self._link: Link | None = None
        self._session = ""
        self._connected = asyncio.Event()
        self._fatal: OrbitError | None = None
        self._task: asyncio.Task[None] | None = None
        self._subscribed = False
        self._seen: tuple[str, int] | None = None
        self._endpoints: dict[str, AsyncEndpointClient] = {}
        self._closed = 0  # how often
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

    @property
    def is_open(self) -> bool:
        """Whether it is connected or tries to be; not once it was closed, or refused for good."""
        return self._task is not None and self._fatal is None

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
            self._task = asyncio.ensure_future(self._keep(self._begin(transport, welcome)))

    async def _dial(self) -> Transport:
        return await dial(self.address, "client")

    async def dial(self) -> Transport:
        """Open a connection of its own, for somebody else who speaks frames: a page behind this kernel.

        Raises
        ------
        OrbitError
            As the bridge can't be reached or refuses.
        """
        return await self._dial()

    def _hello(self) -> Hello:
        link = self._link
        return Hello(
            role="client",
            name="client",
            boot_id=self._boot_id,
            session=self._session if link is not None else "",
            received=link.received if link is not None else 0,
        )

    def _begin(self, transport: Transport, welcome: Welcome) -> Link | None:
        """Go on with the connection that there is, or begin anew where the bridge knows nothing of it."""
        if welcome.resumed:
            if self._link is not None and self._link.attach(transport, welcome.received):
                self._connected.set()
                return self._link
            self._end_link("it can't go on")
            return None
        self._end_link("the bridge has forgotten the connection; it was restarted, or was away for too long")
        self.user, self.bridge_id = welcome.user, welcome.bridge_id
        link = Link(
            transport,
            on_call=_no_calls,
            on_frame=self._on_frame,
            lost_error=self._lost_error,
            limits=Limits(resume_for=welcome.resume_for, redial_after=REDIAL_AFTER),
        )
        self._link, self._session = link, welcome.session
        link.closed.add_done_callback(lambda _: self._link_ended(link))
        self._connected.set()
        if self._subscribed:
            self._send_subscribe()
        return link

    def _end_link(self, reason: str) -> None:
        if self._link is not None:
            self._link.down(reason)
            self._link_ended(self._link)

    def _link_ended(self, link: Link) -> None:
        if self._link is link:
            self._link = None
            self._connected.clear()

    async def _keep(self, link: Link | None) -> None:
        redials = Redials()
        while True:
            if link is not None:
                redials.begin()
                down = await link.run()
                self._connected.clear()
                if self._task is None:  # closed here; a cancel may come too late to keep it from dialling again
                    return
                reason = "its socket is gone" if down is None else down.reason
                log.warning("the connection to the bridge at %s was lost: %s", self.url, reason)
                await redials.wait()
            try:
                transport, welcome = await dial_for_ever(self._dial, self._hello)
            except (Refused, OrbitError) as error:
                self._fatal = error.error if isinstance(error, Refused) else error
                self._end_link(str(self._fatal))
                self._connected.set()
                return
            link = self._begin(transport, welcome) if self._task is not None else None
            if link is None:
                await transport.close()
            if self._task is None:
                return

    def _lost_error(self, reason: str) -> OrbitError:
        return BridgeConnectionError(f"the connection to the bridge at {self.url} was lost: {reason}")

    async def close(self) -> None:
        """Disconnect."""
        self._closed += 1
        async with self._opening:
            task, self._task = self._task, None
            if self._link is not None:
                await self._link.close(Bye("the client was closed", retry=False))
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            self._end_link("the client was closed")
            self._connected.clear()

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
            link = await self._link_now(call.time_left)
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
            Idempotency key of a submit: with one, a call that fails transiently is made again, with the same key,
            for up to `repeat.REPEAT_FOR` seconds. Without one it is made once.

        Raises
        ------
        OrbitError
            As it failed, the last time.
        """
        body = b"" if json is None else msgspec.json.encode(json)
        call = Call(
            id=0,
            endpoint=endpoint,
            method=method.upper(),
            path=path,
            query=_query(params),
            headers=_JSON if body else {},
            time_left=timeout,
            body=body,
            key=key,
        )
        closed = self._closed
        sent = send_with_key(self.send, call, lambda: self._closed == closed) if key else self.send(call)
        return decoded(await sent)

    def exchange(
        self,
        endpoint: str,
        method: str,
        path: str,
        *,
        body: Body = None,
        headers: Mapping[str, str] | None = None,
        params: dict[str, Any] | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        key: str = "",
    ) -> AsyncExchange:
        """Make a call whose body and answer are streams, as an async context manager; see `AsyncExchange`.

        Parameters
        ----------
        body
            Bytes, a binary file, an iterable or async iterable of bytes, or `TWO_WAY`: the caller writes it.
        headers
            Of the request.
        timeout
            Seconds until the head of the answer, and between two pieces of a body.
        """
        call = Call(
            id=0,
            endpoint=endpoint,
            method=method.upper(),
            path=path,
            query=_query(params),
            headers=headers_with_length(headers, body),
            time_left=timeout,
            trace=current_trace.get() or new_trace(),
            key=key,
        )
        return AsyncExchange(self._link_now, call, body)

    async def _link_now(self, time_left: float) -> Link:
        link = self._link
        # A call that was never sent waits: it mustn't be lost as one in flight is when the bridge is restarted.
        return link if link is not None and link.attached else await self._wait_for_link(time_left)

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
            present = await self._present()
            for name in wanted:
                if name in present:
                    return name
            left = until - asyncio.get_running_loop().time()
            if left <= 0:
                raise TimeoutError(f"none of the endpoints {', '.join(wanted)} connected within {timeout:g} s")
            await asyncio.sleep(min(0.5, left))

    async def _present(self) -> set[str]:
        """Return the names of the endpoints that can be spoken to just now; none where the bridge is away."""
        try:
            listed = await self.call("", "POST", "/endpoint/list")
        except OrbitError as error:
            if not error.transient:
                raise
            return set()
        endpoints: dict[str, Any] = listed["data"]["endpoints"]
        return {name for name, entry in endpoints.items() if entry["endpoint"].get("state") != "suspect"}

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
                gap = msgspec.json.encode({"missed": frame.missed})
                self._tell(self.on_event, frame.endpoint, Event("", "gap", gap, time=time.time()))
            if frame.last or not frame.events:
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


_JSON = {"content-type": "application/json"}


def _query(params: dict[str, Any] | None) -> str:
    return urlencode({name: one for name, one in (params or {}).items() if one is not None}, doseq=True)


def decoded(reply: Reply) -> Any:
    """Return what a reply says: decoded JSON, text, or bytes."""
    kind = reply.headers.get("content-type", "")
    if "json" in kind:
        return msgspec.json.decode(reply.body) if reply.body else None
    return reply.body.decode() if kind.startswith("text/") else reply.body


def _no_calls(_call: Call, answer: Answer) -> None:
    answer(fail_from(OrbitError("a client answers no calls")))
