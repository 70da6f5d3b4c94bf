"""The bridge's heart: who is connected, where a call goes, who gets an event. No Tornado, no plugins."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Hashable, Mapping
from functools import partial
from typing import Any

import msgspec

from orbit_jupyter.link import TRACE, Answer, Link, Onward, State, begin, new_trace, whole_answer
from orbit_jupyter.protocol import (
    MAX_EVENT,
    PROTOCOL,
    Ack,
    AnyFrame,
    BadRequestError,
    Bye,
    Call,
    Cancel,
    ConflictError,
    Credit,
    Data,
    EndpointDisconnectedError,
    EndpointNotFoundError,
    Event,
    Events,
    Fail,
    ForbiddenError,
    Hello,
    OrbitError,
    PluginInfo,
    Plugins,
    Principal,
    ProtocolError,
    Reply,
    UnauthenticatedError,
    Welcome,
    choose_version,
    fail_from,
)
from orbit_jupyter.protocol.faults import METHODS

from .border import plugins_of
from .event_log import EventLog, Interest, Reader
from .news import News
from .outcomes import BodyCount, Observer, noted
from .presence import Presence
from .readers import Wakeup, gap_event, readable
from .registry import Entry, Grant, Registry
from .sessions import Sessions

log = logging.getLogger("orbit.bridge")

PROBE = 2.0
"""Seconds that the holder of a name has to answer when another process asks for it."""

EXPECT = 30.0
"""Seconds that a call waits for an endpoint that is being started."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

LAST_NUMBER = 2**53
"""Of an endpoint's events; beyond it neither databases nor JSON readers follow."""

MAX_DISMISSED = 1024
"""Processes of endpoints that are remembered as told not to come back."""

READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Hub:
    """Routes calls and remembers events; everything on one event loop, nothing that blocks it.

    Parameters
    ----------
    bridge_id
        The bridge's persisted id.
    url
        Where the bridge answers HTTP.
    events
        The log to go on with; None: a new one, in memory.
    """

    def __init__(self, bridge_id: str, url: str = "", events: EventLog | None = None) -> None:
        self.bridge_id, self.url = bridge_id, url
        self.boot_id = msgspec.json.encode(time.time_ns()).decode()
        self.registry = Registry()
        self.events = events if events is not None else EventLog(epoch=self.boot_id)
        self.events.told = self._wake_readers
        self.own_call: Callable[[Call, Answer], Onward | None] = _no_routes
        self.clients: set[Link] = set()
        self.observers: list[Observer] = []
        self.event_observers: list[Callable[[Entry, list[Event]], None]] = []  # take those of a frame that are new
        self.goodbye_observers: list[Callable[[Entry], None]] = []  # take an endpoint that won't come back
        self.sessions = Sessions()
        self.resume_for = 0.0  # seconds that connections outlive their sockets
        self._received = self.events.received
        self._presence = Presence()
        self._expected: dict[str, asyncio.Future[None]] = {}
        self._absent: dict[str, str] = {}
        self._dismissed: dict[str, Bye] = {}  # by resume key: processes that were told not to come back
        self._readers: set[Wakeup] = set()
        self._news = News(self.registry, self._presence)
        self.watch, self.unwatch = self._news.watch, self._news.unwatch
        self.first_use: Callable[[], None] = lambda: None

    # -- endpoints -------------------------------------------------------------------------------------------

    def welcome(self, hello: Hello, user: str, session: str = "", resumed: Link | None = None) -> Welcome:
        """Return the answer to a dialler that may come in.

        Parameters
        ----------
        session
            Name of its connection.
        resumed
            The connection that goes on, which was taken off its earlier socket; None: a new one.
        """
        return Welcome(
            protocol=choose_version(PROTOCOL, hello.protocol) or PROTOCOL[1],
            bridge_id=self.bridge_id,
            boot_id=self.boot_id,
            url=self.url,
            last_seen=self._received.last(hello.name, hello.boot_id),
            user=user,
            session=session,
            resumed=resumed is not None,
            received=resumed.received if resumed is not None else 0,
            resume_for=self.resume_for if session else 0.0,
        )

    def resumable(self, hello: Hello, user: str) -> Link | None:
        """Return the connection that a dialler wants to go on with, taken off its socket; None: it begins anew."""
        link = self.sessions.get(hello.session, user, hello.received) if hello.session else None
        if link is None:
            return None
        entry = self.registry.get(hello.name) if hello.role == "endpoint" else None
        if hello.role == "endpoint" and (entry is None or entry.link is not link):
            return None
        link.detach()
        return link

    async def admit(self, hello: Hello, grant: Grant) -> Bye | None:
        """Return why an endpoint can't register, or None where it may.

        A name is held by who answers: one whose connection has no socket just now, or is silent when asked, makes
        room for another process of the same user.
        """
        refused = self.refusal(hello, grant)
        holder = self.registry.get(hello.name)
        if refused is None or refused.code != ConflictError.code or holder is None:
            return refused
        if holder.grant.owner != grant.owner or await holder.link.probe(PROBE):
            return refused
        log.warning("endpoint %s doesn't answer; another process takes its name over", hello.name)
        bye = Bye("it didn't answer, and another process has taken its name over", False, ConflictError.code)
        _background(holder.link.close(bye))
        holder.link.down(bye.reason)
        self._endpoint_down(holder)
        return self.refusal(hello, grant)

    def refusal(self, hello: Hello, grant: Grant) -> Bye | None:
        """Return why an endpoint can't register, or None where it may."""
        refused = self._dismissed.get(hello.resume_key) or self.registry.refusal(hello, grant)
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
        self._begin_events(entry)
        self._news.newcomer(entry)

    def _endpoint_down(self, entry: Entry) -> None:
        if self.registry.remove(entry):
            log.info("endpoint %s is gone: %s", entry.name, entry.link.closed.result().reason)
            self._end_events(entry)
            self._news.changed(entry.name)

    def endpoint_frame(self, entry: Entry, frame: AnyFrame) -> None:
        """Take what an endpoint sends besides answers."""
        if isinstance(frame, Events):
            self._take_events(entry, frame)
        elif isinstance(frame, Plugins) and self._take_plugins(entry, frame.plugins):
            self._news.changed(entry.name)

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
        self._news.changed(entry.name)

    def lost_error(self, name: str, reason: str) -> OrbitError:
        """Return what calls in flight end with when an endpoint's link goes down."""
        return EndpointDisconnectedError(f"endpoint {name} went away before it answered: {reason}")

    def endpoint_call(self, entry: Entry, call: Call, answer: Answer) -> Onward | None:
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
        bye = Bye("Disconnected by user", retry=False)
        if entry.hello.resume_key:  # it may be without a socket just now, or on a dead one, and dial again
            self._dismissed[entry.hello.resume_key] = bye
            while len(self._dismissed) > MAX_DISMISSED:
                del self._dismissed[next(iter(self._dismissed))]
        _background(entry.link.close(bye))

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
        self._surely_gone(name)
        if self.registry.get(name) is None and name not in self._expected:
            self._expected[name] = asyncio.get_running_loop().create_future()

    def _surely_gone(self, name: str) -> None:
        """Give an endpoint up at once whose process is known to have ended."""
        entry = self.registry.get(name)
        if entry is not None and not entry.link.attached:
            entry.link.down("its process has ended")
            self._endpoint_down(entry)

    def expect_no_more(self, name: str, reason: str) -> None:
        """Say that it won't come, and why; calls to it fail with that from now on."""
        self._surely_gone(name)
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

    def call(
        self, call: Call, principal: Principal, answer: Answer, caller: Hashable | None = None
    ) -> Onward | None:
        """Send a call on its way; it ends exactly once, see `Answer`, and `observers` are told once before that.

        The principal on it is the bridge's, whatever the caller wrote there.

        Parameters
        ----------
        caller
            The client whose share of the endpoint it takes: a connection; None: the user.
        """
        self.first_use()
        trace = call.trace if TRACE.fullmatch(call.trace) else new_trace()
        call = msgspec.structs.replace(call, principal=principal, trace=trace)
        if not self.observers:
            return self._send_on(call, principal, answer, caller)
        body = BodyCount() if call.more else None
        onward = self._send_on(call, principal, noted(call, answer, self.observers, body), caller)
        return body.counting(onward) if body is not None else onward

    def _send_on(self, call: Call, principal: Principal, answer: Answer, caller: Hashable | None) -> Onward | None:
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
            return entry.turnstile.call(call, caller or principal.user, answer)
        expected = self._expected.get(call.endpoint)
        if expected is not None:
            return self._call_later(expected, call, caller or principal.user, answer)
        answer(fail_from(self._missing(call.endpoint)))
        return None

    async def ask(self, call: Call, principal: Principal) -> Reply | Fail:
        """Make a call as `call` does, and return what ends it."""
        answered: asyncio.Future[Reply | Fail] = asyncio.get_running_loop().create_future()
        onward: Onward | None = None

        def more(frame: Cancel | Data | Credit) -> None:
            if onward is not None:
                onward(frame)

        onward = self.call(call, principal, whole_answer(partial(_settle, answered), more))
        return await answered

    def _missing(self, name: str) -> OrbitError:
        if name in self._absent:
            return EndpointDisconnectedError(self._absent[name], transient=False)
        return EndpointNotFoundError(f"no endpoint {name!r} is connected", available=self.registry.names())

    def _call_later(self, expected: asyncio.Future[None], call: Call, caller: Hashable, answer: Answer) -> Onward:
        """Forward a call once its endpoint is there; what its caller says meanwhile waits, within the credit."""
        onward: Onward | None = None
        early: list[Cancel | Data | Credit] = []

        async def wait() -> None:
            nonlocal onward
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
                onward = entry.turnstile.call(msgspec.structs.replace(call, time_left=left), caller, answer)
                for frame in early:
                    onward(frame)

        waiting = begin(wait(), answer)

        def pass_on(frame: Cancel | Data | Credit) -> None:
            if onward is not None:
                onward(frame)
            elif isinstance(frame, Cancel):
                waiting(frame)
            else:
                early.append(frame)

        return pass_on

    # -- events ----------------------------------------------------------------------------------------------

    def _take_events(self, entry: Entry, frame: Events) -> None:
        if not 0 < frame.first < LAST_NUMBER or not all(readable(event) for event in frame.events):
            log.error("endpoint %s sent an event without a number, no JSON or too large; it is ended", entry.name)
            must = f"an event must have a number above 0, and be JSON on one line, of {MAX_EVENT} bytes at most"
            bye = Bye(must, code=ProtocolError.code)
            _background(entry.link.close(bye))
            return
        gap, new = self._received.new(entry.name, frame)
        for observe in self.event_observers:
            observe(entry, new)
        if gap:
            log.warning("%d events of endpoint %s are lost", gap, entry.name)
            new = [gap_event(gap), *new]
        ack = Ack(frame.epoch, frame.first + len(frame.events) - 1)
        self.events.append(entry.name, entry.grant.owner, new, held=partial(entry.link.send, ack))

    def _begin_events(self, entry: Entry) -> None:
        """Note an endpoint's process, on disk too; say so where an earlier one may have taken events with it."""
        lost = self._received.begin(entry.name, entry.hello.boot_id)
        reason = "the endpoint's earlier process ended without a goodbye; what it had not sent is gone"
        self.events.append(entry.name, entry.grant.owner, [gap_event(None, reason)] if lost else [])

    def _end_events(self, entry: Entry) -> None:
        bye = entry.link.closed.result().bye
        if bye is not None:
            if not bye.retry:
                for observe in self.goodbye_observers:
                    observe(entry)
            self._received.end(entry.name, entry.hello.boot_id)
            self.events.append(entry.name, entry.grant.owner, [])

    def subscribe(self, interest: Interest, seen: tuple[str, int] | None = None) -> Wakeup:
        """Begin to read the log; end with `unsubscribe`.

        Parameters
        ----------
        seen
            Epoch and number of the last event that the subscriber has; None: only what comes from now on.
        """
        after, lost = (None, False) if seen is None else self.events.place(*seen)
        wakeup = Wakeup(Reader(self.events, interest, after), lost)
        self._readers.add(wakeup)
        return wakeup

    def _wake_readers(self) -> None:
        for wakeup in self._readers:
            wakeup.event.set()

    def unsubscribe(self, wakeup: Wakeup) -> None:
        """End a subscription."""
        self._readers.discard(wakeup)

    def user_comes(self, user: str) -> None:
        """Note a connection of a user; endpoints keep the sessions of those who are there."""
        if self._presence.come(user):
            self._news.listeners_changed()

    def user_goes(self, user: str) -> None:
        """Take back `user_comes`."""
        if self._presence.go(user):
            self._news.listeners_changed()

    async def close(self) -> None:
        """Tell every endpoint and client that the bridge ends; they dial again."""
        self._news.stop()
        bye = Bye("the bridge is stopping")
        links = [entry.link for entry in self.registry] + list(self.clients)
        await asyncio.gather(*(link.close(bye) for link in links))


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
