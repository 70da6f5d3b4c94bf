"""Tokens that are good for one life of an endpoint, which is a job of another: forgotten when that life is over.

Who made such a token may be long gone by then, so it is the endpoints that tell: the parent, by an event, when the
job has ended; and the endpoint itself, by its goodbye, where its job has no longest time: no scheduler queues that
again. Where nobody tells, the token expires.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine

import msgspec

from orbit_jupyter.protocol import Event

from .hub import Hub
from .registry import Entry
from .tokens import TokenRecord, TokenStore

log = logging.getLogger("orbit.bridge")

TOPIC = "endpoint_ended"
"""Of the event by which a parent tells, whichever of its plugins has submitted the job."""


class _Ended(msgspec.Struct):
    token_id: str | None = None


class Lives:
    """Listens for the ends of lives.

    Parameters
    ----------
    hub, tokens
        The bridge's.
    """

    def __init__(self, hub: Hub, tokens: TokenStore) -> None:
        self._hub, self._tokens = hub, tokens
        self._tasks: set[asyncio.Task[None]] = set()
        hub.event_observers.append(self._on_events)
        hub.goodbye_observers.append(self._on_goodbye)

    def _on_events(self, entry: Entry, events: list[Event]) -> None:
        for event in events:
            if event.topic == TOPIC:
                self._on_end(entry, event)

    def _on_end(self, entry: Entry, event: Event) -> None:
        try:
            ended = msgspec.json.decode(event.data, type=_Ended)
        except msgspec.DecodeError:
            return
        if ended.token_id is not None:
            # Only of lives that this very endpoint has given, to endpoints of its own user.
            self._soon(self._forget_life, ended.token_id, entry.grant.owner, entry.name)

    def _on_goodbye(self, entry: Entry) -> None:
        self._soon(self._forget_goodbye, entry.grant.id)

    async def _forget_life(self, id: str, owner: str, parent: str) -> None:
        self._forgotten(await asyncio.to_thread(self._tokens.forget_life, id, owner, parent))

    async def _forget_goodbye(self, id: str) -> None:
        self._forgotten(await asyncio.to_thread(self._tokens.forget_goodbye, id))

    def _forgotten(self, records: list[TokenRecord]) -> None:
        for record in records:
            log.info("the token of endpoint %s is forgotten: its life is over", record.name)
        if records:
            self._hub.drop_revoked({record.id for record in records})

    def _soon(self, forget: Callable[..., Coroutine[None, None, None]], *what: str) -> None:
        task = asyncio.ensure_future(forget(*what))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.warning("a token that is over couldn't be removed, and expires: %s", task.exception())

    async def close(self) -> None:
        """Bring what is under way to its end."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
