"""The plugin: its routes, and the joins that are under way."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import shutil
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from orbit_jupyter.plugin import (
    App,
    ConflictError,
    ForbiddenError,
    InvalidFieldError,
    OrbitError,
    Plugin,
    PluginError,
    PluginSession,
    Request,
    ResourceNotFoundError,
    route,
)

from .answers import Answered, Cancelled, Hosts, Joins, Started
from .bodies import Bridge, Leave, Reply, Start
from .ui import UI
from .work import PATIENCE, Work

if TYPE_CHECKING:
    from orbit_jupyter.link import Address

    from .handed import HandedBridge

LOCAL = "local"
"""The endpoint that a bridge starts itself, on its own machine."""

KEPT = 20
"""Joins that are remembered after their end."""

CLOSING_TIME = 30.0
"""Seconds that an endpoint which ends waits until its joins are taken back."""


class JoinPlugin(Plugin):
    """Have clusters join the bridge over ssh, with the user's own configuration and keys.

    It has no rights at the bridge: the page makes the token and hands it over, and revokes those that nobody needs
    any more.

    Parameters
    ----------
    patience
        Seconds that a question waits for its answer.
    """

    plugin_name = "join"
    version = "0.1.0"
    ui_config = UI

    def __init__(self, app: App, instance_name: str | None = None, patience: float = PATIENCE) -> None:
        super().__init__(app, instance_name)
        self._patience = patience
        self._works: dict[str, Work] = {}
        self._bridges: dict[str, HandedBridge] = {}
        self._entering = threading.Lock()  # routes run in threads
        self._here: frozenset[str] = frozenset()
        self._watched: set[str] = set()

    @classmethod
    def is_enabled(cls, app: App) -> bool:
        """Return whether this is the endpoint on the user's own machine, and it has ssh.

        A service of a Hub runs as nobody whose ssh configuration could be meant.
        """
        if app.state.is_bridge or app.state.endpoint_name != LOCAL or "JUPYTERHUB_SERVICE_NAME" in os.environ:
            return False
        from orbit_jupyter.ssh import ssh_program

        with contextlib.suppress(ValueError):
            return shutil.which(ssh_program()[0]) is not None
        return False

    # -- routes ----------------------------------------------------------------------------------------------

    @route.get("hosts/{sid}", errors=(ForbiddenError,))
    def hosts(self, session: PluginSession, request: Request) -> Hosts:
        """Return the hosts that the user's ssh configuration names."""
        from orbit_jupyter.joining import known_hosts

        _check_user(request)
        return {"hosts": known_hosts()}

    @route.get("joins/{sid}", errors=(ForbiddenError,))
    def joins(self, session: PluginSession, request: Request) -> Joins:
        """Return the joins and leaves that are under way or have ended lately, and which clusters are joined."""
        from orbit_jupyter.joining import all_kept

        _check_user(request)
        shown = [work.shown(session.sid) for work in list(self._works.values())]
        return {"joins": shown, "joined": [{"name": one.name, "target": one.host} for one in all_kept()]}

    @route.post("start/{sid}", errors=(ConflictError, ForbiddenError, PluginError))
    def start_join(self, session: PluginSession, body: Start, request: Request) -> Started:
        """Begin to join a cluster; events ``join_step`` and ``join_question`` say how it goes on.

        Raises
        ------
        ConflictError
            A join or leave of that host or that name is under way.
        ForbiddenError
            Another than the endpoint's own user asks.
        InvalidFieldError
            Naming the field.
        """
        from orbit_jupyter.joining.blocking import words
        from orbit_jupyter.joining.joining import Joining
        from orbit_jupyter.joining.watching import unwatched, watch
        from orbit_jupyter.joining.wish import Wish

        _check_user(request)
        work = Work("join", body.target, body.name, session.sid, self._tell, self._patience)
        bridge = self._bridge(work, body.bridge, body.token)
        with _field("ssh"):
            options = words(body.ssh)
        wish = Wish(body.target, body.name, body.python, body.plugins, tuple(body.packages), options)
        with _field("name"):
            _check_name(body.name)
        with _field("target"):
            joining = Joining(bridge, wish, work.ask, work.on_step)

        def do() -> None:
            with unwatched(body.name):
                joined = joining.run()
            watch(joined)
            self._watched.add(body.name)

        self._begin(work, bridge, do)
        return {"join_id": work.id, "name": work.name}

    @route.post("leave/{sid}", errors=(ConflictError, ForbiddenError, PluginError, ResourceNotFoundError))
    def leave(self, session: PluginSession, body: Leave, request: Request) -> Started:
        """Begin to undo a join; it is shown as a join is.

        Raises
        ------
        ConflictError, ForbiddenError
            As of ``start``.
        ResourceNotFoundError
            No cluster was joined under that name.
        """
        from orbit_jupyter.joining.kept import all_kept, kept
        from orbit_jupyter.joining.leaving import Leaving
        from orbit_jupyter.joining.watching import let_go

        _check_user(request)
        joined = kept(body.name)
        if joined is None:
            known = [one.name for one in all_kept()]
            raise ResourceNotFoundError(f"no cluster was joined as {body.name!r}", available=known)
        work = Work("leave", joined.host, joined.name, session.sid, self._tell, self._patience)
        bridge = self._bridge(work, body.bridge, None)
        leaving = Leaving(bridge, joined, body.remove, work.ask, work.on_step)

        def do() -> None:
            let_go(joined.name)
            self._watched.discard(joined.name)
            leaving.run()

        self._begin(work, bridge, do)
        return {"join_id": work.id, "name": work.name}

    @route.post("answer/{sid}/{join_id}", errors=(ForbiddenError, ResourceNotFoundError))
    async def answer(self, session: PluginSession, join_id: str, body: Reply, request: Request) -> Answered:
        """Answer a question of ssh's. It goes to ssh, and is kept nowhere.

        Raises
        ------
        ForbiddenError
            Another session has begun the join, or another user asks.
        ResourceNotFoundError
            It isn't asked any more.
        """
        _check_user(request)
        self._work(join_id).answer(session.sid, body.question, body.reply)
        return {"question": body.question}

    @route.post("cancel/{sid}/{join_id}", errors=(ConflictError, ForbiddenError, ResourceNotFoundError))
    async def cancel(self, session: PluginSession, join_id: str, request: Request) -> Cancelled:
        """End a join at its next step, and take back what it has done.

        Raises
        ------
        ConflictError
            It has ended already.
        """
        _check_user(request)
        self._work(join_id).cancel()
        return {"join_id": join_id, "status": "cancelling"}

    # -- joins -----------------------------------------------------------------------------------------------

    def _work(self, join_id: str) -> Work:
        work = self._works.get(join_id)
        if work is None:
            raise ResourceNotFoundError(f"there is no join {join_id!r} here")
        return work

    def _bridge(self, work: Work, told: Bridge, token: str | None) -> HandedBridge:
        from .handed import HandedBridge

        def spend(id: str) -> None:
            work.spend(id)
            # The bridge itself believes this of tokens that were made for what this endpoint starts.
            self._tell("endpoint_ended", {"endpoint_name": work.name, "token_id": id})

        return HandedBridge(self._address(), told, token, lambda: self._here, work.check, spend)

    def _address(self) -> Address:
        address: Address | None = getattr(self._app.state.endpoint_service, "address", None)
        if address is None:
            raise PluginError("this endpoint doesn't know how it reaches its bridge")
        return address

    def _begin(self, work: Work, bridge: HandedBridge, do: Callable[[], None]) -> None:
        with self._entering:
            for other in self._works.values():
                if not other.is_over and (other.target == work.target or other.name == work.name):
                    raise ConflictError(
                        f"a {other.what} of {other.target} as {other.name} is under way; see how it goes"
                    )
            over = [one for one in self._works.values() if one.is_over]
            kept = [one for one in self._works.values() if one not in over[:-KEPT]]
            self._works = {one.id: one for one in (*kept, work)}
            self._bridges[work.id] = bridge

        def end() -> None:
            bridge.give_back()
            self._bridges.pop(work.id, None)

        work.begin(do, end)

    def _tell(self, topic: str, data: dict[str, Any]) -> None:
        self._dispatch_notify(topic, data)

    async def on_topology_change(self, endpoints: dict[str, Any]) -> None:
        """Take in which endpoints are connected."""
        self._here = frozenset(endpoints)
        for id, bridge in list(self._bridges.items()):
            bridge.saw(self._here, self._works[id].name)

    async def close(self) -> None:
        """Take back the joins that are under way; those that have come to their end stay."""
        under_way = [work for work in self._works.values() if not work.is_over]
        for work in under_way:
            with contextlib.suppress(ConflictError):
                work.cancel()
        for work in under_way:
            await asyncio.to_thread(work.wait, CLOSING_TIME)
        if self._watched:
            from orbit_jupyter.joining.watching import let_go

            for name in self._watched:
                await asyncio.to_thread(let_go, name)
        await super().close()


def _check_user(request: Request) -> None:
    """Let nobody in but the user whose ssh configuration and keys are used.

    Raises
    ------
    ForbiddenError
        It is another.
    """
    asking = request.principal.user if request.principal is not None else ""
    if asking not in (getpass.getuser(), os.environ.get("JUPYTERHUB_USER") or getpass.getuser()):
        raise ForbiddenError(f"only {getpass.getuser()} may join clusters from here: it is their ssh that is used")


def _check_name(name: str) -> None:
    from orbit_jupyter.plugin import check_name

    check_name(name, "endpoint name")


@contextlib.contextmanager
def _field(name: str) -> Any:
    """Name the field whose value can't be."""
    try:
        yield
    except OrbitError as error:
        if not isinstance(error, InvalidFieldError):
            raise
        raise InvalidFieldError(f"{name}: {error.message}", field=name) from None
    except ValueError as error:
        raise InvalidFieldError(f"{name}: {error}", field=name) from None
