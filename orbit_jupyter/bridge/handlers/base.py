"""What all of Orbit's HTTP and WebSocket handlers have in common: who asks, and how an error looks."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

import msgspec
from jupyter_core.utils import ensure_async
from jupyter_server.auth import IdentityProvider, User
from jupyter_server.auth.identity import PasswordIdentityProvider
from jupyter_server.base.handlers import JupyterHandler
from tornado import web

from orbit_jupyter.protocol import (
    ForbiddenError,
    OrbitError,
    Principal,
    UnauthenticatedError,
    UnsupportedError,
    error_body,
    error_headers,
)
from orbit_jupyter.protocol.errors import BY_STATUS

from ..audit import REFUSALS
from ..border import credentials

if TYPE_CHECKING:
    from ..extension import OrbitExtension

RESOURCE = "orbit"
ACTIONS = ("read", "write", "execute")


class OrbitMixin(JupyterHandler):
    """For handlers under ``/orbit/``; goes in front of the handler class that it is mixed into."""

    auth_resource = RESOURCE
    needs_login = True
    """Whether Jupyter's login decides; False where a token of Orbit's own does."""
    _with_hub = False
    """Whether the request became a call, of which the hub's observers are told."""

    @property
    def orbit(self) -> OrbitExtension:
        """The extension."""
        extension: OrbitExtension = self.settings["orbit_extension"]
        return extension

    async def prepare(self, **more: Any) -> None:
        """Find out who asks, before Jupyter does.

        HTTP Basic (``https://orbit:TOKEN@host/orbit``) is turned into Jupyter's own header, so that one check
        serves both. The token that this server has written for its own kernels stands for the server's user.
        """
        authorization = self.request.headers.get("Authorization", "")
        secret = credentials(authorization) if authorization else None
        if secret is not None and hmac.compare_digest(secret.encode(), self.orbit.kernel_token.encode()):
            self._jupyter_current_user = User(self.orbit.owner)
            self._token_authenticated = True
        elif self.needs_login and not self.identity_provider.auth_enabled:
            raise web.HTTPError(
                403, "Orbit needs Jupyter's login, and this server runs without one: set a token or a password"
            )
        elif secret is not None:
            self.request.headers["Authorization"] = f"token {secret}"
        await super().prepare(**more)

    async def principal(self) -> Principal:
        """Return who asks, with the actions that the authorizer grants.

        Raises
        ------
        UnauthenticatedError
        """
        user = self.current_user
        if user is None:
            raise UnauthenticatedError("log in first: send Jupyter's token, or open this page in a browser")
        scopes = [action for action in ACTIONS if await self._allowed(user, action)]
        return Principal(user=self._stable_name(user), scopes=tuple(scopes))

    async def _allowed(self, user: User, action: str) -> bool:
        return bool(await ensure_async(self.authorizer.is_authorized(self, user, action, RESOURCE)))

    def _stable_name(self, user: User) -> str:
        # Jupyter's own providers know one user, to whom each cookieless request gives a new anonymous name.
        if type(self.identity_provider) in (IdentityProvider, PasswordIdentityProvider):
            return self.orbit.owner
        return str(user.username)

    def write_error(self, status_code: int, **more: Any) -> None:
        """Answer with the one error body."""
        error = more.get("exc_info", (None, None, None))[1]
        if not isinstance(error, OrbitError):
            kind = BY_STATUS.get(status_code, OrbitError)
            message = getattr(error, "log_message", None) or self._reason
            if (
                status_code == 403
                and getattr(self, "_jupyter_current_user", None) is None
                and message == "Forbidden"
            ):
                message = "log in first: send Jupyter's token (Authorization: token …, or HTTP Basic orbit:TOKEN)"
            error = kind(str(message))
            error.status = status_code
        for name, value in error_headers(error).items():
            self.set_header(name.title(), value)
        self.set_header("Content-Type", "application/json")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_status(error.status)
        JupyterHandler.finish(self, msgspec.json.encode(error_body(error)))

    def on_finish(self) -> None:
        """Note a refusal: of ours, of Jupyter's login, of the check for forged requests."""
        super().on_finish()
        status = self.get_status()
        if status in REFUSALS and not self._with_hub:
            user = getattr(self, "_jupyter_current_user", None)
            self.orbit.audit.refused(
                self.request.method or "",
                self.request.path[len(self.orbit.base_path) - 1 :],
                status,
                self.request.body or b"",
                self._stable_name(user) if isinstance(user, User) else "",
                self.request.request_time(),
            )

    def log_exception(self, kind: Any, error: Any, trace: Any) -> None:
        """Log what is ours to mend; what the caller did wrong is in the answer."""
        if isinstance(error, OrbitError) and (error.status < 500 or isinstance(error, UnsupportedError)):
            return
        super().log_exception(kind, error, trace)

    def send_error(self, status_code: int = 500, **more: Any) -> None:
        """Take the status from an Orbit error."""
        error = more.get("exc_info", (None, None, None))[1]
        super().send_error(error.status if isinstance(error, OrbitError) else status_code, **more)

    def require(self, principal: Principal, action: str) -> None:
        """Raise unless the principal may do this.

        Raises
        ------
        ForbiddenError
        """
        if action not in principal.scopes:
            raise ForbiddenError(f"you may not {action} on this bridge")
