"""Orbit's HTTP and WebSocket handlers: thin, each action in `Hub` or `OwnRoutes`."""

from __future__ import annotations

from typing import Any

from .events import EventsHandler
from .page import PageHandler, StaticHandler
from .proxy import ProxyHandler
from .sockets import ClientSocket, RegisterSocket
from .upload import LongBody, UploadHandler

HANDLERS: list[tuple[str, Any]] = [
    (r"/orbit/?", PageHandler),
    (r"/orbit/events", EventsHandler),
    (r"/orbit/register", RegisterSocket),
    (r"/orbit/client", ClientSocket),
    (r"/orbit/static/([^/]+)", StaticHandler),
    (r"/orbit/(.+)", ProxyHandler),
]

__all__ = [
    "HANDLERS",
    "ClientSocket",
    "EventsHandler",
    "LongBody",
    "PageHandler",
    "ProxyHandler",
    "RegisterSocket",
    "StaticHandler",
    "UploadHandler",
]
