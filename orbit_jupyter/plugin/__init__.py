"""What a plugin's author imports, and nothing else."""

from orbit_jupyter.link import current_trace, current_user
from orbit_jupyter.protocol import (
    BadRequestError,
    CallCancelledError,
    ConflictError,
    DeadlineError,
    EndpointDisconnectedError,
    ForbiddenError,
    InvalidFieldError,
    NotFoundError,
    OrbitError,
    OverloadedError,
    PluginError,
    PluginNotFoundError,
    Principal,
    ResourceNotFoundError,
    SessionExpiredError,
    SessionNotFoundError,
    TooLargeError,
    UnsupportedError,
    check_name,
)

from .answers import Streamed
from .app import App, AppState
from .binding import bind, routes_of
from .client import DEFAULT_TIMEOUT, AsyncPluginClient, Callback, PluginClient
from .exceptions import HTTPException
from .managed import AsyncManagedClient, ClientManagedPlugin, ManagedClient
from .openapi import add_routes, document
from .plugin import Plugin
from .request import Request
from .route import Description, Handler, Parameter, Route, route
from .session import PluginSession, SessionTable
from .threads import call_in_thread, run_in_thread
from .ui import (
    UIConfig,
    UIField,
    UIForm,
    UIFormSubmit,
    UIMonitor,
    UINotifications,
    UIOption,
    ui_config_to_dict,
)
from .validation import parse, parse_int

__all__ = [
    "DEFAULT_TIMEOUT",
    "App",
    "AppState",
    "AsyncManagedClient",
    "AsyncPluginClient",
    "BadRequestError",
    "CallCancelledError",
    "Callback",
    "ClientManagedPlugin",
    "ConflictError",
    "DeadlineError",
    "Description",
    "EndpointDisconnectedError",
    "ForbiddenError",
    "HTTPException",
    "Handler",
    "InvalidFieldError",
    "ManagedClient",
    "NotFoundError",
    "OrbitError",
    "OverloadedError",
    "Parameter",
    "Plugin",
    "PluginClient",
    "PluginError",
    "PluginNotFoundError",
    "PluginSession",
    "Principal",
    "Request",
    "ResourceNotFoundError",
    "Route",
    "SessionExpiredError",
    "SessionNotFoundError",
    "SessionTable",
    "Streamed",
    "TooLargeError",
    "UIConfig",
    "UIField",
    "UIForm",
    "UIFormSubmit",
    "UIMonitor",
    "UINotifications",
    "UIOption",
    "UnsupportedError",
    "add_routes",
    "bind",
    "call_in_thread",
    "check_name",
    "current_trace",
    "current_user",
    "document",
    "parse",
    "parse_int",
    "route",
    "routes_of",
    "run_in_thread",
    "ui_config_to_dict",
]
