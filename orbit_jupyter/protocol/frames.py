"""Every message of the native protocol, written once.

A frame is one msgpack array in one binary WebSocket message (or one length-prefixed record on a socket pair):
its tag, then its fields in the order given here. Fields are only ever appended: a reader ignores what it doesn't
know and takes the default of what an older writer left out. Bodies are opaque bytes; who only forwards a frame
never looks into them.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Role = Literal["endpoint", "client", "plugin-host"]


class Principal(msgspec.Struct, frozen=True):
    """Who asks, as the bridge has established it; what a client says about itself is never believed."""

    user: str
    groups: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    """Jupyter's actions that the caller was granted, of `read`, `write` and `execute`."""


class PluginInfo(msgspec.Struct, frozen=True):
    """One plugin, as every listing shows it."""

    type: str
    """The plugin's name; several instances of it share this."""
    namespace: str
    """Path prefix of its routes, ``/{endpoint}/{instance}``."""
    version: str = "0.0.1"
    enabled: bool = True
    """False: it can't be called, and `error` says why."""
    ui_config: dict[str, Any] = {}
    error: str | None = None
    """Why it failed to load, or why its child host last died."""


class HostFacts(msgspec.Struct, frozen=True):
    """What an endpoint says about where it runs."""

    hostname: str = ""
    user: str = ""
    pid: int = 0
    python: str = ""
    orbit: str = ""
    role: str = ""
    """`bridge`, `login`, `compute` or `standalone`."""
    scheduler: str = ""
    job_id: str | None = None


class EndpointInfo(msgspec.Struct, frozen=True):
    """One endpoint, as topology and `/endpoint/list` show it."""

    endpoint: dict[str, Any]
    """``type`` (``radical.orbit``), `state`, `since` (epoch seconds), host facts."""
    plugins: dict[str, PluginInfo]


class Event(msgspec.Struct, frozen=True, array_like=True):
    """One notification of a plugin. `data` is JSON, at most 64 KiB."""

    plugin: str
    topic: str
    data: bytes
    session: str = ""
    owner: str = ""
    """Who may see it; empty: everyone who may read."""
    time: float = 0.0
    """Epoch seconds at the endpoint."""
    truncated: bool = False
    """Whether `data` was cut to its tail; a call fetches the whole."""


class Frame(msgspec.Struct, frozen=True, array_like=True):
    """What all frames have in common: a tag in front."""


class Hello(Frame, frozen=True, tag="hello"):
    """Who dials in, first on every link."""

    role: Role
    name: str
    boot_id: str
    """New with each process: the same id back means that nothing in flight was lost there."""
    protocol: tuple[int, int] = (1, 1)
    """Lowest and highest version spoken."""
    resume_key: str = ""
    """Secret that only the holder of the name knows; it may take its own name over."""
    last_seen: int = 0
    """Sequence number of the last event that this side has received."""
    capabilities: tuple[str, ...] = ()
    plugins: dict[str, PluginInfo] = {}
    host: HostFacts = HostFacts()
    session: str = ""
    """What a `Welcome` called the connection that is to go on; empty: a new one."""
    received: int = 0
    """How many counted frames have come over that connection; the far side sends the later ones again."""


class Welcome(Frame, frozen=True, tag="welcome"):
    """The bridge's answer to a `Hello` that it accepts."""

    protocol: int
    bridge_id: str
    boot_id: str
    url: str = ""
    """Where the bridge answers HTTP, as it knows itself; empty where it doesn't."""
    last_seen: int = 0
    """Sequence number up to which the bridge holds this endpoint's events."""
    capabilities: tuple[str, ...] = ()
    user: str = ""
    """Who the bridge takes the dialler for."""
    session: str = ""
    """Names this connection, so that it can go on over another socket. A secret of the two ends."""
    resumed: bool = False
    """Whether the connection goes on that the `Hello` named: nothing in flight was lost."""
    received: int = 0
    """As in `Hello`."""
    resume_for: float = 0.0
    """Seconds that the bridge keeps the connection without a socket; 0: it doesn't."""


