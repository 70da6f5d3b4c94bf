"""From a response of such an endpoint to an answer. No I/O."""

from __future__ import annotations

import base64

import msgspec

from orbit_jupyter.protocol import (
    Fail,
    OrbitError,
    PluginError,
    ProtocolError,
    Reply,
    RouteNotFoundError,
    SessionNotFoundError,
    fail_from,
)
from orbit_jupyter.protocol.errors import BY_STATUS
from orbit_jupyter.protocol.faults import sendable_text

from .messages import Response

LONGEST_MESSAGE = 16_000
"""Characters of an error's text."""

_SAID_OF = (
    # The texts of its plugin_base.py, plugin_staging.py and service.py. At the first, clients make a new session.
    (404, ("unknown session id:", "unknown session:"), SessionNotFoundError),
    (404, ("no route:",), RouteNotFoundError),
)


def answer_of(response: Response) -> Reply | Fail:
    """Return what a response says; an error comes as a `Fail`, as from any endpoint."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    headers.pop("content-length", None)  # of the text that it sent, not of what becomes of it
    try:
        if not 200 <= response.status <= 599:
            raise ProtocolError(f"the endpoint answered with a status of {response.status}")
        body = _body(response, headers)
    except ProtocolError as error:
        return fail_from(error)
    except (ValueError, msgspec.MsgspecError) as error:
        return fail_from(ProtocolError(f"the endpoint's answer can't be read: {error}"))
    if response.status >= 400:
        return _failed(response.status, body)
    return Reply(id=0, status=response.status, headers=headers, body=body)


def _body(response: Response, headers: dict[str, str]) -> bytes:
    raw = bytes(response.body)
    text = msgspec.json.decode(raw, type=str) if raw.startswith(b'"') else None
    as_json = "application/json" in headers.get("content-type", "").lower()
    if response.is_binary:
        return base64.b64decode(text or "", validate=True)
    if text is None:
        return raw if as_json or raw != b"null" else b""
    if as_json:
        try:
            msgspec.json.decode(text)
        except msgspec.DecodeError:
            headers.pop("content-type")  # it isn't what it says
    return text.encode()


def _failed(status: int, body: bytes) -> Fail:
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        told = None
    detail = told.get("detail") if isinstance(told, dict) else None
    message = detail if isinstance(detail, str) else body[: 4 * LONGEST_MESSAGE].decode(errors="replace")
    kind = _kind(status, message)
    shown = sendable_text(message)[:LONGEST_MESSAGE] or f"the endpoint answered {status}"
    return Fail(0, kind.code, shown, kind.default_transient, status)


def _kind(status: int, message: str) -> type[OrbitError]:
    lower = message[:100].lower()
    for one, beginnings, kind in _SAID_OF:
        if status == one and lower.startswith(beginnings):
            return kind
    return BY_STATUS.get(status, PluginError)
