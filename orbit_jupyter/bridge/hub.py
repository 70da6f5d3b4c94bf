"""The bridge's heart: who is connected, where a call goes, who gets an event. No Tornado, no plugins."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from orbit_jupyter.link import TRACE, Answer, Canceller, Link, State, begin, new_trace
from orbit_jupyter.protocol import (
    MAX_EVENT,
    PROTOCOL,
    Ack,
    AnyFrame,
    BadRequestError,
    Bye,
    Call,
    EndpointDisconnectedError,
    EndpointInfo,
    EndpointNotFoundError,
    Event,
    Events,
    Fail,
    ForbiddenError,
    Hello,
    Listeners,
    OrbitError,
    PluginInfo,
    Plugins,
    Principal,
    ProtocolError,
    Reply,
    Topology,
    UnauthenticatedError,
    Welcome,
    choose_version,
    fail_from,
)
from orbit_jupyter.protocol.faults import METHODS

from .border import plugins_of
from .event_log import EventLog, Interest, Reader, Received
from .outcomes import Observer, noted
from .presence import Presence
from .registry import Entry, Grant, Registry

log = logging.getLogger("orbit.bridge")

COALESCE = 0.05
"""Seconds in which changes of topology are gathered into one."""

EXPECT = 30.0
"""Seconds that a call waits for an endpoint that is being started."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

MAX_NAMES = 1024
"""Characters of an event's plugin, topic, session and owner together."""

READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Hub:
    """Routes calls and remembers events; everything on one event loop, nothing that blocks it.

    Parameters
    ----------
    bridge_id
        The bridge's persisted id.
    url
        Where the bridge answers HTTP.
    """

    def __init__(self, bridge_id: str, url: str = "") -> None:
        self.bridge_id, self.url = bridge_id, url
        self.boot_id = msgspec.json.encode(time.time_ns()).decode()
        self.registry = Registry()
        self.events = EventLog(epoch=self.boot_id)
        self.own_call: Callable[[Call, Answer], Canceller | None] = _no_routes
        self.clients: set[Link] = set()
        self.observers: list[Observer] = []
        self.event_observers: list[Callable[[str, int], None]] = []  # take an endpoint's name and how many came
        self._received = Received()
        self._presence = Presence()
        self._expected: dict[str, asyncio.Future[None]] = {}
        self._absent: dict[str, str] = {}
        self._readers: set[Wakeup] = set()
        self._watchers: set[Callable[[dict[str, EndpointInfo], list[str]], None]] = set()
        self._changed: dict[str, None] = {}
        self._telling: asyncio.TimerHandle | None = None
        self.first_use: Callable[[], None] = lambda: None

    # -- endpoints -------------------------------------------------------------------------------------------

    def welcome(self, hello: Hello, user: str) -> Welcome:
        """Return the answer to a dialler that may come in."""
        return Welcome(
            protocol=choose_version(PROTOCOL, hello.protocol) or PROTOCOL[1],
            bridge_id=self.bridge_id,
            boot_id=self.boot_id,
            url=self.url,
            last_seen=self._received.last(hello.name, hello.boot_id),
            user=user,
        )

    def refusal(self, hello: Hello, grant: Grant) -> Bye | None:
        """Return why an endpoint can't register, or None where it may."""
        refused = self.registry.refusal(hello, grant)
        if refused is not None:
            log.warning("endpoint %s is refused: %s", hello.name, refused.reason)
        return refused

    def endpoint_up(self, entry: Entry) -> None:
        """Enter an endpoint that was welcomed; its calls go to ``entry.link`` from now on."""
        if not self._take_plugins(entry, entry.hello.plugins):
            return
        before = self.registry.add(entry)
        if before is not None:
            log.info("endpoint %s takes over from its own earlier connection", entry.name)
            bye = Bye("the same endpoint has connected again", retry=False)
            _background(before.link.close(bye))
        entry.link.closed.add_done_callback(lambda _: self._endpoint_down(entry))
        waiting = self._expected.pop(entry.name, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)
        log.info("endpoint %s is connected", entry.name)
        entry.link.send(Topology(_names_only(self.registry.topology()), full=True))
        entry.link.send(Listeners(self._presence.users))
        self._topology_changed(entry.name)

    def _endpoint_down(self, entry: Entry) -> None:
        if self.registry.remove(entry):
            log.info("endpoint %s is gone: %s", entry.name, entry.link.closed.result().reason)
            self._topology_changed(entry.name)

    def endpoint_frame(self, entry: Entry, frame: AnyFrame) -> None:
        """Take what an endpoint sends besides answers."""
        if isinstance(frame, Events):
            self._take_events(entry, frame)
        elif isinstance(frame, Plugins) and self._take_plugins(entry, frame.plugins):
            self._topology_changed(entry.name)

    def _take_plugins(self, entry: Entry, plugins: Mapping[str, PluginInfo]) -> bool:
        """Note an endpoint's plugins; end one that says what can't be shown, and return whether it may stay."""
        try:
            entry.plugins = plugins_of(entry.name, plugins)
        except ProtocolError as error:
            log.error("endpoint %s is ended: %s", entry.name, error)
            _background(entry.link.close(Bye(str(error), retry=False, code=error.code)))
            return False
        return True

    def endpoint_state(self, entry: Entry, state: State) -> None:
        """Note that an endpoint is suspect, or present again."""
        entry.state = state
        self._topology_changed(entry.name)

    def lost_error(self, name: str, reason: str) -> OrbitError:
        """Return what calls in flight end with when an endpoint's link goes down."""
        return EndpointDisconnectedError(f"endpoint {name} went away before it answered: {reason}")

    def endpoint_call(self, entry: Entry, call: Call, answer: Answer) -> Canceller | None:
        """Refuse a call that an endpoint makes: it has no rights of its own at the bridge."""
        answer(fail_from(ForbiddenError(f"endpoint {entry.name} can't call through its own link")))
        return None

    def disconnect(self, name: str) -> None:
        """End an endpoint; it doesn't come back by itself.

        Raises
        ------
        EndpointNotFoundError
        """
        entry = self.registry.require(name)
        _background(entry.link.close(Bye("Disconnected by user", retry=False)))

    def drop_revoked(self, token_ids: set[str]) -> None:
        """End the endpoints that came with one of these tokens, which were revoked or have expired."""
        for entry in self.registry:
            if entry.grant.id in token_ids:
                log.warning("endpoint %s is ended: its token was revoked or has expired", entry.name)
                bye = Bye("this endpoint's token was revoked or has expired", False, UnauthenticatedError.code)
                _background(entry.link.close(bye))

    def expect(self, name: str) -> None:
        """Say that an endpoint is on its way: calls to it wait for it instead of failing."""
        self._absent.pop(name, None)
        if self.registry.get(name) is None and name not in self._expected:
            self._expected[name] = asyncio.get_running_loop().create_future()

    def expect_no_more(self, name: str, reason: str) -> None:
        """Say that it won't come, and why; calls to it fail with that from now on."""
        self._absent[name] = reason
        waiting = self._expected.pop(name, None)
        if waiting is not None and not waiting.done():
            waiting.set_exception(EndpointDisconnectedError(reason))
            waiting.exception()  # nobody may be waiting

    async def settle(self, seconds: float) -> None:
        """Wait for the endpoints that are on their way, but not for longer than so many seconds."""
        if self._expected:
            await asyncio.wait([asyncio.shield(one) for one in self._expected.values()], timeout=seconds)

    # -- calls -----------------------------------------------------------------------------------------------

    def call(self, call: Call, principal: Principal, answer: Answer) -> Canceller | None:
        """Send a call on its way; `answer` is called exactly once, and `observers` once before it.

        The principal on it is the bridge's, whatever the caller wrote there.
        """
        self.first_use()
        trace = call.trace if TRACE.fullmatch(call.trace) else new_trace()
        call = msgspec.structs.replace(call, principal=principal, trace=trace)
        if self.observers:
            answer = noted(call, answer, self.observers)
        if _CONTROL.search(call.path) or call.method not in METHODS:
            # Over HTTP neither comes so far; in a log such a path would look like a line of its own.
            answer(fail_from(BadRequestError("a call has an HTTP method and a path without control characters")))
            return None
        if not call.endpoint:
            return self.own_call(call, answer)
        action = "read" if call.method in READ_METHODS else "execute"
        if action not in principal.scopes:
            answer(fail_from(ForbiddenError(f"you may not {action} on endpoint {call.endpoint}")))
            return None
        entry = self.registry.get(call.endpoint)
        if entry is not None:
            return _forward(entry, call, principal, answer)
        expected = self._expected.get(call.endpoint)
        if expected is not None:
            return begin(self._call_later(expected, call, principal, answer), answer)
        answer(fail_from(self._missing(call.endpoint)))
        return None

    async def ask(self, call: Call, principal: Principal) -> Reply | Fail:
        """Make a call as `call` does, and return what ends it."""
        answered: asyncio.Future[Reply | Fail] = asyncio.get_running_loop().create_future()
        self.call(call, principal, partial(_settle, answered))
        return await answered

    def _missing(self, name: str) -> OrbitError:
        if name in self._absent:
            return EndpointDisconnectedError(self._absent[name], transient=False)
        return EndpointNotFoundError(f"no endpoint {name!r} is connected", available=self.registry.names())

    async def _call_later(
        self, expected: asyncio.Future[None], call: Call, principal: Principal, answer: Answer
    ) -> None:
        began = time.monotonic()
        try:
            await asyncio.wait_for(asyncio.shield(expected), min(call.time_left, EXPECT))
            left = call.time_left - (time.monotonic() - began)
            entry = self.registry.require(call.endpoint)
        except asyncio.TimeoutError:
            waited = time.monotonic() - began
            reason = f"endpoint {call.endpoint} is being started and wasn't there after {waited:.0f} s"
            answer(fail_from(EndpointDisconnectedError(reason)))
        except OrbitError as error:
            answer(fail_from(error))
        else:
            answered: asyncio.Future[Reply | Fail] = asyncio.get_running_loop().create_future()
            call = msgspec.structs.replace(call, time_left=left)
            cancel = _forward(entry, call, principal, partial(_settle, answered))
            try:
                answer(await answered)
            except asyncio.CancelledError:
                cancel("the caller stopped waiting")
                raise

    # -- events ----------------------------------------------------------------------------------------------

    def _take_events(self, entry: Entry, frame: Events) -> None:
        if not all(_readable(event) for event in frame.events):
            log.error("endpoint %s sent an event that is no JSON or too large, and is ended", entry.name)
            bye = Bye(f"an event must be JSON on one line, of {MAX_EVENT} bytes at most", code=ProtocolError.code)
            _background(entry.link.close(bye))
            return
        gap, new = self._received.new(entry.name, frame)
        if gap:
            log.warning("%d events of endpoint %s are lost", gap, entry.name)
            lost = msgspec.json.encode({"missed": gap})
            self.events.append(entry.name, entry.grant.owner, Event("", "gap", lost, time=time.time()))
        for event in new:
            self.events.append(entry.name, entry.grant.owner, event)
        for observe in self.event_observers:
            observe(entry.name, len(new))
        entry.link.send(Ack(frame.epoch, frame.first + len(frame.events) - 1))
        for wakeup in self._readers:
            wakeup.event.set()

    def subscribe(self, interest: Interest, after: int | None = None) -> Wakeup:
        """Begin to read the log; end with `unsubscribe`."""
        wakeup = Wakeup(Reader(self.events, interest, after))
        self._readers.add(wakeup)
        return wakeup

    def unsubscribe(self, wakeup: Wakeup) -> None:
        """End a subscription."""
        self._readers.discard(wakeup)

    def user_comes(self, user: str) -> None:
        """Note a connection of a user; endpoints keep the sessions of those who are there."""
        if self._presence.come(user):
            self._tell_presence()

    def user_goes(self, user: str) -> None:
        """Take back `user_comes`."""
        if self._presence.go(user):
            self._tell_presence()

    def _tell_presence(self) -> None:
        frame = Listeners(self._presence.users)
        for entry in self.registry:
            entry.link.send(frame)

    # -- topology --------------------------------------------------------------------------------------------

    def watch(self, told: Callable[[dict[str, EndpointInfo], list[str]], None]) -> None:
        """Have `told(changed, removed)` called after changes, several at once."""
        self._watchers.add(told)

    def unwatch(self, told: Callable[[dict[str, EndpointInfo], list[str]], None]) -> None:
        """Take back `watch`."""
        self._watchers.discard(told)

    def _topology_changed(self, name: str) -> None:
        self._changed[name] = None
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(COALESCE, self._tell)

    def _tell(self) -> None:
        self._telling = None
        changed = {name: entry.info() for name in self._changed if (entry := self.registry.get(name))}
        removed = [name for name in self._changed if name not in changed]
        self._changed.clear()
        for told in list(self._watchers):
            told(changed, removed)
        frame = Topology(_names_only(changed), removed)
        for entry in self.registry:
            entry.link.send(frame)

    async def close(self) -> None:
        """Tell every endpoint and client that the bridge ends; they dial again."""
        if self._telling is not None:
            self._telling.cancel()
        bye = Bye("the bridge is stopping")
        links = [entry.link for entry in self.registry] + list(self.clients)
        await asyncio.gather(*(link.close(bye) for link in links))


