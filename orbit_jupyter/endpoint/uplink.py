"""The endpoint's link to its bridge, on a thread and loop of its own, so that no plugin ever holds up a ping."""

from __future__ import annotations

import asyncio
import logging
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

from orbit_jupyter.link import (
    Address,
    Answer,
    Down,
    Limits,
    Link,
    Onward,
    Redials,
    Refused,
    dial_for_ever,
    new_loop,
)
from orbit_jupyter.link.transport import Transport
from orbit_jupyter.link.websocket import dial
from orbit_jupyter.protocol import (
    Ack,
    AnyFrame,
    Bye,
    Call,
    Cancel,
    Credit,
    Data,
    Event,
    Fail,
    Hello,
    HostFacts,
    Listeners,
    PluginInfo,
    Plugins,
    Reply,
    Topology,
    Welcome,
    error_from,
)

from .hop import Hop
from .outbox import Outbox
from .ways import Way

log = logging.getLogger("orbit.endpoint")

REDIAL_AFTER = 10.0
"""Seconds of silence after which the bridge is dialled again: a half-open socket would stay silent for ever."""


class Uplink:
    """Dials the bridge for ever and carries calls in, answers and events out.

    Parameters
    ----------
    address
        The bridge.
    name
        The endpoint's name there.
    facts
        What the bridge shows of this host.
    way
        The tunnel to it; None: as the address says.
    outbox_folder
        Where events wait that the memory has no room for; None: only the memory.
    host_loop
        The loop that the plugins live on; the callbacks below are called there.
    on_call, on_topology, on_listeners, on_welcome
        Take what comes in.
    """

    def __init__(
        self,
        address: Address,
        name: str,
        facts: HostFacts,
        *,
        way: Way | None = None,
        outbox_folder: Path | None,
        host_loop: asyncio.AbstractEventLoop,
        on_call: Callable[[Call, Answer], Onward | None],
        on_topology: Callable[[Topology], None],
        on_listeners: Callable[[Listeners], None],
        on_welcome: Callable[[Welcome], None],
    ) -> None:
        self._address, self._name, self._facts = address, name, facts
        self._way = way
        self._on_call, self._on_welcome = on_call, on_welcome
        self._on_topology, self._on_listeners = on_topology, on_listeners
        self._boot_id = uuid.uuid4().hex
        self._resume_key = uuid.uuid4().hex
        self._plugins: dict[str, PluginInfo] = {}
        self._outbox = Outbox(self._boot_id, outbox_folder)
        self._link: Link | None = None
        self._session = ""
        self._stopping = threading.Event()
        self._loop = new_loop()
        self._here, self._there = Hop(self._loop), Hop(host_loop)
        self._more = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.ended: Future[None] = Future()
        """Ends when the link is given up: with None where that was asked for, else with the reason."""
        self._thread = threading.Thread(target=self._run, name="orbit-uplink", daemon=True)

    def start(self, plugins: dict[str, PluginInfo]) -> None:
        """Begin to dial, with these plugins to announce."""
        self._plugins = plugins
        self._thread.start()

    def notify(self, event: Event) -> None:
        """Send an event; from any thread, without waiting."""
        self._soon(self._append, event)

    def announce(self, plugins: dict[str, PluginInfo]) -> None:
        """Tell the bridge that the plugins have changed; from any thread."""
        self._soon(self._set_plugins, plugins)

    def stop(self, reason: str) -> None:
        """Say goodbye and end; returns when the thread has ended, or after five seconds."""
        if self._thread.is_alive():
            self._soon(self._begin_stop, reason)
            self._thread.join(5)

    # -- everything below runs on the uplink's own thread ------------------------------------------------------

    def _soon(self, what: Callable[..., None], *values: Any) -> None:
        self._here.put(what, *values)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._task = self._loop.create_task(self._serve())
            self._loop.run_until_complete(asyncio.gather(self._task, return_exceptions=True))
            error = None if self._task.cancelled() else self._task.exception()
            if error is None:
                self.ended.set_result(None)
            else:
                self.ended.set_exception(error)
        finally:
            self._outbox.close()
            self._loop.close()

    async def _serve(self) -> None:
        redials = Redials()
        try:
            while True:
                try:
                    transport, welcome = await dial_for_ever(self._connect, self._hello)
                except Refused as refused:
                    raise refused.error from None
                log.info("connected to %s as %s", self._address.url, self._name)
                if self._stopping.is_set():  # while it dialled; a cancel can get lost in there
                    await transport.close()
                    return
                link = self._link_over(transport, welcome)
                if link is None:  # it went down here while the bridge still took it up
                    await transport.close()
                    continue
                redials.begin()
                down = await link.run()
                if self._stopping.is_set():
                    await asyncio.sleep(5)  # the goodbye comes to its end, and cancels this
                    return
                if down is not None and down.bye is not None and not down.bye.retry:
                    self._end_with(down.bye)
                    return
                reason = "it stands without a socket" if down is None else down.reason
                log.warning("the connection to the bridge was lost: %s", reason)
                await redials.wait()
        finally:
            self._end_link("the endpoint ends")

    async def _connect(self) -> Transport:
        address = self._address
        if self._way is not None:  # asked anew each time: a tunnel that was repaired may end elsewhere
            address = replace(address, through=await asyncio.to_thread(self._way.through))
        return await dial(address, "register")

    def _hello(self) -> Hello:
        return Hello(
            role="endpoint",
            name=self._name,
            boot_id=self._boot_id,
            resume_key=self._resume_key,
            plugins=self._plugins,
            host=self._facts,
            session=self._session if self._link is not None else "",
            received=self._link.received if self._link is not None else 0,
        )

    def _link_over(self, transport: Transport, welcome: Welcome) -> Link | None:
        """Go on with the connection that there is, or begin anew where the bridge knows nothing of it."""
        if welcome.resumed:
            if self._link is not None and self._link.attach(transport, welcome.received):
                return self._link
            self._end_link("it can't go on")
            return None
        self._end_link("the bridge has forgotten the connection")
        self._to_host(self._on_welcome, welcome)
        limits = Limits(resume_for=welcome.resume_for, redial_after=REDIAL_AFTER)
        link = Link(transport, on_call=self._hop, on_frame=self._on_frame, limits=limits)
        self._link, self._session = link, welcome.session
        self._outbox.rewind(welcome.last_seen)
        self._more.set()
        sender = self._loop.create_task(self._send_events(link))

        def ended(_: asyncio.Future[Down]) -> None:
            sender.cancel()
            if self._link is link:
                self._link = None
            self._to_host(self._on_listeners, Listeners([]))

        link.closed.add_done_callback(ended)
        return link

    def _end_link(self, reason: str) -> None:
        if self._link is not None:
            self._link.down(reason)
            self._link = None

    def _end_with(self, bye: Bye) -> None:
        if bye.code:
            raise error_from(Fail(id=0, code=bye.code, message=bye.reason))
        log.info("the bridge ended this endpoint: %s", bye.reason)

    def _on_frame(self, frame: AnyFrame) -> None:
        if isinstance(frame, Ack):
            self._outbox.acknowledged(frame.epoch, frame.sequence)
        elif isinstance(frame, Topology):
            self._to_host(self._on_topology, frame)
        elif isinstance(frame, Listeners):
            self._to_host(self._on_listeners, frame)

    def _append(self, event: Event) -> None:
        self._outbox.append(event)
        self._more.set()

    def _set_plugins(self, plugins: dict[str, PluginInfo]) -> None:
        self._plugins = plugins
        if self._link is not None:
            self._link.send(Plugins(plugins))

    async def _send_events(self, link: Link) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            while (events := self._outbox.next()) is not None:
                link.send(events)
                await link.writable()

    def _begin_stop(self, reason: str) -> None:
        if self._task is not None:
            self._loop.create_task(self._say_goodbye(reason))

    async def _say_goodbye(self, reason: str) -> None:
        self._stopping.set()
        if self._link is not None:
            # The last words first: a goodbye says that there is nothing more to come.
            while (events := self._outbox.next()) is not None and self._link.attached:
                self._link.send(events)
                await self._link.writable()
            await self._link.close(Bye(reason, retry=False))
        if self._task is not None:
            self._task.cancel()

    # -- hops between the two threads ---------------------------------------------------------------------------

    def _to_host(self, what: Callable[..., object], *values: Any) -> None:
        self._there.put(what, *values)

    def _hop(self, call: Call, answer: Answer) -> Onward:
        """Begin a call on the host's loop; what either side says further hops back and forth, in order."""
        onward: Onward | None = None

        def answer_here(frame: Reply | Fail | Data | Credit) -> None:
            self._soon(answer, frame)

        def begin() -> None:
            nonlocal onward
            onward = self._on_call(call, answer_here)

        def pass_on(frame: Cancel | Data | Credit) -> None:
            if onward is not None:
                onward(frame)

        self._to_host(begin)
        return lambda frame: self._to_host(pass_on, frame)
