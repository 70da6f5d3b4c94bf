"""An endpoint behind a bridge, as coroutines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from orbit_jupyter.plugin import DEFAULT_TIMEOUT, AsyncPluginClient, PluginClient

from .classes import client_class_of
from .exchange import AsyncExchange, Body

if TYPE_CHECKING:
    from .async_clients import AsyncBridgeClient


class AsyncEndpointClient:
    """An endpoint behind a bridge, for coroutines."""

    def __init__(self, bridge: AsyncBridgeClient, endpoint_id: str) -> None:
        self.bridge, self._endpoint_id = bridge, endpoint_id

    @property
    def endpoint_id(self) -> str:
        """The endpoint's name."""
        return self._endpoint_id

    async def call(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        params: dict[str, Any] | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        key: str = "",
    ) -> Any:
        """Call a route, ``/{plugin}/…``; see `AsyncBridgeClient.call`."""
        return await self.bridge.call(
            self._endpoint_id, method, path, json, params=params, timeout=timeout, key=key
        )

    def exchange(
        self,
        method: str,
        path: str,
        *,
        body: Body = None,
        headers: Mapping[str, str] | None = None,
        params: dict[str, Any] | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        key: str = "",
    ) -> AsyncExchange:
        """Make a call with streams; see `AsyncBridgeClient.exchange`."""
        return self.bridge.exchange(
            self._endpoint_id,
            method,
            path,
            body=body,
            headers=headers,
            params=params,
            timeout=timeout,
            key=key,
        )

    async def list_plugins(self) -> dict[str, Any]:
        """Return the plugins, those that failed to load with their reason; ``{}`` for an unknown endpoint."""
        listed = await self.bridge.call("", "POST", "/endpoint/list")
        plugins: dict[str, Any] = listed["data"]["endpoints"].get(self._endpoint_id, {}).get("plugins", {})
        return plugins

    async def get_plugin(self, name: str, **session: Any) -> AsyncPluginClient:
        """Register a session at a plugin and return its client.

        Raises
        ------
        OrbitError
            The endpoint or the plugin isn't there, or refuses the session.
        """
        client = (await self.client_class(name)).async_class(self, name)
        await client.register_session(**session)
        return client

    async def client_class(self, name: str) -> type[PluginClient]:
        """Return the client class of a plugin: that of its type, which an instance of another name has too."""
        known = self.bridge.topology.get(self._endpoint_id)
        info = known.plugins.get(name) if known is not None else None
        found = client_class_of(info.type if info is not None else name)
        if info is None and found is PluginClient:
            # It may be there for a moment only, and the news of it still on the way.
            listed = (await self.list_plugins()).get(name, {})
            found = client_class_of(listed.get("type", name))
        return found
