"""Between an exception, the `Fail` that carries it, and the body that HTTP shows."""

from __future__ import annotations

from typing import Any

import msgspec

from .codec import encode
from .errors import BY_CODE, BY_STATUS, OrbitError, PluginError, ProtocolError
from .frames import Fail, Reply

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def fail_from(error: BaseException, id: int = 0) -> Fail:
    """Return the `Fail` that carries `error`.

    An exception with `status_code` and `detail` (the seed's `HTTPException` and its like) keeps both. Any other
    exception becomes a `PluginError`; its traceback is for the host to add, which knows whose it is. Whatever
    the exception holds, the `Fail` can be sent.
    """
    if isinstance(error, OrbitError):
        return Fail(
            id=id,
            code=error.code,
            message=sendable_text(error.message),
            transient=error.transient,
            status=error.status,
            data=_sendable(error.data),
        )
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        kind = BY_STATUS.get(status, PluginError)
        detail = getattr(error, "detail", None)
        return Fail(
            id=id,
            code=kind.code,
            message=sendable_text(detail if isinstance(detail, str) else str(detail or error)),
            transient=kind.default_transient,
            status=status,
        )
    return Fail(
        id=id,
        code=PluginError.code,
        message=sendable_text(f"{type(error).__name__}: {error}"),
        status=PluginError.default_status,
    )


def sendable_text(text: str) -> str:
    """Return `text` as UTF-8 can say it: a file name that isn't UTF-8 comes with surrogates from the system."""
    return text.encode("utf-8", "backslashreplace").decode()


def _sendable(data: dict[str, Any]) -> dict[str, Any]:
    try:
        encode(data)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return {sendable_text(str(key)): sendable_text(repr(value)) for key, value in data.items()}
    return data


def error_from(fail: Fail) -> OrbitError:
    """Return the exception that a `Fail` stands for; an unknown code falls back to its status's class."""
    kind = BY_CODE.get(fail.code) or BY_STATUS.get(fail.status, OrbitError)
    error = kind(fail.message, data=dict(fail.data), transient=fail.transient)
    if fail.status:
        # A failure that says it is a success, or a redirect, comes from a side that can't be trusted.
        error.status = fail.status if 400 <= fail.status <= 599 else ProtocolError.default_status
    return error


def error_body(error: OrbitError) -> dict[str, Any]:
    """Return the one error body that every HTTP route of Orbit answers with."""
    return {
        **error.data,
        "error": True,
        "status_code": error.status,
        "code": error.code,
        "detail": error.message,
        **({"transient": True} if error.transient else {}),
    }


def reply_from(error: OrbitError, id: int = 0) -> Reply:
    """Return `error` as the HTTP-shaped answer that a browser or `curl` gets."""
    headers = {"content-type": "application/json", **error_headers(error)}
    return Reply(id=id, status=error.status, headers=headers, body=msgspec.json.encode(error_body(error)))


def error_headers(error: OrbitError) -> dict[str, str]:
    """Return the headers that HTTP has for what an error's data say; what doesn't fit is left out."""
    headers = {}
    retry_after, allow = error.data.get("retry_after"), error.data.get("allow")
    if isinstance(retry_after, int | float) and 0 <= retry_after < 1e6:
        headers["retry-after"] = str(max(1, round(retry_after)))
    if isinstance(allow, list) and all(method in METHODS for method in allow):
        headers["allow"] = ", ".join(allow)
    return headers
