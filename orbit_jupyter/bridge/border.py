"""What may cross between a browser and an endpoint, which is a foreign machine. No I/O."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, urlencode

import msgspec

from orbit_jupyter.protocol import NAME, PluginInfo, ProtocolError

MAX_PLUGINS = 128 * 2**10
"""Bytes of JSON that an endpoint may say of its plugins, their pages included: every listing carries them."""

TRACE_HEADER = "x-orbit-trace"
"""Names the call; the bridge's to say."""

# Credentials of the Jupyter server: whoever has them owns the notebooks.
_SECRET_HEADERS = frozenset({"cookie", "authorization", "proxy-authorization", "x-xsrftoken", "x-csrftoken"})
_SECRET_PARAMETERS = frozenset({"token", "_xsrf"})

# Headers about one connection, not about the message (RFC 9110, section 7.6.1).
_HOP_HEADERS = frozenset(
    {
        "connection",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "content-length",
        "accept-encoding",
    }
)

_REPLY_HEADERS = frozenset(
    {
        "content-type",
        "content-range",
        "content-disposition",
        "accept-ranges",
        "etag",
        "last-modified",
        "allow",
        "retry-after",
    }
)


_OWN_HEADER = re.compile("x-orbit-[a-z0-9_-]+")


def request_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the headers that an endpoint may see, names in lower case."""
    return {
        name.lower(): value
        for name, value in headers
        if name.lower() not in _SECRET_HEADERS and name.lower() not in _HOP_HEADERS
    }


def request_query(query: str) -> str:
    """Return a query string without the server's own credentials."""
    if not any(name in query for name in _SECRET_PARAMETERS) and "%" not in query:
        return query
    pairs = parse_qsl(query, keep_blank_values=True)
    return urlencode([pair for pair in pairs if pair[0] not in _SECRET_PARAMETERS])


def plugins_of(endpoint: str, plugins: Mapping[str, PluginInfo]) -> dict[str, PluginInfo]:
    """Return what an endpoint says of its plugins, as listings may show it.

    Each has its own namespace, whatever the endpoint writes there. Where all of it together is too large, the
    pages are left out.

    Raises
    ------
    ProtocolError
        It can't be shown: a name that is none, something that JSON can't say, too much even without pages.
    """
    wrong = next((name for name in plugins if not NAME.fullmatch(name)), None)
    if wrong is not None:
        raise ProtocolError(f"{wrong[:80]!r} can't be the name of a plugin")
    own = {name: msgspec.structs.replace(info, namespace=f"/{endpoint}/{name}") for name, info in plugins.items()}
    try:
        said = msgspec.json.encode(own)
        if len(said) > MAX_PLUGINS:
            without = {name: msgspec.structs.replace(info, ui_config={}) for name, info in own.items()}
            said = msgspec.json.encode(without)
        # There and back: msgpack can carry what JSON can't, and it would break the listings of all endpoints.
        shown = msgspec.json.decode(said, type=dict[str, PluginInfo])
    except (TypeError, ValueError, RecursionError) as error:
        raise ProtocolError(f"the plugins of endpoint {endpoint} can't be listed: {error}") from None
    if len(said) > MAX_PLUGINS:
        raise ProtocolError(
            f"endpoint {endpoint} says {len(said)} bytes of its plugins, over the limit of {MAX_PLUGINS}"
        )
    return shown


def reply_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of an endpoint's answer that a browser may see, and those that hold it in.

    The sandbox keeps HTML from an endpoint out of Jupyter's origin; the content type is taken as it stands.
    """
    passed = {
        name.title(): value
        for name, value in ((name.lower(), value) for name, value in headers.items())
        if (name in _REPLY_HEADERS or (_OWN_HEADER.fullmatch(name) and name != TRACE_HEADER)) and _one_line(value)
    }
    passed.setdefault("Content-Type", "application/octet-stream")
    return {**passed, "Content-Security-Policy": "sandbox", "X-Content-Type-Options": "nosniff"}


def _one_line(value: object) -> bool:
    # A head has no signs beyond Latin-1.
    return isinstance(value, str) and all(32 <= ord(sign) < 256 and ord(sign) != 127 for sign in value)


def credentials(header: str) -> str | None:
    """Return the secret in an Authorization header: of ``Basic`` its password, of ``token`` or ``Bearer`` all."""
    kind, _, value = header.strip().partition(" ")
    value = value.strip()
    if kind.lower() in ("token", "bearer"):
        return value or None
    if kind.lower() != "basic":
        return None
    try:
        pair = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return pair.partition(":")[2] or None
