"""One exception tree for every side of the wire, and the one table that maps it.

::

    OrbitError                      internal             500
    ├── BadRequestError             bad-request          400
    ├── UnauthenticatedError        unauthenticated      401
    ├── ForbiddenError              forbidden            403
    ├── NotFoundError               not-found            404
    │   ├── EndpointNotFoundError   endpoint-not-found   404
    │   ├── PluginNotFoundError     plugin-not-found     404
    │   ├── RouteNotFoundError      route-not-found      404
    │   ├── SessionNotFoundError    session-not-found    404
    │   └── ResourceNotFoundError   resource-not-found   404
    ├── MethodNotAllowedError       method-not-allowed   405
    ├── ConflictError               conflict             409
    ├── SessionExpiredError         session-expired      410
    ├── TooLargeError               too-large            413
    ├── InvalidFieldError           invalid-field        422
    ├── CallCancelledError          cancelled            499
    ├── PluginError                 plugin-error         500
    ├── UnsupportedError            unsupported          501
    ├── ProtocolError               protocol-error       502
    ├── EndpointDisconnectedError   endpoint-gone        503  transient
    ├── BridgeConnectionError       bridge-unreachable   503  transient
    ├── OverloadedError             overloaded           503  transient
    └── DeadlineError               deadline             504

The names are those of radical.orbit 0.2.0 where it had one. Every error is a `RuntimeError`, as there.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterable
from typing import Any, ClassVar


class OrbitError(RuntimeError):
    """Something went wrong in Orbit, here or on the far side.

    Parameters
    ----------
    message
        What happened, to what, and what to do.
    status
        HTTP status, where the class's own doesn't say it.
    transient
        Whether trying the same again can help; None takes the class's own.
    data
        More about it, JSON-like: `field`, `available`, `traceback`, `retry_after` (seconds).
    """

    code: ClassVar[str] = "internal"
    default_status: ClassVar[int] = 500
    default_transient: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        transient: bool | None = None,
        data: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = self.default_status if status is None else status
        self.transient = self.default_transient if transient is None else transient
        self.data = data or {}

    @property
    def status_code(self) -> int:
        """The HTTP status, under the name that `HTTPException` has for it."""
        return self.status

    @property
    def detail(self) -> str:
        """The message, under the name that `HTTPException` has for it."""
        return self.message

    @property
    def remote_traceback(self) -> str | None:
        """The far side's traceback, where it may be shown to this user."""
        return self.data.get("traceback")

    @property
    def trace(self) -> str | None:
        """Id of the call that failed, as it stands in the logs of the bridge and the endpoint."""
        return self.data.get("trace")

    def _render_traceback_(self) -> list[str]:
        """IPython's hook: the local traceback, and under it the remote one."""
        ipython = sys.modules.get("IPython")
        shell = ipython.get_ipython() if ipython is not None else None
        if shell is not None:
            lines = list(shell.InteractiveTB.structured_traceback(type(self), self, self.__traceback__))
        else:
            lines = traceback.format_exception(type(self), self, self.__traceback__)
        if self.remote_traceback:
            lines += ["", "On the endpoint:", self.remote_traceback]
        if self.trace and self.status >= 500:
            lines += ["", f"Lines about this call in the logs of bridge and endpoint have its id: {self.trace}"]
        return lines


class BadRequestError(OrbitError):
    """The request can't be read."""

    code = "bad-request"
    default_status = 400


class UnauthenticatedError(OrbitError):
    """Nobody known is asking."""

    code = "unauthenticated"
    default_status = 401


class ForbiddenError(OrbitError):
    """Who asks has no right to this."""

    code = "forbidden"
    default_status = 403


class NotFoundError(OrbitError):
    """There is no such thing; `available` says what there is.

    Parameters
    ----------
    message
        What wasn't found.
    available
        Names of what there is, added to the message.
    """

    code = "not-found"
    default_status = 404

    def __init__(self, message: str, *, available: Iterable[str] | None = None, **more: Any) -> None:
        if available is not None:
            names = sorted(available)
            more["data"] = {**(more.get("data") or {}), "available": names}
            shown = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
            message = f"{message}; there is {shown}" if names else f"{message}; there is none"
        super().__init__(message, **more)


