"""The bridge as a Jupyter server extension, and ``jupyter orbit``, the same on its own."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import logging
import os
import secrets
import signal
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_runtime_dir
from jupyter_server.extension.application import ExtensionApp
from jupyter_server.serverapp import ServerApp
from tornado import routing
from traitlets import Enum, Float, Int, Unicode, default

from orbit_jupyter.host import installed_plugins, select
from orbit_jupyter.link import Address, Limits, orbit_home
from orbit_jupyter.protocol import ConflictError
from orbit_jupyter.protocol.names import BRIDGE

from .audit import KEPT, open_log
from .child_endpoint import LOCAL, ChildEndpoint
from .commands import TokenApp
from .event_store import open_event_log
from .handlers import HANDLERS, LongBody, UploadHandler
from .hub import Hub
from .identity import persisted_id, write_runtime_file
from .lives import Lives
from .logs import join_server_log, log_outcome
from .metrics import BridgeMetrics
from .own_routes import OwnRoutes
from .plugin_modules import PluginModules
from .registry import Grant
from .standalone import ALIASES, BridgeServerApp
from .tokens import TokenStore

log = logging.getLogger("orbit.bridge")


class OrbitExtension(ExtensionApp):
    """Reach HPC machines from notebooks: endpoints dial in here, notebooks call them."""

    name = "orbit_jupyter"
    app_name = "Orbit bridge"
    description = __doc__
    extension_url = "/orbit/"
    default_url = "/orbit/"
    load_other_extensions = False  # only where this class is launched itself, as `jupyter orbit`
    serverapp_class = BridgeServerApp
    aliases: dict[Any, Any] = {**ExtensionApp.aliases, **ALIASES}  # read where this class is launched itself
    subcommands: dict[str, Any] = {
        "token": (TokenApp, "Make, list and revoke the tokens that endpoints join with."),
    }
    subcommand_description = "Run as `jupyter orbit SUBCOMMAND`; `jupyter orbit SUBCOMMAND --help` says more."
    examples = """
    jupyter orbit                      # the bridge on its own, without kernels, contents and Lab
    jupyter orbit --cert cert.pem --key key.pem --port 8000 --plugins default
    jupyter orbit token create hpc1    # a token for the endpoint hpc1; prints the token alone
    jupyter orbit token list
    """
    serverapp_config = {"open_browser": False}

    local_endpoint = Enum(
        ["auto", "on", "off"],
        "auto",
        help="""The endpoint `local` on this machine: `on` starts it with the server, `off` never; `auto` (default)
        starts it on first use, in a user's own server, and not under JupyterHub or in `jupyter orbit`.""",
    ).tag(config=True)

    local_plugins = Unicode(
        "default",
        help="The plugins of the endpoint `local`: names, globs, `default` or `all`. Default: `default`.",
    ).tag(config=True)

    bridge_plugins = Unicode(
        help="""The plugins of the bridge itself, which run in a child process as the endpoint `bridge`: names,
        globs, `default` or `all`; empty: none. Default: `default` for `jupyter orbit`, none in another server."""
    ).tag(config=True)

    token_folder = Unicode(
        help="Folder with the endpoint tokens, one file each. Default: ~/.radical/orbit/tokens."
    ).tag(config=True)

    public_url = Unicode(
        help="""URL under which other machines reach this bridge, where a proxy stands in front; ends in /orbit.
        Empty (default): what the server knows about itself."""
    ).tag(config=True)

    ping_interval = Float(5.0, help="Seconds between two pings of an endpoint. Default: 5.").tag(config=True)

    suspect_after = Float(
        5.0, help="Seconds of silence after which an endpoint is shown as suspect. Default: 5."
    ).tag(config=True)

    lost_after = Float(
        30.0, help="Seconds of silence after which an endpoint is given up and its calls fail. Default: 30."
    ).tag(config=True)

    max_upload = Int(
        0,
        min=0,
        help="Bytes that the body of one HTTP request may have; 0: any. Default: 0.",
    ).tag(config=True)

    revocation_interval = Float(
        2.0, help="Seconds between two looks for revoked and expired endpoint tokens. Default: 2."
    ).tag(config=True)

    audit_log = Unicode(
        help="""File for the audit log, one JSON object a line, mode 0600; empty: none.
        Default: ~/.radical/orbit/logs/audit.jsonl."""
    ).tag(config=True)

    audit_log_size = Int(
        10 * 2**20,
        min=0,
        help=f"""Bytes beyond which the audit log begins a new file; {KEPT} older ones are kept. 0: never.
        Default: 10 MiB.""",
    ).tag(config=True)

    event_log_age = Float(
        7 * 86_400.0, help="Seconds that events are kept for readers that come back. Default: 604800, 7 days."
    ).tag(config=True)

    event_log_bytes = Int(
        256 * 2**20,
        min=0,
        help="""Bytes of events that are kept on disk, in ~/.radical/orbit/events; the oldest go first.
        0: they are in memory alone, and gone with the server. Default: 256 MiB.""",
    ).tag(config=True)

    @default("audit_log")
    def _audit_log(self) -> str:
        return str(orbit_home() / "logs" / "audit.jsonl")

    @default("bridge_plugins")
    def _bridge_plugins(self) -> str:
        return "default" if self.stands_alone else ""

    @default("token_folder")
    def _token_folder(self) -> str:
        return str(orbit_home() / "tokens")

    @property
    def stands_alone(self) -> bool:
        """Whether this is `jupyter orbit`, not a part of somebody's Jupyter server."""
        return isinstance(self.serverapp, BridgeServerApp)

    def initialize_settings(self) -> None:
        """Make the bridge's parts; the loop doesn't run yet."""
        self._check_options()
        self.owner = getpass.getuser()
        self.kernel_token = secrets.token_urlsafe(32)
        self.tokens = TokenStore(Path(self.token_folder).expanduser())
        folder = orbit_home() / "events"
        events = open_event_log(folder, self.event_log_age, self.event_log_bytes)
        self.hub = Hub(persisted_id(orbit_home() / "bridge.id"), events=events)
        self.hub.resume_for = self.lost_after
        self.lives = Lives(self.hub, self.tokens)
        self.modules = PluginModules()
        self.own_routes = OwnRoutes(self.hub, self.tokens, self._terminate, self.modules)
        self.hub.own_call = self.own_routes.handle
        self.metrics = BridgeMetrics(self.hub)
        self.audit = open_log(self.audit_log, self.audit_log_size, self.settings["event_logger"])
        self.hub.observers.append(self.audit.note)
        self.stopping = asyncio.Event()
        self._children: dict[str, ChildEndpoint] = {}
        self._revocation: asyncio.Task[None] | None = None
        self._runtime_file = Path(jupyter_runtime_dir()) / f"orbit-{os.getpid()}.json"
        self.settings["orbit_extension"] = self
        if join_server_log(self.log) <= logging.DEBUG:
            self.hub.observers.append(log_outcome)

    def initialize_handlers(self) -> None:
        """Add Orbit's routes; what has a long body goes to a handler that doesn't wait for all of it."""
        streaming = routing.Rule(LongBody(self.base_path), UploadHandler)
        assert self.serverapp is not None
        self.serverapp.web_app.add_handlers(".*$", [streaming])  # type: ignore[no-untyped-call]
        self.handlers.extend(HANDLERS)

    @property
    def base_path(self) -> str:
        """Path prefix of all routes of the bridge."""
        base: str = self.settings.get("base_url", "/")
        return base.rstrip("/") + "/orbit/"

    def link_limits(self) -> Limits:
        """Return the bounds of an endpoint's link."""
        return Limits(
            ping_interval=self.ping_interval,
            suspect_after=self.suspect_after,
            lost_after=self.lost_after,
            resume_for=self.lost_after,
        )

    async def _start_jupyter_server_extension(self, serverapp: ServerApp) -> None:
        """Start what needs the loop. Jupyter calls this once the server listens."""
        local_url = _loopback_url(serverapp)
        certfile = _absolute(serverapp.certfile)
        if isinstance(serverapp, BridgeServerApp):
            self.hub.url = await serverapp.announce(self.public_url)
        else:
            self.hub.url = self.public_url or serverapp.connection_url.rstrip("/") + "/orbit"
        self._revocation = asyncio.ensure_future(self._watch_revocation())
        self.metrics.register()
        trust = ["--cert", certfile] if certfile is not None else []
        if not self._without_local():
            self._add_child(LOCAL, "--url", local_url, "--plugins", self.local_plugins, *trust)
            if self.local_endpoint == "on":
                self.start_local_endpoint()
            else:
                self.hub.first_use = self.start_local_endpoint
        if self.bridge_plugins.strip():
            arguments = ("--bridge-host", "--url", local_url, "--plugins", self.bridge_plugins, *trust)
            self._add_child(BRIDGE, *arguments).start()
        try:
            write_runtime_file(self._runtime_file, local_url, self.kernel_token, certfile)
        except OSError as error:
            self.log.warning("kernels of this server won't find the bridge by themselves: %s", error)
        self.log.info("Orbit bridge: %s", self.hub.url)

    def _add_child(self, name: str, *arguments: str) -> ChildEndpoint:
        token, log_file = self.tokens.lend(name, self.owner), orbit_home() / "logs" / f"{name}.log"
        child = ChildEndpoint(name, arguments, token, log_file, self.hub.expect, self.hub.expect_no_more)
        self._children[name] = child
        return child

    def _check_options(self) -> None:
        # Not with a validator: after a TraitError, Jupyter goes on without any of an extension's options.
        try:
            if self.public_url:
                self.public_url = Address.parse(self.public_url, None, None).url
        except ValueError as error:
            self._refuse("public_url", error)
        try:
            # By their names alone: what they import isn't for this process.
            select(self.bridge_plugins.split(","), installed_plugins(), BRIDGE)
        except ValueError as error:
            self._refuse("bridge_plugins", error)

    def _refuse(self, option: str, error: ValueError) -> None:
        """End a bridge on its own; a Jupyter server with notebooks in it goes on without the option."""
        self.log.critical("OrbitExtension.%s: %s", option, error)
        if self.stands_alone:
            self.exit(1)
        setattr(self, option, "")

    def _terminate(self) -> None:
        if not self.stands_alone:
            raise ConflictError(
                "this bridge is part of a Jupyter server with notebooks in it; end that server instead"
            )
        log.warning("the bridge was told to terminate")
        # A moment later, so that the answer is on its way; the server ends as on any SIGTERM.
        asyncio.get_running_loop().call_later(0.5, os.kill, os.getpid(), signal.SIGTERM)

    def _without_local(self) -> bool:
        """Return whether there is no local endpoint here."""
        if self.local_endpoint == "auto":
            return self.stands_alone or "JUPYTERHUB_SERVICE_PREFIX" in os.environ
        return bool(self.local_endpoint == "off")

    def start_local_endpoint(self) -> None:
        """Start the endpoint `local`, once; calls to it wait until it is there."""
        self.hub.first_use = lambda: None
        self._children[LOCAL].start()

    async def _watch_revocation(self) -> None:
        # The command line revokes by removing a file; who is connected with it is found here.
        while True:
            await asyncio.sleep(self.revocation_interval)
            held = {(entry.grant, entry.name) for entry in self.hub.registry}
            gone = await asyncio.to_thread(self._not_held, held)
            if gone:
                self.hub.drop_revoked(gone)

    def _not_held(self, grants: set[tuple[Grant, str]]) -> set[str]:
        gone = set()
        for grant, name in grants:
            try:
                if not self.tokens.holds(grant, name):
                    gone.add(grant.id)
            except OSError as error:  # a home on a network that is away just now: the next look may succeed
                log.warning("whether the token of endpoint %s still stands can't be seen: %s", name, error)
        return gone

    async def stop_extension(self) -> None:
        """End what was started."""
        self.stopping.set()
        if self._revocation is not None:
            self._revocation.cancel()
            await asyncio.gather(self._revocation, return_exceptions=True)
        await asyncio.gather(self.modules.close(), *(child.stop() for child in self._children.values()))
        await self.hub.close()
        await self.lives.close()
        await self.hub.events.close()
        self.metrics.unregister()
        await self.audit.close()
        with contextlib.suppress(OSError):
            self._runtime_file.unlink(missing_ok=True)


def _absolute(path: str) -> str | None:
    """Return a file's absolute path: kernels and endpoints have other working folders."""
    return os.path.abspath(path) if path else None


def _loopback_url(serverapp: ServerApp) -> str:
    """Return the bridge's URL for processes on this machine."""
    scheme = "https" if serverapp.certfile else "http"
    ip = "localhost" if serverapp.ip in ("", "0.0.0.0", "::", "*") else serverapp.ip  # noqa: S104
    host = f"[{ip}]" if ":" in ip else ip
    return f"{scheme}://{host}:{serverapp.port}{serverapp.base_url.rstrip('/')}/orbit"
