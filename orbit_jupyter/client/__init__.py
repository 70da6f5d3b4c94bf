"""The client SDK: thin; everything it can do is a call or a subscription."""

from . import aio
from .clients import BridgeClient, EndpointClient, connect

__all__ = ["BridgeClient", "EndpointClient", "aio", "connect"]
