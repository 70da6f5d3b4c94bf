"""The client's side of a plugin: an async class, written once, and the blocking face that cells use.

A plugin's author writes `client_class` over `PluginClient`. Its methods are calls of the plugin's routes. Who
wants the same as coroutines too writes them on an `AsyncPluginClient` and names it as `async_class`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

from orbit_jupyter.protocol import OrbitError, SessionExpiredError, SessionNotFoundError, error_from
from orbit_jupyter.protocol.frames import Fail

from .views import render

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

Callback = Callable[[str, str, str, dict[str, Any]], None]
"""(endpoint, plugin, topic, data), called in a thread of its own."""

DEFAULT_TIMEOUT = 600.0
"""Seconds that a call may take unless its caller says otherwise."""


class AsyncCaller(Protocol):
    """An endpoint that can be called from a coroutine."""

    @property
    def endpoint_id(self) -> str: ...

    async def call(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        params: dict[str, Any] | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        key: str = "",
    ) -> Any: ...


class Caller(Protocol):
    """An endpoint that can be called from a cell."""

    @property
    def endpoint_id(self) -> str: ...

    @property
    def aio(self) -> AsyncCaller: ...

    @property
    def http(self) -> httpx.Client: ...

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T: ...


class Callbacks(Protocol):
    """Where callbacks are registered: the bridge's client."""

    def register_callback(
        self,
        endpoint_id: str | None = None,
        plugin_name: str | None = None,
        topic: str | None = None,
        callback: Callback | None = None,
    ) -> None: ...

    def unregister_callback(
        self,
        endpoint_id: str | None = None,
        plugin_name: str | None = None,
        topic: str | None = None,
        callback: Callback | None = None,
    ) -> None: ...


class AsyncPluginClient:
    """A plugin on an endpoint, as coroutines.

    Parameters
    ----------
    endpoint
        Where it is.
    name
        The plugin's instance name.
    """

    def __init__(self, endpoint: AsyncCaller, name: str) -> None:
        self.endpoint = endpoint
        self.name = name
        self.sid: str | None = None
        self._registered_with: dict[str, Any] = {}

    async def call(
        self,
        method: str,
        route: str,
        json: Any = None,
        *,
        params: dict[str, Any] | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        key: str = "",
    ) -> Any:
        """Call a route of the plugin and return its decoded answer.

        ``{sid}`` in `route` stands for this client's session. One that has expired, or went with the endpoint's
        process, is replaced and the call made again: the handler hasn't run then, so nothing happens twice.

        Raises
        ------
        OrbitError
            As the call failed.
        """
        path = f"/{self.name}/{route.lstrip('/')}"
        if "{sid}" not in path:
            return await self.endpoint.call(method, path, json, params=params, timeout=timeout, key=key)
        if self.sid is None:
            raise RuntimeError("No active session: call register_session() first")
        try:
            with_sid = path.replace("{sid}", self.sid)
            return await self.endpoint.call(method, with_sid, json, params=params, timeout=timeout, key=key)
        except (SessionExpiredError, SessionNotFoundError):
            await self.register_session(**self._registered_with)
            with_sid = path.replace("{sid}", self.sid)
            return await self.endpoint.call(method, with_sid, json, params=params, timeout=timeout, key=key)

    async def register_session(self, **more: Any) -> None:
        """Make a session at the plugin; what is given goes into the request's body."""
        self._registered_with = more
        answer = await self.endpoint.call("POST", f"/{self.name}/register_session", more or None)
        self.sid = answer["sid"]

    async def unregister_session(self) -> None:
        """Close the session. Without one, do nothing."""
        sid, self.sid = self.sid, None
        if sid is not None:
            await self.endpoint.call("POST", f"/{self.name}/unregister_session/{sid}")

    async def close(self) -> None:
        """Close the session, whatever the far side says."""
        with contextlib.suppress(OrbitError):
            await self.unregister_session()


