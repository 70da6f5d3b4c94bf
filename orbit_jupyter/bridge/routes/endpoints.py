"""Routes about endpoints: which there are, and the end of one."""

from __future__ import annotations

from typing import Any, TypedDict

import msgspec

from orbit_jupyter.plugin import route
from orbit_jupyter.protocol import (
    BadRequestError,
    EndpointInfo,
    EndpointNotFoundError,
    UnsupportedError,
)

from ..hub import Hub

SETTLE = 5.0
"""Seconds that a listing waits for endpoints that are just being started."""


class BridgeFacts(TypedDict):
    """What topology says of the bridge."""

    url: str


class TopologyData(TypedDict):
    """All endpoints by name, in order of registration, the bridge's own first."""

    bridge: BridgeFacts
    endpoints: dict[str, EndpointInfo]


class TopologyAnswer(TypedDict):
    """Of ``/endpoint/list``."""

    data: TopologyData


class EndpointLine(msgspec.Struct, frozen=True):
    """One endpoint, in short."""

    name: str
    plugins: list[str]
    """Those that can be called."""
    connected: bool
    plugin_count: int
    state: str
    failed: dict[str, str | None]
    """Plugins that aren't loaded, with the reason."""


class EndpointsAnswer(msgspec.Struct, frozen=True):
    """Of ``/endpoints``."""

    endpoints: list[EndpointLine]
    total: int


class Disconnected(TypedDict):
    """Of ``/endpoint/disconnect``."""

    status: str
    endpoint: str


class EndpointRoutes:
    """Lists endpoints and ends them."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def topology(self) -> TopologyData:
        """Return what ``/endpoint/list`` and the topology event carry."""
        return {"bridge": {"url": self._hub.url}, "endpoints": self._hub.registry.topology()}

    @route.post("endpoint/list", action="read")
    async def list_topology(self) -> TopologyAnswer:
        """Return every endpoint and its plugins."""
        await self._hub.settle(SETTLE)
        return {"data": self.topology()}

    @route.get("endpoints")
    async def list_endpoints(self) -> EndpointsAnswer:
        """Return a short list of the endpoints."""
        await self._hub.settle(SETTLE)
        lines = []
        for entry in self._hub.registry:
            loaded = [name for name, info in entry.plugins.items() if info.enabled]
            failed = {name: info.error for name, info in entry.plugins.items() if not info.enabled}
            lines.append(EndpointLine(entry.name, loaded, True, len(loaded), entry.state, failed))
        return EndpointsAnswer(lines, len(lines))

    @route.post("endpoint/disconnect/{name}", action="write", errors=(BadRequestError, EndpointNotFoundError))
    async def disconnect(self, name: str) -> Disconnected:
        """End an endpoint; it doesn't come back by itself."""
        if name == "bridge":
            raise BadRequestError("the bridge can't disconnect itself; end its server instead")
        self._hub.disconnect(name)
        return {"status": "shutdown", "endpoint": name}

    # radical.orbit 0.2.0 has these four as names alone, too.

    @route.post("endpoint/submit", errors=(UnsupportedError,))
    async def submit(self) -> Any:
        """Say where jobs are submitted."""
        raise _instead("submits no jobs", "POST /ENDPOINT/psij/submit/SID")

    @route.get("endpoint/jobs", errors=(UnsupportedError,))
    async def list_jobs(self) -> Any:
        """Say where jobs are listed."""
        raise _instead("lists no jobs", "GET /ENDPOINT/psij/list_jobs/SID")

    @route.get("endpoint/job/{id}", errors=(UnsupportedError,))
    async def job_status(self, id: str) -> Any:
        """Say where a job's status is."""
        raise _instead("knows no jobs", "GET /ENDPOINT/psij/status/SID/JOB")

    @route.post("endpoint/job/{id}/cancel", errors=(UnsupportedError,))
    async def cancel_job(self, id: str) -> Any:
        """Say where a job is cancelled."""
        raise _instead("cancels no jobs", "POST /ENDPOINT/psij/cancel/SID/JOB")


def _instead(what: str, where: str) -> UnsupportedError:
    return UnsupportedError(
        f"the bridge {what}, its endpoints do: call {where}, with the SID that "
        "POST /ENDPOINT/psij/register_session answers"
    )
