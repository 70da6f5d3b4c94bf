"""Which endpoints there are, who may have a name, and what has changed. No I/O; the clock is a parameter."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timezone
from fnmatch import fnmatchcase
from typing import Any, Protocol

import msgspec

from orbit_jupyter.link import Answer, Down, State
from orbit_jupyter.link.liveness import Liveness
from orbit_jupyter.protocol import (
    PROTOCOL,
    AnyFrame,
    Bye,
    Call,
    Cancel,
    ConflictError,
    Credit,
    Data,
    EndpointInfo,
    EndpointNotFoundError,
    ForbiddenError,
    Hello,
    InvalidFieldError,
    PluginInfo,
    check_name,
    choose_version,
    refuse_version,
)
from orbit_jupyter.protocol.names import BRIDGE

from .turnstile import Turnstile


@dataclass(frozen=True)
class Grant:
    """What a token allows.

    Attributes
    ----------
    id
        The token's public id.
    pattern
        A name, or a glob of names, that an endpoint may have.
    owner
        The user whose endpoint it is.
    lent
        Whether the bridge has made it for a child process of its own.
    """

    id: str
    pattern: str
    owner: str
    lent: bool = False


class EndpointLink(Protocol):
    """What the hub asks of a link to an endpoint; `orbit_jupyter.link.Link` says what each does."""

    liveness: Liveness
    closed: asyncio.Future[Down]

    @property
    def attached(self) -> bool: ...

    def call(self, call: Call, on_answer: Answer) -> int: ...

    def onward(self, id: int, frame: Cancel | Data | Credit) -> None: ...

    def send(self, frame: AnyFrame) -> None: ...

    async def probe(self, seconds: float) -> bool: ...

    def down(self, reason: str) -> None: ...

    async def close(self, bye: Bye | None = None) -> None: ...


@dataclass
class Entry:
    """One endpoint that is connected."""

    name: str
    hello: Hello
    grant: Grant
    link: EndpointLink
    since: float
    plugins: dict[str, PluginInfo] = field(default_factory=dict)
    state: State = "present"
    turnstile: Turnstile = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.turnstile = Turnstile(self)

    def info(self) -> EndpointInfo:
        """Return how topology shows it."""
        facts: dict[str, Any] = msgspec.to_builtins(self.hello.host)
        round_trip = self.link.liveness.round_trip
        return EndpointInfo(
            endpoint={
                "type": "radical.orbit.bridge" if self.name == BRIDGE else "radical.orbit",
                "state": self.state,
                "since": self.since,
                "round_trip": round_trip,
                "owner": self.grant.owner,
                **facts,
            },
            plugins=self.plugins,
        )


class Registry:
    """The endpoints of one bridge: its own plugin host first, the others in the order of their registration."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Any:
        return iter(list(self._entries.values()))

    def names(self) -> list[str]:
        """Return the names."""
        return list(self._entries)

    def get(self, name: str) -> Entry | None:
        """Return an endpoint, or None."""
        return self._entries.get(name)

    def require(self, name: str) -> Entry:
        """Return an endpoint.

        Raises
        ------
        EndpointNotFoundError
            With the names that there are.
        """
        entry = self._entries.get(name)
        if entry is None:
            raise EndpointNotFoundError(f"no endpoint {name!r} is connected", available=self._entries)
        return entry

    def refusal(self, hello: Hello, grant: Grant) -> Bye | None:
        """Return why an endpoint can't register, or None where it may."""
        if choose_version(PROTOCOL, hello.protocol) is None:
            return refuse_version(PROTOCOL, hello.protocol)
        # Globs fit the name `bridge`, too, but only a child of the bridge's own may have it.
        if not (hello.name == BRIDGE and grant.lent):
            try:
                check_name(hello.name, "endpoint name")
            except InvalidFieldError as error:
                return Bye(str(error), retry=False, code=error.code)
        if not fnmatchcase(hello.name, grant.pattern):
            return Bye(
                f"this token (id {grant.id}) is for endpoints named {grant.pattern!r}, not {hello.name!r}; "
                f"make one with: jupyter orbit token create {hello.name}",
                retry=False,
                code=ForbiddenError.code,
            )
        holder = self._entries.get(hello.name)
        if holder is not None and not _same(holder.hello, hello):
            since = datetime.fromtimestamp(holder.since, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
            facts = holder.hello.host
            return Bye(
                f"the name {hello.name!r} is held by {facts.user or 'someone'}@{facts.hostname or 'unknown'} "
                f"(process {facts.pid}) since {since}; choose another with --name, or end that endpoint",
                retry=False,
                code=ConflictError.code,
            )
        return None

    def add(self, entry: Entry) -> Entry | None:
        """Enter an endpoint; return the one of the same name that it takes over from, if any."""
        before = self._entries.pop(entry.name, None)
        mine = {entry.name: entry}
        self._entries = mine | self._entries if entry.name == BRIDGE else self._entries | mine
        return before

    def remove(self, entry: Entry) -> bool:
        """Take an endpoint out, unless another has taken its name over; return whether it was there."""
        if self._entries.get(entry.name) is not entry:
            return False
        del self._entries[entry.name]
        return True

    def topology(self) -> dict[str, EndpointInfo]:
        """Return every endpoint's entry, in this registry's order."""
        return {name: entry.info() for name, entry in self._entries.items()}


def _same(holder: Hello, hello: Hello) -> bool:
    """Whether the dialler is the process that holds the name: the resume key is its secret."""
    return bool(hello.resume_key) and holder.resume_key == hello.resume_key
