"""Plugins whose instances clients make, name and remove while the endpoint runs."""

from __future__ import annotations

import asyncio
import logging
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
from orbit_jupyter.state import write_whole

from .answers import Done
from .app import App, NameTakenError
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


class Instance(msgspec.Struct, frozen=True, omit_defaults=True):
    """One instance, as its manager lists it; with `error` it is saved and couldn't be made again."""

    name: str
    namespace: str
    settings: dict[str, Any]
    error: str = ""


class Instances(msgspec.Struct, frozen=True):
    """Answer of ``instances``."""

    instances: list[Instance]


class NoSettings(msgspec.Struct, forbid_unknown_fields=True):
    """Settings of a plugin that has none."""


class AsyncManagedClient(AsyncPluginClient):
    """The manager of a plugin's instances, as coroutines; an instance's client is of the same class."""

    async def create(self, name: str, /, **settings: Any) -> dict[str, Any]:
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
        """Return the instances, in the order in which they were made.

        One that couldn't be made again when the endpoint started comes last, with the reason as its ``error``.
        """
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

    def create(self, name: str, /, **settings: Any) -> dict[str, Any]:
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
    the class adds. Instances come back when the endpoint starts again. One that can't (its settings are of an
    older release, say) stays saved until it is removed, or made anew under its name.

    All live in the endpoint's process: a class with ``isolation = "process"`` is refused.

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

    def __init_subclass__(cls, **more: Any) -> None:
        if cls.isolation == "process":
            raise TypeError(
                f"{cls.__qualname__}: instances that clients make live in the endpoint's process; leave out "
                "isolation = 'process', and start a process from the instance's start() for what needs one"
            )
        super().__init_subclass__(**more)

    def __init__(self, app: App, instance_name: str | None = None, settings: msgspec.Struct | None = None) -> None:
        self.settings = settings
        self._instances: dict[str, msgspec.Struct] = {}
        self._unmade: dict[str, Any] = {}  # what is saved and not made, as it is in the file
        self._errors: dict[str, str] = {}  # why not
        self._saving = asyncio.Lock()
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
        except NameTakenError as error:
            raise ConflictError(str(error)) from None
        # Shielded, here and below: a caller who cancels must not leave it half done.
        await asyncio.shield(self._keep(body.name, settings))
        return self._shown(body.name, settings)

    @route.get("instances")
    async def list_instances(self) -> Instances:
        """Return the instances, in the order in which they were made."""
        unmade = [self._shown(name, self._unmade[name], error) for name, error in self._errors.items()]
        return Instances([self._shown(name, settings) for name, settings in self._instances.items()] + unmade)

    @route.post("remove/{name}", answer=Done, errors=(NotFoundError,))
    async def remove_instance(self, name: str) -> dict[str, Any]:
        """Take an instance out and close it."""
        await asyncio.shield(self._drop(name))
        return {"ok": True}

    async def start(self) -> None:
        """Make the instances again that were there before."""
        await super().start()
        async with self._saving:  # a client that is early must not save before it is known what was there
            self._unmade = await asyncio.to_thread(self._saved)
        for name, raw in list(self._unmade.items()):
            try:
                settings = msgspec.convert(raw, self.settings_class)
                await self._make(name, settings)
            except Exception as error:
                # One that can't be any more (its settings are of an older release) must not take the others along.
                log.exception("instance %s of %s can't be made again", name, self.plugin_name)
                if name in self._unmade:
                    self._errors[name] = f"{type(error).__name__}: {error}"
            else:
                self._enter(name, settings)

    async def _make(self, name: str, settings: msgspec.Struct) -> None:
        await self._app.state.add_plugin(type(self), name, settings=settings)

    def _enter(self, name: str, settings: msgspec.Struct) -> None:
        self._instances[name] = settings
        self._forget_unmade(name)

    def _forget_unmade(self, name: str) -> None:
        self._unmade.pop(name, None)
        self._errors.pop(name, None)

    async def _keep(self, name: str, settings: msgspec.Struct) -> None:
        """Save and list what has been made, or take it out again."""
        try:
            async with self._saving:
                await self._save({**self._unmade, **self._instances, name: settings})
                self._enter(name, settings)
        except BaseException:
            await self._app.state.remove_plugin(name)
            raise

    async def _drop(self, name: str) -> None:
        """Take out what is made or saved; nothing of it, where that can't be saved."""
        async with self._saving:
            known = {**self._unmade, **self._instances}
            if name not in known:
                raise ResourceNotFoundError(f"{self.plugin_name} has no instance {name!r}", available=known)
            del known[name]
            await self._save(known)
            made = self._instances.pop(name, None) is not None
            self._forget_unmade(name)
        if made:
            await self._app.state.remove_plugin(name)

    def _shown(self, name: str, settings: Any, error: str = "") -> Instance:
        namespace = f"/{self._app.state.endpoint_name}/{name}"
        return Instance(name, namespace, msgspec.to_builtins(settings), error)

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

    async def _save(self, instances: dict[str, Any]) -> None:
        """Write down what is to come back; under the lock, since the last one to write wins."""
        if self._file is not None:
            await asyncio.to_thread(write_whole, self._file, msgspec.json.encode(instances))


MANAGING = frozenset({"create", "instances", "remove/{name}"})
"""The routes of a manager, which its instances don't have."""
