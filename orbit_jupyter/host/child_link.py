"""A plugin in a child process, seen from the endpoint: calls go over a socket pair, and what dies is restarted."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Callable

import msgspec

from orbit_jupyter.link import Answer, Link, Onward, TransportClosedError, begin, connect_socket, whole_call
from orbit_jupyter.protocol import (
    AnyFrame,
    Bye,
    Call,
    DeadlineError,
    EndpointDisconnectedError,
    Event,
    Events,
    Hello,
    Listeners,
    OrbitError,
    PluginInfo,
    Plugins,
    Topology,
    UnreadableFrameError,
    Welcome,
    decode,
    encode,
    fail_from,
)

from .restarts import Restarts

log = logging.getLogger("orbit.host")

START_TIME = 60.0
"""Seconds that a child may take to import its plugin."""

RESTARTS, WINDOW = 5, 60.0
"""A child that dies so many times within so many seconds stays down."""


class ChildSetup(msgspec.Struct, frozen=True):
    """What a child plugin host is told on its command line."""

    source: str
    instance_name: str
    endpoint_name: str
    bridge_url: str
    role: str
    folder: str | None


class ChildPlugin:
    """A plugin that lives in a child process.

    Parameters
    ----------
    setup
        What the child loads.
    on_event
        Takes its notifications.
    on_change
        Called when what `info` returns has changed.
    """

    def __init__(
        self, setup: ChildSetup, on_event: Callable[[Event], None], on_change: Callable[[], None]
    ) -> None:
        self._setup, self._on_event, self._on_change = setup, on_event, on_change
        self._link: Link | None = None
        self._info = PluginInfo(
            type=setup.instance_name,
            namespace=f"/{setup.endpoint_name}/{setup.instance_name}",
            enabled=False,
            error="is starting",
        )
        self._settled = asyncio.Event()  # set while it is known whether the child is up or down for good
        self._told: dict[type, Topology | Listeners] = {}
        self._restarts = Restarts(RESTARTS, WINDOW, first=0.4, longest=5.0)
        self._task = asyncio.get_running_loop().create_task(self._supervise())

    def info(self) -> PluginInfo:
        """Return how listings show it: with the reason, while it is down."""
        return self._info

    def handle(self, call: Call, answer: Answer) -> Onward | None:
        """Pass a call on to the child; one that comes while it starts waits, one to a child that is down fails."""
        if self._link is not None:
            link = self._link
            id = link.call(call, answer)
            return lambda frame: link.onward(id, frame)
        return whole_call(call, answer, lambda whole, answer: begin(self._handle_later(whole, answer), answer))

    async def _handle_later(self, call: Call, answer: Answer) -> None:
        name = self._setup.instance_name
        loop = asyncio.get_running_loop()
        until = loop.time() + call.time_left
        try:
            await asyncio.wait_for(self._settled.wait(), call.time_left)
            if self._link is None:
                reason = f"the host of plugin {name} is down: {self._info.error}"
                answer(fail_from(EndpointDisconnectedError(reason, transient=False)))
                return
            reply = await self._link.request(msgspec.structs.replace(call, time_left=until - loop.time()))
        except OrbitError as error:
            answer(fail_from(error))
        except asyncio.TimeoutError:
            answer(fail_from(DeadlineError(f"plugin {name} was still starting when the time was over")))
        else:
            answer(reply)

    def tell(self, news: Topology | Listeners) -> None:
        """Pass on what the bridge has told; a child that starts later gets the last of each kind."""
        self._told[type(news)] = news
        if self._link is not None:
            self._link.send(news)

    async def _supervise(self) -> None:
        while True:
            try:
                reason = await self._one_life()
            except Exception as error:  # no process or no socket to be had: as bad as a death, and as passing
                log.exception("the host of plugin %s can't be started", self._setup.instance_name)
                reason = f"can't be started: {error}"
            self._link = None
            wait = self._restarts.after_death()
            self._settled.clear()
            ending = "it died too often and stays down" if wait is None else "it is restarted"
            self._say_down(f"{reason}; {ending}")
            if wait is None:
                self._settled.set()
                return
            await asyncio.sleep(wait)

    def _say_down(self, reason: str) -> None:
        log.error("the host of plugin %s: %s", self._setup.instance_name, reason)
        self._info = msgspec.structs.replace(self._info, enabled=False, error=reason)
        self._on_change()

    async def _one_life(self) -> str:
        ours, theirs = socket.socketpair()
        with theirs:
            transport = await connect_socket(ours)
            try:
                process = await self._start_process(theirs.fileno())
            except BaseException:
                await transport.close()
                raise
        try:
            hello = decode(await asyncio.wait_for(transport.receive(), START_TIME))
            if not isinstance(hello, Hello):
                return hello.reason if isinstance(hello, Bye) else "it didn't greet"
            await transport.send(encode(Welcome(protocol=1, bridge_id="", boot_id=hello.boot_id)))
            self._info = hello.plugins[self._setup.instance_name]
            self._link = Link(transport, on_call=_no_calls, on_frame=self._on_frame, lost_error=self._lost_error)
            for news in self._told.values():
                self._link.send(news)
            self._on_change()
            self._settled.set()
            await self._link.run()
        except (TransportClosedError, UnreadableFrameError, asyncio.TimeoutError) as error:
            log.debug("child link ended: %s", error)
        finally:
            await transport.close()
            status = await _end_process(process)
        return f"its process ended with {_how(status)}"

    async def _start_process(self, fd: int) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "orbit_jupyter.host.child",
            str(fd),
            msgspec.json.encode(self._setup).decode(),
            pass_fds=(fd,),
            stdin=asyncio.subprocess.DEVNULL,
        )

    def _on_frame(self, frame: AnyFrame) -> None:
        if isinstance(frame, Events):
            for event in frame.events:
                self._on_event(event)
        elif isinstance(frame, Plugins):
            self._info = frame.plugins[self._setup.instance_name]
            self._on_change()

    def _lost_error(self, reason: str) -> OrbitError:
        return EndpointDisconnectedError(
            f"the host of plugin {self._setup.instance_name} died before it answered: {reason}"
        )

    async def close(self) -> None:
        """End the child; it has five seconds for its plugin's `close`."""
        self._task.cancel()
        if self._link is not None:
            await self._link.close(Bye("the endpoint ends", retry=False))
        await asyncio.gather(self._task, return_exceptions=True)


async def _end_process(process: asyncio.subprocess.Process) -> int:
    if process.returncode is None:
        with contextlib.suppress(asyncio.TimeoutError):
            return await asyncio.wait_for(process.wait(), 5)
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    return await process.wait()


def _no_calls(_call: Call, answer: Answer) -> None:
    answer(fail_from(OrbitError("a plugin host has nothing to call here")))


def _how(status: int) -> str:
    if status >= 0:
        return f"status {status}"
    with contextlib.suppress(ValueError):
        return f"signal {signal.Signals(-status).name}"
    return f"signal {-status}"
