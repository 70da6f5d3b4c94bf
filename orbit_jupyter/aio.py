"""What a program of coroutines uses: ``bridge = await orbit.aio.connect()``."""

from .client.aio import TWO_WAY, AsyncBridgeClient, AsyncEndpointClient, AsyncExchange, connect
from .joining.aio import join, leave

__all__ = ["TWO_WAY", "AsyncBridgeClient", "AsyncEndpointClient", "AsyncExchange", "connect", "join", "leave"]