class PluginClient:
    """A plugin on an endpoint, for cells and scripts.

    Parameters
    ----------
    endpoint
        Where it is.
    base_url
        The plugin's namespace on the bridge, ``/{endpoint}/{plugin}``.
    bridge_client
        Where callbacks are registered; None: there are none.
    endpoint_id, plugin_name
        As in the namespace.
    """

    async_class: ClassVar[type[AsyncPluginClient]] = AsyncPluginClient

    def __init__(
        self,
        endpoint: Caller,
        base_url: str,
        bridge_client: Callbacks | None = None,
        endpoint_id: str | None = None,
        plugin_name: str | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._base_url = base_url
        self._bridge_client = bridge_client
        self._endpoint_id = endpoint_id or endpoint.endpoint_id
        self._plugin_name = plugin_name or base_url.rpartition("/")[2]
        self.aio = self.async_class(endpoint.aio, self._plugin_name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._plugin_name} on {self._endpoint_id}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any] | None:
        return render(self)

    @property
    def sid(self) -> str | None:
        """Id of the session, or None."""
        return self.aio.sid

    @property
    def endpoint_id(self) -> str:
        """Name of the endpoint."""
        return self._endpoint_id

    @property
    def plugin_name(self) -> str:
        """The plugin's instance name."""
        return self._plugin_name

    def call(
        self,
        method: str,
        route: str,
        json: Any = None,
        *,
        params: dict[str, Any] | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        key: str = "",
    ) -> Any:
        """Call a route of the plugin; see `AsyncPluginClient.call`."""
        return self._wait(self.aio.call(method, route, json, params=params, timeout=timeout, key=key))

    def register_session(self, **more: Any) -> None:
        """Make a session at the plugin."""
        self._wait(self.aio.register_session(**more))

    def unregister_session(self) -> None:
        """Close the session."""
        self._wait(self.aio.unregister_session())

    def close(self) -> None:
        """Close the session, whatever the far side says."""
        self._wait(self.aio.close())

    def register_notification_callback(self, callback: Callback, topic: str | None = None) -> None:
        """Have `callback` called for this plugin's notifications, of one topic or all."""
        self._callbacks().register_callback(self._endpoint_id, self._plugin_name, topic, callback)

    def unregister_notification_callback(self, callback: Callback, topic: str | None = None) -> None:
        """Take back `register_notification_callback`."""
        self._callbacks().unregister_callback(self._endpoint_id, self._plugin_name, topic, callback)

    def _callbacks(self) -> Callbacks:
        if self._bridge_client is None:
            raise RuntimeError("this plugin client was made without a bridge client: it gets no notifications")
        return self._bridge_client

    def _wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._endpoint.wait(coroutine)

    # What client classes written for radical.orbit 0.2.0 are made of.

    @property
    def _http(self) -> httpx.Client:
        return self._endpoint.http

    @property
    def _bc(self) -> Callbacks | None:
        return self._bridge_client

    @property
    def _sid(self) -> str | None:
        return self.aio.sid

    @_sid.setter
    def _sid(self, sid: str | None) -> None:  # a class with a register_session of its own sets it
        self.aio.sid = sid

    def _url(self, route: str) -> str:
        return f"{self._base_url}/{route.lstrip('/')}"

    def _raise(self, response: httpx.Response, context: str = "") -> None:
        if response.is_success:
            return
        try:
            body = response.json()
        except ValueError:
            body = response.text
        told = dict(body) if isinstance(body, dict) else {"detail": body}
        detail, code = str(told.pop("detail", body)), str(told.pop("code", ""))
        transient = told.pop("transient", False) is True
        where = f"[{self._endpoint_id}/{self._plugin_name}]"
        text = " — ".join(
            part for part in (f"HTTP {response.status_code}", f"{where} {context}".strip(), detail) if part
        )
        data = {key: value for key, value in told.items() if key not in ("error", "status_code")}
        status = response.status_code
        raise error_from(Fail(id=0, code=code, message=text, transient=transient, status=status, data=data))

    def _require_session(self) -> str:
        if self.sid is None:
            raise RuntimeError("No active session")
        return self.sid
