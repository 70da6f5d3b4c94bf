"""The plugin: routes, and the user's jobs behind them."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

from orbit_jupyter.plugin import App, Plugin, PluginSession, Request, parse_int

from .client import PSIJClient
from .endpoints import Host
from .service import JobService
from .ui import UI


class PSIJPlugin(Plugin):
    """Submit, follow and cancel jobs through PSI/J.

    Jobs belong to the endpoint's user, not to a session: every session sees all of them, and they outlive it.
    """

    plugin_name = "psij"
    version = "0.1.0"
    client_class = PSIJClient
    ui_config = UI

    def __init__(self, app: App, instance_name: str | None = None) -> None:
        super().__init__(app, instance_name)
        root = self.folder or Path.home() / ".radical" / "orbit" / "psij"
        self.service = JobService(root, self._tell)
        self.add_route_get("executors", self.list_executors)
        self.add_route_post("submit/{sid}", self.submit)
        self.add_route_get("status/{sid}/{job_id}", self.status)
        self.add_route_get("list_jobs/{sid}", self.list_jobs)
        self.add_route_post("cancel/{sid}/{job_id}", self.cancel)
        self.add_route_post("launch/{sid}", self.launch)
        self.add_route_post("submit_tunneled/{sid}", self.submit_tunneled)
        self.add_route_get("tunnel_status/{endpoint_name}", self.tunnel_status)
        self._beginning = threading.Thread(target=self.service.begin, name="psij begin", daemon=True)
        self._beginning.start()

    @classmethod
    def is_enabled(cls, app: App) -> bool:
        """Return whether there are jobs to run here: everywhere but on the bridge."""
        return not app.state.is_bridge

    async def list_executors(self, request: Request) -> dict[str, Any]:
        """Return the executors and launchers that PSI/J knows of, and why some can't be used here."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, self.service.list_executors)

    async def submit(self, request: Request) -> dict[str, Any]:
        """Start a job: ``{"job_spec": {}, "executor": "local"}`` → ``{"job_id", "native_id"}``.

        Raises
        ------
        InvalidFieldError
            Naming the field, such as ``job_spec.attributes.duration``. The scheduler's own refusal is one, too.
        PluginError
            The scheduler is away: status 503, transient.
        """
        sid = request.path_params["sid"]
        return await self._forward(sid, self._submit, await request.json(), request.idempotency_key)

    async def status(self, request: Request) -> dict[str, Any]:
        """Return a job's state, and its output from ``stdout_offset`` and ``stderr_offset`` (bytes) on.

        At most 1 MiB of each; the answer's offsets say where to go on.
        """
        offsets = [parse_int(request.query_params.get(name), name) for name in ("stdout_offset", "stderr_offset")]
        sid, job_id = request.path_params["sid"], request.path_params["job_id"]
        return await self._forward(sid, self._status, job_id, *offsets)

    async def list_jobs(self, request: Request) -> dict[str, Any]:
        """Return all jobs, whoever's session started them."""
        return await self._forward(request.path_params["sid"], self._list)

    async def cancel(self, request: Request) -> dict[str, Any]:
        """Ask for a job's end."""
        return await self._forward(request.path_params["sid"], self._cancel, request.path_params["job_id"])

    async def launch(self, request: Request) -> dict[str, Any]:
        """Start another endpoint as a job: ``{"name", "token", …}`` → as `submit`, and ``endpoint_name``.

        Raises
        ------
        ConflictError
            A job is that endpoint already.
        InvalidFieldError
            Naming the field.
        """
        sid, body = request.path_params["sid"], await request.json()
        return await self._forward(sid, self._launch, body, request.idempotency_key)

    async def submit_tunneled(self, request: Request) -> dict[str, Any]:
        """Start a job that is an endpoint, by its own command line; answers as `submit`, and ``endpoint_name``."""
        sid, body = request.path_params["sid"], await request.json()
        return await self._forward(sid, self._submit_tunneled, body, request.idempotency_key)

    async def tunnel_status(self, request: Request) -> dict[str, Any]:
        """Return what has become of an endpoint's tunnel."""
        return self.service.tunnel_status(request.path_params["endpoint_name"])

    async def close(self) -> None:
        """Close the sessions; jobs go on."""
        self.service.end()
        await super().close()
        await asyncio.to_thread(self._beginning.join)

    # Plain functions of a session, as `_forward` runs them in a worker thread.

    def _submit(self, session: PluginSession, body: object, key: str) -> dict[str, Any]:
        return self.service.submit(body, session.sid, key)

    def _status(self, _: PluginSession, job_id: str, stdout_offset: int, stderr_offset: int) -> dict[str, Any]:
        return self.service.status(job_id, stdout_offset, stderr_offset)

    def _list(self, _: PluginSession) -> dict[str, Any]:
        return self.service.list()

    def _cancel(self, _: PluginSession, job_id: str) -> dict[str, Any]:
        return self.service.cancel(job_id)

    def _launch(self, session: PluginSession, body: object, key: str) -> dict[str, Any]:
        return self.service.launch(body, session.sid, self._host(), key)

    def _submit_tunneled(self, session: PluginSession, body: object, key: str) -> dict[str, Any]:
        return self.service.submit_tunneled(body, session.sid, key)

    def _host(self) -> Host:
        state = self._app.state
        # In a child plugin host there is no service to ask; the environment is the endpoint's.
        address = getattr(state.endpoint_service, "address", None)
        cert = address.cert if address is not None else os.environ.get("RADICAL_ORBIT_BRIDGE_CERT")
        dialled = address.url if address is not None else ""
        return Host(state.endpoint_name, dialled, state.bridge_url, cert)

    def _tell(self, event: dict[str, Any], session: str) -> None:
        self._dispatch_notify("job_status", event, session=session)


PluginPSIJ = PSIJPlugin
"""The name that radical.orbit 0.2.0 has for it."""
