"""What the plugin knows of the endpoint that it is loaded in, and of the bridge."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from orbit_jupyter.plugin import App
from orbit_jupyter.protocol import BridgeConnectionError

from .endpoints import Host, place_of


class Surroundings:
    """The endpoint and its bridge.

    Parameters
    ----------
    app
        The host.
    ended
        Sends the event that an endpoint has ended that was a job of this one.
    """

    def __init__(self, app: App, ended: Callable[[dict[str, Any]], None] = lambda _: None) -> None:
        self._app, self.ended = app, ended

    def host(self) -> Host:
        """Return what this endpoint knows of itself and its bridge."""
        state = self._app.state
        # In a child plugin host there is no service to ask; the environment is the endpoint's.
        service = state.endpoint_service
        address = getattr(service, "address", None)
        cert = address.cert if address is not None else os.environ.get("RADICAL_ORBIT_BRIDGE_CERT")
        dialled = address.url if address is not None else ""
        end = service.bridge_end if getattr(service, "has_tunnel", False) else None
        return Host(state.endpoint_name, dialled, state.bridge_url, cert, end)

    def bridge_end(self) -> str:
        """Return what to connect to here to come to the bridge: ``HOST:PORT``, or the path of a Unix socket.

        Raises
        ------
        BridgeConnectionError
            Nobody knows just now.
        """
        service = self._app.state.endpoint_service
        end: str | None = getattr(service, "bridge_end", None) or place_of(self._app.state.bridge_url)
        if end is None:
            raise BridgeConnectionError("where the bridge is isn't known yet")
        return end