class Wakeup:
    """A reader of the log, and the event that says there is more."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.event = asyncio.Event()
        if reader.behind:
            self.event.set()

    async def more(self) -> None:
        """Wait until there is something to read."""
        await self.event.wait()
        self.event.clear()


def _readable(event: Event) -> bool:
    """Whether an event's data may go into a stream as it is: readers take the stream apart at line ends."""
    if len(event.data) > MAX_EVENT or b"\n" in event.data or b"\r" in event.data:
        return False
    if len(event.plugin) + len(event.topic) + len(event.session) + len(event.owner) > MAX_NAMES:
        return False
    try:
        msgspec.json.decode(event.data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _forward(entry: Entry, call: Call, principal: Principal, answer: Answer) -> Canceller:
    own = principal.user == entry.grant.owner

    def filtered(reply: Reply | Fail) -> None:
        if isinstance(reply, Fail) and not own and "traceback" in reply.data:
            shown: dict[str, Any] = {key: value for key, value in reply.data.items() if key != "traceback"}
            reply = msgspec.structs.replace(reply, data=shown)
        answer(reply)

    id = entry.link.call(call, filtered)
    return lambda reason: entry.link.cancel(id, reason)


def _names_only(endpoints: dict[str, EndpointInfo]) -> dict[str, EndpointInfo]:
    """Return the topology as endpoints get it: without the pages that only people look at."""
    return {
        name: EndpointInfo(
            endpoint={"type": info.endpoint["type"], "state": info.endpoint["state"]},
            plugins={
                plugin: PluginInfo(type=shown.type, namespace=shown.namespace, version=shown.version)
                for plugin, shown in info.plugins.items()
                if shown.enabled
            },
        )
        for name, info in endpoints.items()
    }


def _no_routes(_call: Call, answer: Answer) -> None:
    answer(fail_from(OrbitError("this bridge has no routes of its own")))


def _settle(answered: asyncio.Future[Reply | Fail], reply: Reply | Fail) -> None:
    if not answered.done():  # the caller may have gone meanwhile
        answered.set_result(reply)


_tasks: set[asyncio.Future[None]] = set()


def _background(coroutine: Any) -> None:
    """Run something nobody waits for; kept until it ends, since a loop holds its tasks only weakly."""
    task = asyncio.ensure_future(coroutine)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