class EndpointNotFoundError(NotFoundError):
    """No endpoint of that name is known."""

    code = "endpoint-not-found"


class PluginNotFoundError(NotFoundError):
    """The endpoint hasn't loaded that plugin."""

    code = "plugin-not-found"


class RouteNotFoundError(NotFoundError):
    """The plugin has no such route."""

    code = "route-not-found"


class SessionNotFoundError(NotFoundError):
    """The plugin knows no such session."""

    code = "session-not-found"


class ResourceNotFoundError(NotFoundError):
    """No such job, task or file."""

    code = "resource-not-found"


class MethodNotAllowedError(OrbitError):
    """The route exists under other methods."""

    code = "method-not-allowed"
    default_status = 405


class ConflictError(OrbitError):
    """It is taken, or in a state that doesn't allow this."""

    code = "conflict"
    default_status = 409


class SessionExpiredError(OrbitError):
    """The session lay idle past its time to live; register a new one."""

    code = "session-expired"
    default_status = 410


class TooLargeError(OrbitError):
    """The body is larger than an operator's limit."""

    code = "too-large"
    default_status = 413


class InvalidFieldError(OrbitError):
    """A field of the request has a wrong value.

    Parameters
    ----------
    message
        What is wrong and what is expected.
    field
        Dotted path of the field, such as ``attributes.duration``.
    """

    code = "invalid-field"
    default_status = 422

    def __init__(self, message: str, *, field: str | None = None, **more: Any) -> None:
        if field is not None:
            more["data"] = {**(more.get("data") or {}), "field": field}
        super().__init__(message, **more)

    @property
    def field(self) -> str | None:
        """Dotted path of the field."""
        return self.data.get("field")


class CallCancelledError(OrbitError):
    """The caller took the call back."""

    code = "cancelled"
    default_status = 499


class PluginError(OrbitError):
    """What a plugin asked for failed, or its handler raised something that it didn't mean to."""

    code = "plugin-error"


class UnsupportedError(OrbitError):
    """The route is there for its name alone; the message says what to call instead."""

    code = "unsupported"
    default_status = 501


class ProtocolError(OrbitError):
    """The other side sent what this side can't read."""

    code = "protocol-error"
    default_status = 502


class EndpointDisconnectedError(OrbitError):
    """The endpoint, or its plugin host, went away before it answered."""

    code = "endpoint-gone"
    default_status = 503
    default_transient = True


class BridgeConnectionError(OrbitError):
    """The bridge can't be reached."""

    code = "bridge-unreachable"
    default_status = 503
    default_transient = True


class OverloadedError(OrbitError):
    """A queue is at its bound; `retry_after` (seconds) says when to come back."""

    code = "overloaded"
    default_status = 503
    default_transient = True


class DeadlineError(OrbitError, TimeoutError):
    """The time that the caller gave is over."""

    code = "deadline"
    default_status = 504


ERRORS: tuple[type[OrbitError], ...] = (
    OrbitError,
    BadRequestError,
    UnauthenticatedError,
    ForbiddenError,
    NotFoundError,
    EndpointNotFoundError,
    PluginNotFoundError,
    RouteNotFoundError,
    SessionNotFoundError,
    ResourceNotFoundError,
    MethodNotAllowedError,
    ConflictError,
    SessionExpiredError,
    TooLargeError,
    InvalidFieldError,
    CallCancelledError,
    PluginError,
    UnsupportedError,
    ProtocolError,
    EndpointDisconnectedError,
    BridgeConnectionError,
    OverloadedError,
    DeadlineError,
)

BY_CODE: dict[str, type[OrbitError]] = {error.code: error for error in ERRORS}

# The class for a bare HTTP status, as a plugin's HTTPException or another release's endpoint gives it.
BY_STATUS: dict[int, type[OrbitError]] = {
    400: BadRequestError,
    401: UnauthenticatedError,
    403: ForbiddenError,
    404: NotFoundError,
    405: MethodNotAllowedError,
    409: ConflictError,
    410: SessionExpiredError,
    413: TooLargeError,
    422: InvalidFieldError,
    499: CallCancelledError,
    501: UnsupportedError,
    502: ProtocolError,
    503: EndpointDisconnectedError,
    504: DeadlineError,
}
