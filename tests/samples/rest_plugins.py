"""Plugins for what neither `sysinfo` nor `psij` can be brought to do; the endpoint of these tests loads them."""

from __future__ import annotations

import getpass
from typing import Annotated, Any, Literal

import msgspec
from told_batch import ToldBatch, job

from orbit_jupyter.host.batch.model import Account, OwnAllocation
from orbit_jupyter.plugin import App, Plugin, PluginSession, Request, ResourceNotFoundError, route
from orbit_plugins.queue_info import QueueInfoPlugin


class FrailSession(PluginSession):
    """One that fails."""

    async def work(self) -> dict[str, Any]:
        """Raise what nobody meant."""
        raise ZeroDivisionError("nothing to share")


class FrailPlugin(Plugin):
    """Its sessions fail."""

    plugin_name = "frail"
    session_class = FrailSession

    def __init__(self, app: App, instance_name: str | None = None) -> None:
        super().__init__(app, instance_name)
        self.add_route_get("work/{sid}", self.work)

    async def work(self, request: Request) -> dict[str, Any]:
        """Let the session do it."""
        return await self._forward(request.path_params["sid"], FrailSession.work)


class HastyPlugin(FrailPlugin):
    """A session of it has expired before the next call can come."""

    plugin_name = "hasty"
    session_ttl = 1e-6


class ToldQueueInfoPlugin(QueueInfoPlugin):
    """On a batch system that is always there, and in an allocation."""

    def __init__(self, app: App, instance_name: str | None = None) -> None:
        batch = ToldBatch()
        batch.own = OwnAllocation(job_id="9", partition="batch", n_nodes=2, nodelist="n[1-2]", runtime=3600)
        user = getpass.getuser()
        batch.all_jobs = [job("17", user), job("18", user), job("19", "somebody")]
        batch.all_accounts = [Account(account="proj_a", user=user)]
        super().__init__(app, instance_name, batch=batch)

    @classmethod
    def is_enabled(cls, app: App) -> bool:
        """Return whether there is a batch system: always."""
        return True


class Forecast(msgspec.Struct):
    """Of one place."""

    place: str
    degrees: list[float]


class Observation(msgspec.Struct, forbid_unknown_fields=True):
    """What somebody has read off a thermometer."""

    place: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
    degrees: Annotated[float, msgspec.Meta(ge=-90, le=60)]
    wind: Literal["none", "light", "storm"] = "none"
    notes: list[str] = []


class WeatherSession(PluginSession):
    """What one client has observed."""

    def __init__(self, sid: str) -> None:
        super().__init__(sid)
        self.observed: list[Observation] = []


class WeatherPlugin(Plugin):
    """Its routes are typed, so that its document says all of them."""

    plugin_name = "weather"
    session_class = WeatherSession

    @route.get("forecast/{place}")
    async def forecast(self, place: str, days: Annotated[int, msgspec.Meta(ge=1, le=14)] = 3) -> Forecast:
        """Return what the days will be like."""
        return Forecast(place, [20.0] * days)

    @route.post("observe/{sid}")
    def observe(self, session: WeatherSession, body: Observation) -> dict[str, int]:
        """Note an observation."""
        session.observed.append(body)
        return {"number": len(session.observed)}

    @route.get("observed/{sid}/{number}", errors=(ResourceNotFoundError,))
    async def observed(self, session: WeatherSession, number: int) -> Observation:
        """Return an observation."""
        if not 0 < number <= len(session.observed):
            raise ResourceNotFoundError(f"there is no observation {number} of {len(session.observed)}")
        return session.observed[number - 1]
