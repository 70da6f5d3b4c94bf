"""From a call to the request that such an endpoint takes. No I/O."""

from __future__ import annotations

from urllib.parse import unquote

from orbit_jupyter.protocol import MAX_FRAME, BadRequestError, Call, TooLargeError

from .messages import Request, to_json, to_msgpack

MAX_REQUEST = 8 * 2**20
"""Bytes of a body: all of it travels in one message, and that release takes 10 MiB."""


def request_of(call: Call, req_id: str) -> tuple[bytes, bool]:
    """Return a call as a message, and whether it is a binary one.

    Raises
    ------
    BadRequestError
        That release has no way to say this path.
    TooLargeError
    """
    if len(call.body) > MAX_REQUEST:
        raise TooLargeError(
            f"a body of {len(call.body)} bytes is over the limit of {MAX_REQUEST}, what an endpoint of "
            "radical.orbit 0.2 takes"
        )
    body, binary = _text(call.body)
    path = _path(call)
    request = Request(req_id, call.method, path, dict(call.headers), is_binary=binary, body=body)
    message = to_msgpack(request) if binary else to_json(request)
    if len(message) > MAX_FRAME:  # JSON may double the size of a text; msgpack doesn't
        binary, message = True, to_msgpack(Request(req_id, call.method, path, dict(call.headers), True, call.body))
    if len(message) > MAX_FRAME:
        raise TooLargeError(f"a request of {len(message)} bytes is over the limit of {MAX_FRAME}")
    return message, binary


def _text(body: bytes) -> tuple[str | bytes | None, bool]:
    try:
        return body.decode() or None, False
    except UnicodeDecodeError:
        return body, True


def _path(call: Call) -> str:
    lower = call.path.lower()
    if "%2f" in lower or "%3f" in lower:
        raise BadRequestError(
            f"an endpoint of radical.orbit 0.2 takes paths decoded: a '/' or '?' inside a part of {call.path!r} "
            "would lead to another route"
        )
    return unquote(call.path) + (f"?{call.query}" if call.query else "")
