"""The Jupyter server of ``jupyter orbit``, a bridge on its own, with the options of radical.orbit's bridge."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from jupyter_server.serverapp import ServerApp
from traitlets import default

from orbit_jupyter.link import find_cert, orbit_home
from orbit_jupyter.link.address import LOOPBACK

from .announce import announcement, public_host, url_of, write_url_file
from .certificate import check_pair, find_key

ALIASES: dict[Any, Any] = {
    "host": ("ServerApp.ip", "Address to listen on. Default: all with a certificate, else 127.0.0.1."),
    "port": ("ServerApp.port", "Port to listen on. Default: 8000."),
    "cert": (
        "ServerApp.certfile",
        "Certificate. Default: $RADICAL_ORBIT_BRIDGE_CERT, ~/.radical/orbit/bridge_cert.pem; empty: no TLS.",
    ),
    "key": (
        "ServerApp.keyfile",
        "Its key, readable by you alone. Default: $RADICAL_ORBIT_BRIDGE_KEY, ~/.radical/orbit/bridge_key.pem.",
    ),
    ("p", "plugins"): "OrbitExtension.bridge_plugins",
}
"""The options of radical.orbit's bridge; the spellings of ``jupyter server`` stay."""

ALL_INTERFACES = ""


class BridgeServerApp(ServerApp):
    """A Jupyter server without kernels, terminals and contents."""

    default_services: Any = ("auth", "api", "events", "security", "shutdown")
    port_default_value = 8000
    # Endpoints dial the port that they were told: another one is of no use to them.
    port_retries_default_value = 0

    @default("certfile")
    def _default_certfile(self) -> str:
        return find_cert(None) or ""

    @default("keyfile")
    def _default_keyfile(self) -> str:
        # A certificate that was taken back on the command line takes the key with it.
        return (find_key() or "") if self.certfile else ""

    @default("ip")
    def _default_address(self) -> str:
        return ALL_INTERFACES if self.certfile else LOOPBACK[1]

    @property
    def on_this_machine_alone(self) -> bool:
        """Whether nobody else can reach the server."""
        return self.ip in LOOPBACK

    def init_webapp(self) -> None:
        """Look at certificate and key first: a server that can't use them doesn't begin to listen."""
        self.certfile, self.keyfile = _whole(self.certfile), _whole(self.keyfile)
        if self.certfile or self.keyfile:
            try:
                check_pair(self.certfile, self.keyfile)
            except (ValueError, OSError) as error:
                self.log.critical("%s", error)
                self.exit(1)
        super().init_webapp()

    async def announce(self, public_url: str) -> str:
        """Say where the bridge is, leave its URL for this home, and return it.

        Parameters
        ----------
        public_url
            That of a proxy in front; empty: there is none.
        """
        url = public_url
        if not url:
            # A name server that doesn't answer holds up a thread, not the loop.
            host = await asyncio.to_thread(public_host, self.ip)
            url = url_of("https" if self.certfile else "http", host, self.port, self.base_url)
        alone = self.on_this_machine_alone
        for line in announcement(url, cert=self.certfile, alone=alone, proxied=bool(public_url)):
            print(f"[Bridge] {line}", flush=True)
        path = orbit_home() / "bridge.url"
        try:
            there = await asyncio.to_thread(write_url_file, path, url)
        except OSError as error:
            self.log.warning("endpoints of this home won't find the bridge by themselves: %s", error)
        else:
            if there != url:
                self.log.warning("%s leads to %s, not to this bridge; it is left as it is", path, there)
        return url


def _whole(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path)) if path else ""
