"""The same calls as coroutines: ``bridge = await orbit.aio.connect()``."""

from __future__ import annotations

from .async_clients import AsyncBridgeClient
from .async_endpoints import AsyncEndpointClient
from .exchange import TWO_WAY, AsyncExchange

__all__ = ["TWO_WAY", "AsyncBridgeClient", "AsyncEndpointClient", "AsyncExchange", "connect"]


async def connect(url: str | None = None, cert: str | None = None, token: str | None = None) -> AsyncBridgeClient:
    """Connect to a bridge; see `orbit_jupyter.connect`."""
    client = AsyncBridgeClient(url, cert, token)
    await client.open()
    return client
