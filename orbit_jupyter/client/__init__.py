"""The client SDK: thin; everything it can do is a call or a subscription."""

from . import aio
from .clients import BridgeClient, EndpointClient, connect
from .exchange import TWO_WAY, Exchange

__all__ = ["TWO_WAY", "BridgeClient", "EndpointClient", "Exchange", "aio", "connect"]
