"""An endpoint: plugins on one side, the link to the bridge on the other."""

from __future__ import annotations

import asyncio
import getpass
import logging
import os
import platform
import socket
import threading
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from orbit_jupyter._version import __version__
from orbit_jupyter.host import PluginHost, Role, detect
from orbit_jupyter.link import Address, Search, find_cert, orbit_home
from orbit_jupyter.link.address import ENDPOINT_TOKEN_VARIABLE, URL_VARIABLE
from orbit_jupyter.plugin import App, AppState, Plugin
from orbit_jupyter.protocol import HostFacts, Welcome, check_name
from orbit_jupyter.protocol.names import BRIDGE

from .allocation import tell_of_end
from .kept import EndpointState
from .uplink import Uplink
from .ways import make_way, target_of

log = logging.getLogger("orbit.endpoint")


def find_address(name: str, url: str | None, cert: str | None, token_file: str | None) -> Address:
    """Return the bridge that an endpoint dials, and its token.

    Raises
    ------
    ValueError
        No URL, or no token, was found; the message says where it was looked for.
    PermissionError
        A token's file can be read by others.
    """
    found_url = (
        Search("bridge URL").argument(url).variable(URL_VARIABLE).file(orbit_home() / "bridge.url").require()
    )
    token = Search(f"token for endpoint {name}")
    if token_file is not None:
        token.file(Path(token_file).expanduser(), secret=True)
    token.variable(ENDPOINT_TOKEN_VARIABLE)
    token.file(orbit_home() / "endpoints" / f"{name}.token", secret=True)
    address = Address.parse(found_url.value, token.found, find_cert(cert))
    if not address.token:
        raise ValueError(
            f"no token for endpoint {name} was found; looked at {', '.join(token.places)} and the URL. "
            f"Make one where the bridge runs: jupyter orbit token create {name}"
        )
    return address


