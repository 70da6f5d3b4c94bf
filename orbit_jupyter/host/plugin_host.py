"""The plugins of an endpoint: loads them, keeps what failed with its reason, and routes each call."""

from __future__ import annotations

import asyncio
import inspect
import logging
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from urllib.parse import unquote

from orbit_jupyter.link import Answer, Onward
from orbit_jupyter.plugin import App, Plugin, call_in_thread
from orbit_jupyter.plugin.app import NameTakenError
from orbit_jupyter.protocol import (
    Call,
    EndpointDisconnectedError,
    EndpointInfo,
    Event,
    InvalidFieldError,
    Listeners,
    OrbitError,
    PluginInfo,
    PluginNotFoundError,
    Topology,
    check_name,
    fail_from,
)

from .child_link import ChildPlugin, ChildSetup
from .discovery import installed_plugins, load_plugin_class
from .notification import event_of
from .running import RunningPlugin
from .selection import select

log = logging.getLogger("orbit.host")

SWEEP = 5.0
"""Seconds between two looks for expired sessions."""


class PluginHost:
    """All plugins of one endpoint. Belongs to one event loop; `notify` may come from any thread.

    Parameters
    ----------
    app
        What plugins see of the host.
    on_event
        Takes notifications, from any thread.
    on_change
        Called on the loop when `infos` has changed.
    in_child
        Whether this is a child plugin host: what asks for a process of its own has it already.
    """

    def __init__(
        self,
        app: App,
        *,
        on_event: Callable[[Event], None],
        on_change: Callable[[], None] = lambda: None,
        in_child: bool = False,
    ) -> None:
        self._app, self._on_event, self._on_change, self._in_child = app, on_event, on_change, in_child
        self._plugins: dict[str, RunningPlugin | ChildPlugin] = {}
        self._failed: dict[str, PluginInfo] = {}
        self._adding: set[str] = set()
        self._endpoints: dict[str, EndpointInfo] = {}
        self._telling: set[asyncio.Task[None]] = set()  # a loop holds its tasks weakly
        app.state.notify = self.notify
        app.state.add_plugin, app.state.remove_plugin = self.add, self.remove
        self._sweeper = asyncio.get_running_loop().create_task(self._sweep())

    # -- loading ---------------------------------------------------------------------------------------------

    async def load(self, tokens: Sequence[str]) -> None:
        """Load what `tokens` select; see `select`. A plugin that fails is kept with its reason.

        Raises
        ------
        ValueError
            If a token fits nothing that is installed.
        """
        for source in select(tokens, installed_plugins(), self._app.state.role):
            asked_for = source in tokens or ":" in source
            name = source.rpartition(":")[2]
            try:
                plugin_class = await asyncio.to_thread(call_in_thread, load_plugin_class, source)
                name = plugin_class.plugin_name or name
                if not plugin_class.is_enabled(self._app):
                    if asked_for:
                        role = self._app.state.role
                        self._keep_failed(name, f"has nothing to do on a host of role {role}")
                    continue
                await self._add(plugin_class, source)
            except (Exception, SystemExit) as error:
                log.exception("plugin %s can't be loaded", source)
                self._keep_failed(source if name in self._plugins else name, _why(error))
        self._on_change()

    async def _add(self, plugin_class: type[Plugin], source: str) -> None:
        name = self._free_name(plugin_class)
        if plugin_class.isolation == "none" or self._in_child:
            await self._enter(name, partial(plugin_class, self._app))
            return
        state = self._app.state
        setup = ChildSetup(
            source=source,
            instance_name=name,
            endpoint_name=state.endpoint_name,
            bridge_url=state.bridge_url,
            role=state.role,
            folder=str(state.folder) if state.folder else None,
        )
        self._plugins[name] = ChildPlugin(setup, self._on_event, self._on_change)

    def _free_name(self, plugin_class: type[Plugin]) -> str:
        name = check_name(plugin_class.plugin_name, "plugin")
        if name in self._plugins:
            raise NameTakenError(f"there is a plugin {name} already")
        return name

    async def add_class(self, plugin_class: type[Plugin]) -> None:
        """Load a plugin class into this process, as `load` does by name.

        Raises
        ------
        NameTakenError
            There is one of that name.
        """
        await self._enter(self._free_name(plugin_class), partial(plugin_class, self._app))
        self._on_change()

    async def _enter(self, name: str, make: Callable[[], Plugin]) -> None:
        running = RunningPlugin(await asyncio.to_thread(call_in_thread, make), self._app)
        running.info()  # a ui_config that doesn't fit its schema fails here, not in a browser
        self._plugins[name] = running
        try:
            await running.plugin.start()
        except BaseException:
            del self._plugins[name]
            await running.close()
            raise
        if self._endpoints:
            self._tell(running, Topology(dict(self._endpoints), full=True))

    async def add(self, plugin_class: type[Plugin], instance_name: str, **more: Any) -> None:
        """Add an instance of a plugin while the host runs; everyone sees it at once.

        Parameters
        ----------
        plugin_class
            Lives in this process, whatever its `isolation` says: what is made at run time has no source to import.
        instance_name
            Its name in routes.
        more
            Further arguments of the class.

        Raises
        ------
        NameTakenError
            If the name is taken.
        ValueError
            If it can't be one.
        """
        try:
            check_name(instance_name, "plugin instance")
        except InvalidFieldError as error:
            raise ValueError(str(error)) from None
        if instance_name in self._plugins or instance_name in self._adding:
            raise NameTakenError(f"there is a plugin {instance_name} already")
        self._adding.add(instance_name)
        try:
            await self._enter(instance_name, partial(plugin_class, self._app, instance_name=instance_name, **more))
        finally:
            self._adding.discard(instance_name)
        self._failed.pop(instance_name, None)
        self._on_change()

    async def remove(self, instance_name: str) -> None:
        """Take a plugin out and close it; calls to it are answered 404 from now on.

        Raises
        ------
        ValueError
            If there is none of that name.
        """
        plugin = self._plugins.pop(instance_name, None)
        if plugin is None:
            raise ValueError(f"there is no plugin {instance_name}")
        self._on_change()
        await plugin.close()

    def _keep_failed(self, name: str, reason: str) -> None:
        namespace = f"/{self._app.state.endpoint_name}/{name}"
        self._failed[name] = PluginInfo(type=name, namespace=namespace, enabled=False, error=reason)

    def plugin(self, name: str) -> Plugin:
        """Return a plugin that is loaded into this process.

        Raises
        ------
        KeyError
            There is none of that name, or it lives in a child.
        """
        plugin = self._plugins[name]
        if isinstance(plugin, ChildPlugin):
            raise KeyError(f"plugin {name} lives in a child process")
        return plugin.plugin

    def infos(self) -> dict[str, PluginInfo]:
        """Return every plugin, those that failed last."""
        return {**{name: plugin.info() for name, plugin in self._plugins.items()}, **self._failed}

    # -- calls -----------------------------------------------------------------------------------------------

    def handle(self, call: Call, answer: Answer) -> Onward | None:
        """Begin a call: answered exactly once."""
        name = unquote(call.path.lstrip("/").partition("/")[0])
        plugin = self._plugins.get(name)
        if plugin is not None:
            return plugin.handle(call, answer)
        answer(fail_from(self._missing(name)))
        return None

    def _missing(self, name: str) -> OrbitError:
        failed = self._failed.get(name)
        if failed is not None:
            return EndpointDisconnectedError(
                f"plugin {name} isn't loaded on {self._app.state.endpoint_name}: {failed.error}", transient=False
            )
        return PluginNotFoundError(
            f"endpoint {self._app.state.endpoint_name} has no plugin {name!r}", available=self._plugins
        )

    # -- events and topology ---------------------------------------------------------------------------------

    def notify(self, plugin: str, topic: str, data: dict[str, Any], session: str, owner: str) -> None:
        """Hand a notification on; from any thread."""
        self._on_event(event_of(plugin, topic, data, session, owner))

    def tell(self, news: Topology | Listeners) -> None:
        """Let every plugin know which endpoints there are, or who listens."""
        if isinstance(news, Listeners):
            self._app.state.listeners = frozenset(news.users)
        else:
            if news.full:
                self._endpoints.clear()
            for name in news.removed:
                self._endpoints.pop(name, None)
            self._endpoints.update(news.endpoints)
            news = Topology(dict(self._endpoints), full=True)  # what plugins get is always all there is
        for plugin in list(self._plugins.values()):
            self._tell(plugin, news)

    def _tell(self, plugin: RunningPlugin | ChildPlugin, news: Topology | Listeners) -> None:
        if isinstance(plugin, ChildPlugin):
            plugin.tell(news)
        elif isinstance(news, Topology):
            known = {name: {"plugins": list(info.plugins)} for name, info in news.endpoints.items()}
            failure = f"plugin {plugin.plugin.instance_name} failed on a change of topology"
            told = _guarded(partial(plugin.plugin.on_topology_change, known), failure)
            task = asyncio.get_running_loop().create_task(told)
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP)
            for plugin in list(self._plugins.values()):  # others come and go between the awaits
                if isinstance(plugin, RunningPlugin):
                    failure = f"expired sessions of {plugin.plugin.instance_name} can't be closed"
                    # Gathered, since a plugin's own CancelledError must not end the sweeper.
                    await asyncio.gather(_guarded(plugin.plugin.sweep, failure), return_exceptions=True)

    async def close(self) -> None:
        """End every plugin."""
        self._sweeper.cancel()
        await asyncio.gather(*(plugin.close() for plugin in list(self._plugins.values())))


async def _guarded(method: Callable[[], Any], failure: str) -> None:
    """Call a plugin's method, which an author may have written as a plain one; log what it raises."""
    try:
        returned = method()
        if inspect.isawaitable(returned):
            await returned
    except (Exception, SystemExit):
        log.exception("%s", failure)


def _why(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"needs the Python module {error.name}, which isn't installed there"
    return "".join(traceback.format_exception_only(type(error), error)).strip()
