"""Every message of that release, written once: JSON in text, or a msgpack map in binary. No I/O."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from orbit_jupyter.protocol import PluginInfo, ProtocolError

RELEASE = "radical.orbit 0.2"


class _Message(msgspec.Struct, frozen=True, tag_field="type"):
    pass


class OnePlugin(msgspec.Struct, frozen=True):
    """What an endpoint says of a plugin; its `ui_module`, JavaScript from a foreign machine, isn't looked at."""

    type: str = ""
    version: str = "0.0.1"
    ui_config: dict[str, Any] | None = None


class PluginList(msgspec.Struct, frozen=True):
    """The plugins of one endpoint."""

    plugins: dict[str, OnePlugin] = {}


def infos_of(plugins: dict[str, OnePlugin]) -> dict[str, PluginInfo]:
    """Return plugins as listings show them; the namespace is the bridge's to say."""
    return {
        name: PluginInfo(said.type or name, "", said.version, ui_config=said.ui_config or {})
        for name, said in plugins.items()
    }


# -- from the endpoint --------------------------------------------------------------------------------------------


class Register(_Message, frozen=True, tag="register"):
    """Who dials in, first on every connection. Nothing answers it but a topology, or an error."""

    endpoint_name: str
    plugins: dict[str, OnePlugin] = {}


class Response(_Message, frozen=True, tag="response"):
    """The answer to a request."""

    req_id: str
    status: int = 502
    headers: dict[str, str] = {}
    body: msgspec.Raw = msgspec.Raw(b"")
    """JSON: the answer itself, or a string that holds it; see `answers`."""
    is_binary: bool = False


class Notification(_Message, frozen=True, tag="notification"):
    """An event of a plugin. The endpoint that it names is not believed."""

    plugin: str
    topic: str
    data: dict[str, Any] = {}


class Announcement(_Message, frozen=True, tag="topology"):
    """The endpoint's plugins have changed: this is the new list, under its own name."""

    endpoints: dict[str, PluginList] = {}


class Pong(_Message, frozen=True, tag="pong"):
    """I am here."""


Said = Register | Response | Notification | Announcement | Pong

# -- to the endpoint ----------------------------------------------------------------------------------------------


class Request(_Message, frozen=True, tag="request"):
    """A call."""

    req_id: str
    method: str
    path: str
    """Decoded, without the endpoint's name, the query at its end."""
    headers: dict[str, str] = {}
    is_binary: bool = False
    body: str | bytes | None = None


class Ping(_Message, frozen=True, tag="ping"):
    """Asks whether the endpoint is there."""


class Names(msgspec.Struct, frozen=True):
    """The plugins of one endpoint, by name alone."""

    plugins: list[str]


class Topology(_Message, frozen=True, tag="topology"):
    """All endpoints."""

    endpoints: dict[str, Names]


class Error(_Message, frozen=True, tag="error"):
    """A final refusal: whoever gets it ends its process."""

    message: str


class Shutdown(_Message, frozen=True, tag="shutdown"):
    """The endpoint ends, and doesn't come back."""

    reason: str


# -- bytes and back -----------------------------------------------------------------------------------------------

_decoder: msgspec.json.Decoder[Said] = msgspec.json.Decoder(Said)
_REQ_ID = re.compile(rb'"req_id"\s*:\s*"([0-9a-f.]{1,40})"')
_KIND = re.compile(rb'"type"\s*:\s*"([a-z]{1,20})"')
_HEAD = 512
"""Bytes of a message that can't be read in which its type and id are looked for; there they stand in practice."""

to_json = msgspec.json.encode
to_msgpack = msgspec.msgpack.encode


class UnreadableMessageError(ProtocolError):
    """These bytes are no message of that release.

    Attributes
    ----------
    kind, req_id
        What it seems to be, and the request that it seems to answer; empty where that can't be made out.
    """

    def __init__(self, message: str, kind: str = "", req_id: str = "") -> None:
        super().__init__(message)
        self.kind, self.req_id = kind, req_id


def is_json(data: bytes) -> bool:
    """Whether a message is JSON, not msgpack, where no map begins with a brace."""
    return data[:64].lstrip().startswith(b"{")


def read(data: bytes) -> Said:
    """Return what an endpoint says.

    Raises
    ------
    UnreadableMessageError
    """
    try:
        if not is_json(data):
            data = _as_json(data)
        return _decoder.decode(data)
    except (msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise UnreadableMessageError(
            f"a message can't be read: {error}", _found(_KIND, data), _found(_REQ_ID, data)
        ) from None


def _found(pattern: re.Pattern[bytes], data: bytes) -> str:
    found = pattern.search(data, 0, _HEAD)
    return found[1].decode() if found else ""


def _as_json(data: bytes) -> bytes:
    said = msgspec.msgpack.decode(data)
    if isinstance(said, dict) and isinstance(said.get("body"), bytes):
        said["is_binary"] = True  # JSON carries bytes as base64 text, as this release does
    return to_json(said)
