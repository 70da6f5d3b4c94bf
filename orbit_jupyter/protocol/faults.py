"""Between an exception, the `Fail` that carries it, and the body that HTTP shows."""

from __future__ import annotations

from typing import Any

import msgspec

from .errors import BY_CODE, BY_STATUS, OrbitError, PluginError
from .frames import Fail, Reply


def fail_from(error: BaseException, id: int = 0) -> Fail:
    """Return the `Fail` that carries `error`.

    An exception with `status_code` and `detail` (the seed's `HTTPException` and its like) keeps both. Any other
    exception becomes a `PluginError`; its traceback is for the host to add, which knows whose it is.
    """
    if isinstance(error, OrbitError):
        return Fail(
            id=id,
            code=error.code,
            message=error.message,
            transient=error.transient,
            status=error.status,
            data=error.data,
        )
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        kind = BY_STATUS.get(status, PluginError)
        detail = getattr(error, "detail", None)
        return Fail(
            id=id,
            code=kind.code,
            message=detail if isinstance(detail, str) else str(detail or error),
            transient=kind.default_transient,
            status=status,
        )
    return Fail(
        id=id,
        code=PluginError.code,
        message=f"{type(error).__name__}: {error}",
        status=PluginError.default_status,
    )


def error_from(fail: Fail) -> OrbitError:
    """Return the exception that a `Fail` stands for; an unknown code falls back to its status's class."""
    kind = BY_CODE.get(fail.code) or BY_STATUS.get(fail.status, OrbitError)
    error = kind(fail.message, data=dict(fail.data), transient=fail.transient)
    if fail.status:
        error.status = fail.status
    return error


def error_body(error: OrbitError) -> dict[str, Any]:
    """Return the one error body that every HTTP route of Orbit answers with."""
    return {
        "error": True,
        "status_code": error.status,
        "code": error.code,
        "detail": error.message,
        **({"transient": True} if error.transient else {}),
        **error.data,
    }


def reply_from(error: OrbitError, id: int = 0) -> Reply:
    """Return `error` as the HTTP-shaped answer that a browser or `curl` gets."""
    headers = {"content-type": "application/json"}
    retry_after = error.data.get("retry_after")
    if retry_after is not None:
        headers["retry-after"] = str(max(1, round(float(retry_after))))
    return Reply(id=id, status=error.status, headers=headers, body=msgspec.json.encode(error_body(error)))
