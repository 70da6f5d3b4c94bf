"""The batch system of a host: its queues, the jobs in them, and what a user may charge jobs to."""

from .async_client import AsyncQueueInfoClient
from .client import QueueInfoClient
from .plugin import QueueInfoPlugin

PluginQueueInfo = QueueInfoPlugin
"""The name that radical.orbit gave the plugin."""

__all__ = ["AsyncQueueInfoClient", "PluginQueueInfo", "QueueInfoClient", "QueueInfoPlugin"]