class EndpointService:
    """Loads plugins and serves them through a bridge.

    Parameters
    ----------
    bridge_url
        ``https://host:8888/orbit``; None: environment, then ``~/.radical/orbit/bridge.url``.
    cert
        Path of the certificate to trust; None: environment, file, then the system's trust.
    name
        Name at the bridge; None: the host's name.
    plugins
        Names, globs, ``default``, ``all``, ``module:Class``; None: all.
    tunnel
        How to reach the bridge: ``none``, straight; ``forward``, by ``ssh -L``; ``reverse``, by ``ssh -R``, which
        the endpoint opens that has submitted this one; ``auto``, the first of these that works.
    tunnel_via
        Login host of a forward; None: the one that the batch job was submitted from.
    app
        Kept for code written for radical.orbit; ignored.
    token_file
        File with the endpoint's token; None: environment, then ``~/.radical/orbit/endpoints/NAME.token``.
    tunnel_to
        The bridge as the tunnel's other end sees it, ``host:port`` or the path of a Unix socket; None: as the URL
        says.
    through
        The near end of a tunnel to the bridge, ``host:port`` or the path of a Unix socket; None: there is none.
    role
        What plugins take this host for; None: as the batch system says. With ``bridge`` this is the plugin host of
        a bridge, which starts it: its name is ``bridge``, and the bridge lets no other process have it.

    Raises
    ------
    ValueError
        If something of this is missing or wrong.
    """

    def __init__(
        self,
        bridge_url: str | None = None,
        cert: str | None = None,
        name: str | None = None,
        plugins: Sequence[str] | None = None,
        tunnel: str = "none",
        tunnel_via: str | None = None,
        app: Any = None,
        *,
        token_file: str | None = None,
        tunnel_to: str | None = None,
        through: str | None = None,
        role: Role | None = None,
    ) -> None:
        own = role == BRIDGE
        self.name = BRIDGE if own else check_name(name or socket.gethostname(), "endpoint name")
        self.address = replace(find_address(self.name, bridge_url, cert, token_file), through=through)
        self._way = make_way(tunnel, self.name, self.address, tunnel_via, tunnel_to)
        self._plugins = list(plugins) if plugins is not None else ["all"]
        self._role = role
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self._host: PluginHost | None = None

    @property
    def bridge_end(self) -> str:
        """Where to connect to on this host, ``host:port`` or the path of a Unix socket, to come to the bridge.

        Raises
        ------
        BridgeConnectionError
            The tunnel to it is down just now.
        """
        through = self._way.through() if self._way is not None else self.address.through
        return through or target_of(self.address)

    @property
    def has_tunnel(self) -> bool:
        """Whether the bridge is reached through a tunnel."""
        return self.address.through is not None or (self._way is not None and self._way.through() is not None)

    @property
    def bridge_url(self) -> str:
        """Where the bridge answers HTTP."""
        return self.address.url

    async def run(self) -> None:
        """Serve until `stop`, or until the bridge ends this endpoint.

        Raises
        ------
        OrbitError
            The bridge refused it: the credentials, the name, the protocol version. Or its state is another's.
        ValueError
            The plugins to load don't exist.
        """
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        state = EndpointState(self.name)
        await state.claim()
        try:
            await self._serve(state)
        finally:
            await state.release()

    async def _serve(self, kept: EndpointState) -> None:
        assert self._loop is not None
        assert self._stop is not None
        batch = detect()
        role = self._role or batch.role
        facts = HostFacts(
            hostname=socket.gethostname(),
            user=getpass.getuser(),
            pid=os.getpid(),
            python=platform.python_version(),
            orbit=__version__,
            role=role,
            scheduler=batch.name,
            job_id=batch.job_id,
        )
        state = AppState(
            endpoint_name=self.name,
            bridge_url=self.bridge_url,
            role=role,
            folder=kept.folder,
            endpoint_service=self,
        )
        uplink = Uplink(
            self.address,
            self.name,
            facts,
            way=self._way,
            outbox_folder=kept.folder / "outbox",
            host_loop=self._loop,
            on_call=lambda call, answer: host.handle(call, answer),  # noqa: PLW0108 - made below
            on_topology=lambda topology: host.tell(topology),  # noqa: PLW0108
            on_listeners=lambda listeners: host.tell(listeners),  # noqa: PLW0108
            on_welcome=lambda welcome: _take_url(state, welcome),
        )
        host = self._host = PluginHost(
            App(state), on_event=uplink.notify, on_change=lambda: uplink.announce(host.infos())
        )
        stopped = asyncio.ensure_future(self._stop.wait())
        countdown = asyncio.ensure_future(
            tell_of_end(lambda plugin, topic, data: host.notify(plugin, topic, data, "", ""))
        )
        try:
            await host.load(self._plugins)
            if not await self._open_way(stopped):
                return
            uplink.start(host.infos())
            ended = asyncio.wrap_future(uplink.ended)
            waits: set[asyncio.Future[Any]] = {ended, stopped, kept.lost}
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for end in (ended, kept.lost):
                if end.done():
                    end.result()
        finally:
            stopped.cancel()
            countdown.cancel()
            await asyncio.gather(countdown, return_exceptions=True)
            await asyncio.to_thread(uplink.stop, "the endpoint ends")
            if self._way is not None:
                await asyncio.to_thread(self._way.close)
            await host.close()

    async def _open_way(self, stopped: asyncio.Future[Any]) -> bool:
        """Have the tunnel stand, if there is to be one; return whether the endpoint shall go on."""
        if self._way is None:
            return True
        opening = asyncio.ensure_future(asyncio.to_thread(self._way.open))
        await asyncio.wait({opening, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not stopped.done():
            opening.result()
            return True
        await asyncio.to_thread(self._way.close)
        await asyncio.gather(opening, return_exceptions=True)
        return False

    def start_background(self) -> None:
        """Run in a daemon thread.

        Raises
        ------
        RuntimeError
            If it runs already.
        """
        if self._thread is not None and self._thread.is_alive():
            raise RuntimeError(f"endpoint {self.name} runs already")
        self._thread = threading.Thread(target=self._run_and_log, name=f"orbit-{self.name}", daemon=True)
        self._thread.start()

    def _run_and_log(self) -> None:
        try:
            asyncio.run(self.run())
        except Exception as error:
            log.error("endpoint %s ended: %s", self.name, error)

    def stop(self) -> None:
        """End, from any thread."""
        loop, stop = self._loop, self._stop
        if loop is not None and stop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(10)

    async def register_dynamic_plugin(self, cls: type[Plugin], instance_name: str, **more: Any) -> None:
        """Add an instance of a plugin while the endpoint runs; bridge and clients see it at once.

        Parameters
        ----------
        cls, instance_name
            The plugin's class, and the instance's name in routes.
        more
            Further arguments of the class.

        Raises
        ------
        ValueError
            If the name can't be, or is taken.
        RuntimeError
            If the endpoint doesn't run.
        """
        await self._on_host(self._running_host().add(cls, instance_name, **more))

    async def deregister_dynamic_plugin(self, name: str) -> None:
        """Take a plugin out again.

        Raises
        ------
        ValueError
            If there is none of that name.
        RuntimeError
            If the endpoint doesn't run.
        """
        await self._on_host(self._running_host().remove(name))

    def _running_host(self) -> PluginHost:
        if self._host is None or self._loop is None or self._loop.is_closed():
            raise RuntimeError(f"endpoint {self.name} doesn't run")
        return self._host

    async def _on_host(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something on the loop that the plugins live on, from whichever loop."""
        assert self._loop is not None
        if asyncio.get_running_loop() is self._loop:
            await work
        else:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def send_notification(self, plugin: str, topic: str, data: dict[str, Any]) -> None:
        """Send an event in the name of a plugin.

        Raises
        ------
        RuntimeError
            If the endpoint doesn't run.
        """
        self._running_host().notify(plugin, topic, data, "", "")


def _take_url(state: AppState, welcome: Welcome) -> None:
    if welcome.url:
        state.bridge_url = welcome.url
