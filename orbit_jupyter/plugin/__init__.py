"""What a plugin's author imports, and nothing else."""

from orbit_jupyter.protocol import (
    BadRequestError,
    ConflictError,
    DeadlineError,
    ForbiddenError,
    InvalidFieldError,
    NotFoundError,
    OrbitError,
    PluginError,
    Principal,
    ResourceNotFoundError,
    SessionExpiredError,
    SessionNotFoundError,
)

from .app import App, AppState
from .client import DEFAULT_TIMEOUT, AsyncPluginClient, Callback, PluginClient
from .exceptions import HTTPException
from .plugin import Handler, Plugin, Route
from .request import Request
from .session import PluginSession, SessionTable
from .threads import call_in_thread
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
    "AsyncPluginClient",
    "BadRequestError",
    "Callback",
    "ConflictError",
    "DeadlineError",
    "ForbiddenError",
    "HTTPException",
    "Handler",
    "InvalidFieldError",
    "NotFoundError",
    "OrbitError",
    "Plugin",
    "PluginClient",
    "PluginError",
    "PluginSession",
    "Principal",
    "Request",
    "ResourceNotFoundError",
    "Route",
    "SessionExpiredError",
    "SessionNotFoundError",
    "SessionTable",
    "UIConfig",
    "UIField",
    "UIForm",
    "UIFormSubmit",
    "UIMonitor",
    "UINotifications",
    "UIOption",
    "call_in_thread",
    "parse",
    "parse_int",
    "ui_config_to_dict",
]
