"""The base class of plugins."""

from __future__ import annotations

import asyncio
import inspect
import time
import uuid
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

from orbit_jupyter.link import current_user
from orbit_jupyter.protocol import OrbitError, PluginError

from .answers import Done, Health, Page, Registered, Sessions, Version
from .app import App
from .binding import bound
from .client import PluginClient
from .openapi import add_routes, document
from .request import Request
from .route import Handler, Mark, Route, marks_of, route
from .session import PluginSession, SessionTable
from .threads import run_in_thread
from .ui import UIConfig, ui_config_to_dict

THREADS = 16
"""Blocking functions of one plugin that run at once; more of them wait. Each plugin has threads of its own."""

T = TypeVar("T")


class Plugin:
    """What an endpoint can do, and how it is reached.

    A subclass sets `plugin_name` and has methods that are routes: marked with the decorator `route`, or added by
    `add_route_get` and `add_route_post` in its `__init__`. They answer with what JSON can say.

    Parameters
    ----------
    app
        The host.
    instance_name
        Name in routes; several instances of a plugin have different ones. None: `plugin_name`.

    Attributes
    ----------
    session_class
        Made for each client that registers.
    client_class
        What ``endpoint.get_plugin(name)`` returns on the client's side.
    session_ttl
        Seconds without use after which a session expires; 0: never.
    ui_config
        The plugin's page, as `UIConfig` or a dict of the same shape.
    ui_module
        Absolute path of a JavaScript module of its own.
    isolation
        ``process``: the plugin lives in a child process, so that what it imports can't hurt the endpoint.
    """

    plugin_name: ClassVar[str] = ""
    session_class: ClassVar[type[PluginSession] | None] = PluginSession
    client_class: ClassVar[type[PluginClient] | None] = None
    version: ClassVar[str] = "0.0.1"
    session_ttl: ClassVar[float] = 3600
    ui_config: ClassVar[UIConfig | dict[str, Any] | None] = None
    ui_module: ClassVar[str | None] = None
    isolation: ClassVar[Literal["none", "process"]] = "none"

    _registry: ClassVar[dict[str, type[Plugin]]] = {}

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        if cls.plugin_name:
            Plugin._registry[cls.plugin_name] = cls

    def __init__(self, app: App, instance_name: str | None = None) -> None:
        self._app = app
        self._instance_name = instance_name or self.plugin_name
        self._uid = f"{self._instance_name}.{uuid.uuid4().hex[:8]}"
        self._started = time.monotonic()
        self._sessions = SessionTable(self.session_ttl)
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix=f"orbit-{self._instance_name}")
        self.routes: list[Route] = []
        for name, mark in marks_of(type(self)):
            self._add_marked(getattr(self, name), mark)

    # -- which plugins there are -----------------------------------------------------------------------------

    @classmethod
    def get_plugin_class(cls, name: str) -> type[Plugin] | None:
        """Return the imported plugin class of that name."""
        return Plugin._registry.get(name)

    @classmethod
    def get_plugin_names(cls) -> list[str]:
        """Return the names of all imported plugin classes."""
        return list(Plugin._registry)

    @classmethod
    def is_enabled(cls, app: App) -> bool:
        """Return whether the plugin has something to do on this host; looked at before it is made."""
        return True

    # -- who and where ---------------------------------------------------------------------------------------

    @property
    def instance_name(self) -> str:
        """Name in routes."""
        return self._instance_name

    @property
    def namespace(self) -> str:
        """Path prefix of the routes on the bridge."""
        return f"/{self._app.state.endpoint_name}/{self._instance_name}"

    @property
    def uid(self) -> str:
        """Unique id of this instance."""
        return self._uid

    @property
    def is_bridge(self) -> bool:
        """Whether it is hosted by the bridge."""
        return self._app.state.is_bridge

    @property
    def is_compute_node(self) -> bool:
        """Whether it runs inside an allocation."""
        return self._app.state.role == "compute"

    @property
    def is_login_node(self) -> bool:
        """Whether there is a scheduler and no allocation."""
        return self._app.state.role == "login"

    @property
    def is_standalone(self) -> bool:
        """Whether there is no scheduler."""
        return self._app.state.role == "standalone"

    @property
    def folder(self) -> Path | None:
        """Where this instance may keep state; it outlives the process. None in a host without a folder."""
        base = self._app.state.folder
        return base / self._instance_name if base else None

    # -- routes ----------------------------------------------------------------------------------------------

    def _add_marked(self, method: Callable[..., Any], mark: Mark) -> None:
        self.routes.append(bound(mark, method, self._use_session))

    def add_route(self, method: str, path: str, handler: Handler) -> None:
        """Add a route under this plugin's namespace, for any HTTP method."""
        self.routes.append(Route(method.upper(), path.strip("/"), handler))

    def add_route_get(self, path: str, handler: Handler) -> None:
        """Add a GET route."""
        self.add_route("GET", path, handler)

    def add_route_post(self, path: str, handler: Handler) -> None:
        """Add a POST route."""
        self.add_route("POST", path, handler)

    # -- notifications ---------------------------------------------------------------------------------------

    async def send_notification(self, topic: str, data: dict[str, Any]) -> None:
        """Tell every subscriber."""
        self._dispatch_notify(topic, data)

    def _dispatch_notify(self, topic: str, data: dict[str, Any], session: str = "", owner: str = "") -> None:
        """Tell every subscriber; from any thread, without waiting."""
        self._app.state.notify(self._instance_name, topic, data, session, owner)

    async def on_topology_change(self, endpoints: dict[str, Any]) -> None:
        """React to endpoints that come and go: ``{name: {"plugins": [names]}}``."""

    # -- sessions --------------------------------------------------------------------------------------------

    def _create_session(self, sid: str, **more: Any) -> PluginSession:
        """Make the session object; override where it needs more than its id."""
        if self.session_class is None:
            raise PluginError(f"plugin {self.instance_name} has no sessions")
        return self.session_class(sid, **more)

    def _add_session(self, **more: Any) -> PluginSession:
        session = self._create_session(f"session.{uuid.uuid4().hex[:8]}", **more)
        session._plugin = self
        self._sessions.add(session, current_user.get())
        return session

    def _use_session(self, sid: str) -> PluginSession:
        session = self._sessions.use(sid)
        session._check_active()
        return session

    async def _forward(self, sid: str, func: Callable[..., T | Awaitable[T]], *args: Any, **more: Any) -> T:
        """Call a method of the session class on session `sid`; a plain one runs in a worker thread."""
        session = self._sessions.use(sid)
        try:
            session._check_active()
            if inspect.iscoroutinefunction(func):
                result: T = await func(session, *args, **more)
                return result
            returned = await run_in_thread(self.threads, func, session, *args, **more)
            if inspect.isawaitable(returned):
                return await returned
            return returned
        except OrbitError:
            raise
        except Exception as error:
            if isinstance(getattr(error, "status_code", None), int):
                raise
            name = getattr(func, "__name__", "call")
            raise PluginError(f"[{self.instance_name}/{sid}] {name}: {error}") from error

    async def sweep(self) -> None:
        """Close the sessions whose time is over; the host calls this every few seconds."""
        self._sessions.refresh(self._app.state.listeners)
        await _close_all(self._sessions.expire())

    async def start(self) -> None:
        """Begin what needs the host's loop; called once the plugin can be reached."""

    async def close(self) -> None:
        """Give back what the plugin holds, when its host ends. Override and call this one too."""
        await _close_all(self._sessions.remove_all())

    # -- routes that every plugin has -------------------------------------------------------------------------

    @route.post("register_session", answer=Registered)
    async def register_session(self, request: Request) -> dict[str, Any]:
        """Make a session and return its id.

        The body is left alone, as radical.orbit does: a plugin whose sessions take arguments overrides this,
        checks them, and hands them to `_add_session`.
        """
        return {"sid": self._add_session().sid}

    @route.post("unregister_session/{sid}", answer=Done)
    async def unregister_session(self, request: Request) -> dict[str, Any]:
        """Close a session."""
        await self._sessions.remove(request.path_params["sid"]).close()
        return {"ok": True}

    @route.get("version", answer=Version)
    async def get_version(self, request: Request) -> dict[str, Any]:
        """Return the plugin's version."""
        return {"version": self.version}

    @route.get("list_sessions", answer=Sessions)
    async def list_sessions(self, request: Request) -> dict[str, Any]:
        """Return the ids of the live sessions."""
        return {"sessions": list(self._sessions)}

    @route.get("health", answer=Health)
    async def health_check(self, request: Request) -> dict[str, Any]:
        """Return whether the plugin is well, and since when."""
        return {
            "status": "healthy",
            "plugin": self.instance_name,
            "version": self.version,
            "uptime_seconds": round(time.monotonic() - self._started, 2),
            "active_sessions": len(self._sessions),
        }

    @route.get("ui_config", answer=Page)
    async def get_ui_config(self, request: Request) -> dict[str, Any]:
        """Return the plugin's page."""
        return {
            "plugin_name": self.plugin_name,
            "instance_name": self.instance_name,
            "version": self.version,
            "ui": ui_config_to_dict(self.ui_config),
        }

    @route.get("openapi.json", answer=dict[str, Any])
    async def get_openapi(self) -> dict[str, Any]:
        """Return the plugin's routes as an OpenAPI document."""
        doc = document(f"{self.instance_name} on {self._app.state.endpoint_name}", self.version)
        add_routes(doc, self.routes, prefix=self.namespace, tag=self.namespace.strip("/"))
        return doc


async def _close_all(sessions: list[PluginSession]) -> None:
    """Close every session, and raise the first error only then."""
    ends = await asyncio.gather(*(session.close() for session in sessions), return_exceptions=True)
    for end in ends:
        if isinstance(end, BaseException):
            raise end
