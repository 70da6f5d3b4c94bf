"""The plugin: its routes and its page."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any, ClassVar

from orbit_jupyter.plugin import App, Plugin, PluginClient, PluginSession, Request, UIConfig, UIMonitor

from .client import SysInfoClient
from .provider import SysInfoProvider


class SysInfoSession(PluginSession):
    """One client's look at the host."""

    def __init__(self, sid: str, provider: SysInfoProvider) -> None:
        super().__init__(sid)
        self._provider = provider

    def get_metrics(self) -> dict[str, Any]:
        """Return what the host is and how busy; blocks for some seconds at most."""
        return self._provider.get_metrics()


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
            )
        ],
    )

    def __init__(
        self, app: App, instance_name: str | None = None, provider: SysInfoProvider | None = None
    ) -> None:
        super().__init__(app, instance_name)
        self._provider = provider or SysInfoProvider()
        self._provider.prefetch()
        self.add_route_get("homedir", self.homedir)
        self.add_route_get("host_role", self.host_role)
        self.add_route_get("metrics/{sid}", self.get_metrics)

    def _create_session(self, sid: str, **more: Any) -> SysInfoSession:
        return SysInfoSession(sid, self._provider)

    # Both are plain functions: the home directory and the scheduler's tools may lie on a slow file system.

    def homedir(self, request: Request) -> dict[str, str]:
        """Return the home directory of this process."""
        return {"homedir": str(Path.home())}

    def host_role(self, request: Request) -> dict[str, Any]:
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

    async def get_metrics(self, request: Request) -> dict[str, Any]:
        """Return what the host is and how busy."""
        return await self._forward(request.path_params["sid"], SysInfoSession.get_metrics)

    async def close(self) -> None:
        """End the tools that still run."""
        self._provider.close()
        await super().close()
