"""What the routes take. What is secret shows in no repr."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

Line = Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=1024)]
Id = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{12}$")]
Token = Annotated[str, msgspec.Meta(pattern=r"^orbit_[0-9a-f]{12}_[!-~]+$", max_length=4096)]
Salt = Annotated[str, msgspec.Meta(min_length=16, max_length=256)]


class Holder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The process that has a name at the bridge."""

    hostname: Line
    pid: int


class Bridge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the caller knows of the bridge, and the endpoint may not ask it."""

    id: Line
    """Who it is."""
    token_ids: list[Id] = []
    """Of the tokens that there are for this name."""
    holder: Holder | None = None
    """Who is connected under this name; null: nobody."""


class Start(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``start/{sid}``."""

    target: Line
    """``HOST`` or ``USER@HOST``, as for ssh."""
    name: Line
    """The endpoint's."""
    bridge: Bridge
    token: Token | None = None
    """For an endpoint of that name; null: good enough where it runs there already."""
    plugins: Line = "default"
    python: Line | None = None
    ssh: Line = ""
    """More options for ssh, as in a command line."""
    packages: list[Line] = []

    def __repr__(self) -> str:
        return f"Start({self.target!r}, {self.name!r})"

    def __rich_repr__(self) -> Any:
        yield self.target
        yield self.name


class Leave(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``leave/{sid}``."""

    name: Line
    bridge: Bridge
    remove: bool = False
    """Whether the installation and the endpoint's state there go, too."""


class Reply(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``answer/{sid}/{join_id}``."""

    question: Line
    """Its id."""
    reply: Annotated[str, msgspec.Meta(pattern=r"^[^\x00\r\n]*$", max_length=4096)]
    salt: Salt
    """Random text. The bridge's audit log keeps a digest of each body, from which a password could be guessed."""

    def __repr__(self) -> str:
        return f"Reply({self.question!r})"

    def __rich_repr__(self) -> Any:
        yield self.question
