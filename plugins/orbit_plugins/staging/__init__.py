"""Files of an endpoint: send, fetch and list them, of any size."""

from __future__ import annotations

from .async_client import AsyncStagingClient, Moved
from .client import StagingClient
from .plugin import PluginStaging, StagingPlugin

__all__ = ["AsyncStagingClient", "Moved", "PluginStaging", "StagingClient", "StagingPlugin"]
