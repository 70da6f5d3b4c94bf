"""Plugins whose instances clients make, name and remove while the endpoint runs."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from orbit_jupyter.protocol import (
    ConflictError,
    InvalidFieldError,
    NotFoundError,
    ResourceNotFoundError,
    check_name,
)

from .answers import Done
from .app import App
from .client import AsyncPluginClient, PluginClient
from .plugin import Plugin
from .route import Handler, Mark, route
from .session import PluginSession
from .validation import parse

log = logging.getLogger("orbit.plugin")


class NewInstance(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``create``."""

    name: str
    settings: dict[str, Any] = {}


class Instance(msgspec.Struct, frozen=True):
    """One instance, as its manager lists it."""

    name: str
    namespace: str
    settings: dict[str, Any]


class Instances(msgspec.Struct, frozen=True):
    """Answer of ``instances``."""

    instances: list[Instance]


class NoSettings(msgspec.Struct, forbid_unknown_fields=True):
    """Settings of a plugin that has none."""


class AsyncManagedClient(AsyncPluginClient):
    """The manager of a plugin's instances, as coroutines; an instance's client is of the same class."""

    async def create(self, name: str, **settings: Any) -> dict[str, Any]:
        """Make an instance of that name; return its ``name``, ``namespace`` and ``settings``.

        Raises
        ------
        ConflictError
            The name is taken.
        InvalidFieldError
            The name can't be, or the settings are wrong.
        """
        made: dict[str, Any] = await self.call("POST", "create", {"name": name, "settings": settings})
        return made

    async def instances(self) -> list[dict[str, Any]]:
        """Return the instances, in the order in which they were made."""
        listed = await self.call("GET", "instances")
        instances: list[dict[str, Any]] = listed["instances"]
        return instances

    async def remove(self, name: str) -> None:
        """Take an instance out; calls to it are answered 404 from now on.

        Raises
        ------
        ResourceNotFoundError
            There is none of that name.
        """
        await self.call("POST", f"remove/{name}")


class ManagedClient(PluginClient):
    """The manager of a plugin's instances; see `AsyncManagedClient` for parameters and errors."""

    async_class = AsyncManagedClient
    aio: AsyncManagedClient

    def create(self, name: str, **settings: Any) -> dict[str, Any]:
        """Make an instance of that name; ``endpoint.get_plugin(name)`` is its client."""
        return self._wait(self.aio.create(name, **settings))

    def instances(self) -> list[dict[str, Any]]:
        """Return the instances, in the order in which they were made."""
        return self._wait(self.aio.instances())

    def remove(self, name: str) -> None:
        """Take an instance out."""
        self._wait(self.aio.remove(name))


class ClientManagedPlugin(Plugin):
    """A plugin that clients make instances of.

    Loaded by an endpoint it is the manager: under `plugin_name` it has the routes ``create``, ``instances`` and
    ``remove/{name}``. Each instance is of the same class, has a name of its own in routes, and the routes that
    the class adds. Instances come back when the endpoint starts again.

    Parameters
    ----------
    app, instance_name
        As for `Plugin`.
    settings
        What the client gave, of the type `settings_class`; None: this is the manager.

    Attributes
    ----------
    settings_class
        What a client may say about a new instance.
    """

    settings_class: ClassVar[type[msgspec.Struct]] = NoSettings
    client_class: ClassVar[type[PluginClient] | None] = ManagedClient

    def __init__(self, app: App, instance_name: str | None = None, settings: msgspec.Struct | None = None) -> None:
        self.settings = settings
        self._instances: dict[str, msgspec.Struct] = {}
        super().__init__(app, instance_name)

    @property
    def is_manager(self) -> bool:
        """Whether this is the one that makes instances."""
        return self.settings is None

    def _add_marked(self, method: Any, mark: Mark) -> None:
        of_every_plugin = hasattr(Plugin, method.__name__)
        if of_every_plugin or self.is_manager == (mark.path in MANAGING):
            super()._add_marked(method, mark)

    def _create_session(self, sid: str, **more: Any) -> PluginSession:
        # The manager's own are plain ones: what the class has is for instances, with their settings.
        return PluginSession(sid) if self.is_manager else super()._create_session(sid, **more)

    def add_route(self, method: str, path: str, handler: Handler) -> None:
        """Add a route of the instances."""
        if not self.is_manager:
            super().add_route(method, path, handler)

    @route.post("create", errors=(ConflictError,))
    async def create_instance(self, body: NewInstance) -> Instance:
        """Make an instance with a name of its own and the settings that the plugin knows."""
        try:
            check_name(body.name, "name")
        except InvalidFieldError as error:
            raise InvalidFieldError(str(error), field="name") from None
        settings = parse(body.settings, self.settings_class, "settings")
        try:
            await self._make(body.name, settings)
        except ValueError as error:
            raise ConflictError(str(error)) from None
        await asyncio.to_thread(self._save)
        return self._shown(body.name, settings)

    @route.get("instances")
    async def list_instances(self) -> Instances:
        """Return the instances, in the order in which they were made."""
        return Instances([self._shown(name, settings) for name, settings in self._instances.items()])

    @route.post("remove/{name}", answer=Done, errors=(NotFoundError,))
    async def remove_instance(self, name: str) -> dict[str, Any]:
        """Take an instance out and close it."""
        if name not in self._instances:
            raise ResourceNotFoundError(f"{self.plugin_name} has no instance {name!r}", available=self._instances)
        del self._instances[name]
        await asyncio.to_thread(self._save)
        await self._app.state.remove_plugin(name)
        return {"ok": True}

    async def start(self) -> None:
        """Make the instances again that were there before."""
        await super().start()
        saved = await asyncio.to_thread(self._saved)
        for name, settings in saved.items():
            try:
                await self._make(name, msgspec.convert(settings, self.settings_class))
            except Exception:
                # One that can't be any more (its settings are of an older release) must not take the others along.
                log.exception("instance %s of %s can't be made again", name, self.plugin_name)

    async def _make(self, name: str, settings: msgspec.Struct) -> None:
        await self._app.state.add_plugin(type(self), name, settings=settings)
        self._instances[name] = settings

    def _shown(self, name: str, settings: msgspec.Struct) -> Instance:
        return Instance(name, f"/{self._app.state.endpoint_name}/{name}", msgspec.to_builtins(settings))

    @property
    def _file(self) -> Path | None:
        return self.folder / "instances.json" if self.folder and self.is_manager else None

    def _saved(self) -> dict[str, Any]:
        if self._file is None or not self._file.exists():
            return {}
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=dict[str, Any])
        except msgspec.DecodeError as error:
            log.error("%s can't be read: %s; the instances of %s are gone", self._file, error, self.plugin_name)
            return {}

    def _save(self) -> None:
        if self._file is None:
            return
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = self._file.with_suffix(".new")
        aside.write_bytes(msgspec.json.encode(self._instances))
        os.replace(aside, self._file)


MANAGING = frozenset({"create", "instances", "remove/{name}"})
"""The routes of a manager, which its instances don't have."""