class Call(Frame, frozen=True, tag="call"):
    """A request, HTTP-shaped, so that one routing table serves every way in."""

    id: int
    """Belongs to this hop alone."""
    endpoint: str
    """Empty: the bridge's own routes."""
    method: str
    path: str
    """Percent-encoded, beginning with ``/{plugin}/``."""
    query: str = ""
    headers: dict[str, str] = {}
    principal: Principal | None = None
    time_left: float = 600.0
    """Seconds; each hop passes on what is left, never an absolute time, since clocks differ."""
    body: bytes = b""
    more: bool = False
    """Whether the body goes on in `Data` frames."""
    trace: str = ""
    """One id from cell to plugin, for logs."""
    key: str = ""
    """Idempotency key of a submit."""


class Reply(Frame, frozen=True, tag="reply"):
    """The answer of a handler, a client's mistake included. It or a `Fail` ends a call, once."""

    id: int
    status: int
    headers: dict[str, str] = {}
    body: bytes = b""
    more: bool = False


class Fail(Frame, frozen=True, tag="fail"):
    """The answer where there is no handler's: a typed error."""

    id: int
    code: str
    message: str
    transient: bool = False
    status: int = 500
    data: dict[str, Any] = {}


class Data(Frame, frozen=True, tag="data"):
    """The next piece of a body, within the credit that the reader gave."""

    id: int
    data: bytes
    end: bool = False
    back: bool = False
    """Whether it travels from the handler to the caller, as an answer does; the id is the caller's in any case."""


class Credit(Frame, frozen=True, tag="credit"):
    """How many more bytes of a stream the reader takes, beyond the first MiB."""

    id: int
    size: int
    back: bool = False
    """Whether it travels from the handler to the caller."""


class Cancel(Frame, frozen=True, tag="cancel"):
    """The caller no longer wants the answer; the handler is told."""

    id: int
    reason: str = ""


class Events(Frame, frozen=True, tag="events"):
    """Notifications in order, the first of them numbered `first`."""

    epoch: str
    """Within it numbers grow by one; a new one begins where the sender has lost its count."""
    first: int
    events: list[Event]
    endpoint: str = ""
    """Whose they are, on a client's link."""
    missed: int = 0
    """How many before `first` are gone for this reader: a gap, said once."""
    last: int = 0
    """On a client's link, where a filter leaves holes: the number of the last event here."""


class Ack(Frame, frozen=True, tag="ack"):
    """All events up to `sequence` are held by this side."""

    epoch: str
    sequence: int


class Subscribe(Frame, frozen=True, tag="subscribe"):
    """From now on (or from `after` on) send events that match. Empty patterns match all."""

    id: int
    endpoint: str = ""
    plugin: str = ""
    topic: str = ""
    after: dict[str, tuple[str, int]] | None = None
    """Endpoint → (epoch, sequence) to go on from."""


class Topology(Frame, frozen=True, tag="topology"):
    """What has changed among the endpoints, several changes in one."""

    endpoints: dict[str, EndpointInfo]
    removed: list[str] = []
    full: bool = False
    """Whether `endpoints` is all there is, not a change."""


class Plugins(Frame, frozen=True, tag="plugins"):
    """An endpoint's plugins have changed: this is the new list, whole."""

    plugins: dict[str, PluginInfo]


class Listeners(Frame, frozen=True, tag="listeners"):
    """Which users have a client connected to the bridge, or listen to events there: all, at each change."""

    users: list[str]


class Ping(Frame, frozen=True, tag="ping"):
    """Are you there? `time` comes back as it is."""

    time: float
    received: int = 0
    """As in `Seen`."""


class Pong(Frame, frozen=True, tag="pong"):
    """I am here."""

    time: float
    received: int = 0
    """As in `Seen`."""


class Seen(Frame, frozen=True, tag="seen"):
    """So many counted frames have come: those need not be kept any more for a connection that breaks.

    Counted are all frames but `Hello`, `Welcome`, `Ping`, `Pong`, `Seen` and `Bye`.
    """

    received: int


class Bye(Frame, frozen=True, tag="bye"):
    """This link ends, and why; `retry` says whether to dial again."""

    reason: str
    retry: bool = True
    code: str = ""
    """Code of `errors` where the dialler was refused."""


AnyFrame = (
    Hello
    | Welcome
    | Call
    | Reply
    | Fail
    | Data
    | Credit
    | Cancel
    | Events
    | Ack
    | Subscribe
    | Topology
    | Plugins
    | Listeners
    | Ping
    | Pong
    | Seen
    | Bye
)
