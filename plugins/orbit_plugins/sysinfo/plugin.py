"""The plugin: its routes and its page."""

from __future__ import annotations

import asyncio
import platform
import time
from pathlib import Path
from typing import Annotated, Any, ClassVar

import msgspec

from orbit_jupyter.plugin import (
    App,
    Plugin,
    PluginClient,
    PluginSession,
    UIConfig,
    UIMonitor,
    route,
)

from .answers import Columns, HomeDir, HostRole, Metrics, Subscribed, Unsubscribed
from .client import SysInfoClient
from .event import TOPIC, metrics_event
from .history import INTERVAL, KEPT, History
from .moving import MovingNumbers
from .provider import SysInfoProvider
from .publisher import Publisher
from .session import Subscription, SysInfoSession

Seconds = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]

END = 2.0
"""Seconds that a reading which is under way when the plugin ends gets to be over."""


class SysInfoPlugin(Plugin):
    """What the host is and how busy.

    Parameters
    ----------
    app
        The host.
    instance_name
        Name in routes; None: ``sysinfo``.
    provider
        Where the numbers come from; None: from this machine.
    """

    plugin_name: ClassVar[str] = "sysinfo"
    session_class: ClassVar[type[PluginSession] | None] = SysInfoSession
    client_class: ClassVar[type[PluginClient] | None] = SysInfoClient
    ui_config: ClassVar[UIConfig | dict[str, Any] | None] = UIConfig(
        icon="🖥️",
        title="System Info",
        description="Live CPU, memory, disk, network and GPU metrics.",
        refresh_button=True,
        monitors=[
            UIMonitor(
                id="metrics",
                title="System Metrics",
                type="metrics",
                css_class="sysinfo-content",
                auto_load="metrics/{sid}",
            ),
            UIMonitor(
                id="history",
                title="Last ten minutes",
                type="chart",
                css_class="sysinfo-history",
                empty_text="The first sample comes within seconds.",
                auto_load="history/{sid}",
            ),
        ],
    )

    def __init__(
        self, app: App, instance_name: str | None = None, provider: SysInfoProvider | None = None
    ) -> None:
        super().__init__(app, instance_name)
        self._provider = provider or SysInfoProvider()
        self._provider.prefetch()
        self._publisher = Publisher(self._provider.get_metrics, self._publish, self._listening)
        moving = MovingNumbers(gpus=lambda: self._provider.gpus_lately(refresh=self._listening()))
        self._history = History(moving.read)

    def _create_session(self, sid: str, **more: Any) -> SysInfoSession:
        return SysInfoSession(sid, self._provider, self._publisher, self._history)

    def _listening(self) -> bool:
        return bool(self._app.state.listeners)

    def _publish(self, tree: dict[str, Any]) -> None:
        self._dispatch_notify(TOPIC, metrics_event(time.time(), tree))

    async def start(self) -> None:
        """Begin the history."""
        await super().start()
        self._history.start()

    # Plain functions, which may block: the home directory and the scheduler's tools may lie on a slow file system.

    @route.get("homedir")
    def homedir(self) -> HomeDir:
        """Return the home directory of this process."""
        return {"homedir": str(Path.home())}

    @route.get("host_role")
    def host_role(self) -> HostRole:
        """Return the host's part in its cluster."""
        # Here, since the client's side imports this module too and needs no host.
        from orbit_jupyter.host.batch import detect

        batch = detect()
        return {
            "role": self._app.state.role,
            "scheduler": batch.name,
            "psij_executor": batch.psij_executor,
            "job_id": batch.job_id,
            "python_version": platform.python_version(),
        }

    @route.get("metrics/{sid}", answer=Metrics)
    def get_metrics(self, session: SysInfoSession) -> dict[str, Any]:
        """Return what the host is and how busy."""
        return session.get_metrics()

    @route.get("history/{sid}")
    def get_history(self, session: SysInfoSession, seconds: Seconds = int(INTERVAL * KEPT)) -> Columns:
        """Return how busy the host was in the last seconds."""
        return session.get_history(seconds)

    @route.post("subscribe/{sid}")
    async def subscribe(self, session: SysInfoSession, body: Subscription) -> Subscribed:
        """Begin to send an event with the metrics each few seconds, while somebody listens."""
        return await session.subscribe(body)

    @route.post("unsubscribe/{sid}")
    async def unsubscribe(self, session: SysInfoSession) -> Unsubscribed:
        """Send a session no more events."""
        return await session.unsubscribe()

    async def close(self) -> None:
        """End the tools that still run, the events and the history."""
        self._publisher.close()
        self._history.close()
        self._provider.close()
        await super().close()
        await asyncio.to_thread(self._join)

    def _join(self) -> None:
        self._history.join(END)
        self._publisher.join(END)
