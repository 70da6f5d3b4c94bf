"""The plugin: routes, and the user's jobs behind them."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path
from typing import Annotated, Any

import msgspec

from orbit_jupyter.plugin import (
    App,
    BadRequestError,
    ConflictError,
    Plugin,
    PluginError,
    PluginSession,
    Request,
    ResourceNotFoundError,
    UnsupportedError,
    current_user,
    route,
)

from .answers import Cancelled, Jobs, JobStatus, Launched, Offers, Submitted, TunnelStatus
from .bodies import Submission, Submit, SubmitTunneled, TunneledSubmission
from .client import PSIJClient
from .endpoints import Host, Launch
from .service import Caller, JobService
from .ui import UI

Offset = Annotated[int, msgspec.Meta(ge=0)]


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
        self._beginning = threading.Thread(target=self.service.begin, name="psij begin", daemon=True)
        self._beginning.start()

    @classmethod
    def is_enabled(cls, app: App) -> bool:
        """Return whether there are jobs to run here: everywhere but on the bridge."""
        return not app.state.is_bridge

    @route.get("executors")
    def list_executors(self) -> Offers:
        """Return the executors and launchers that PSI/J knows of, and why some can't be used here."""
        return self.service.list_executors()

    @route.post("submit/{sid}", body=Submission, errors=(ConflictError, PluginError))
    def submit(self, session: PluginSession, body: Submit, request: Request) -> Submitted:
        """Start a job; with an ``Idempotency-Key`` once, however often it is asked for.

        Raises
        ------
        ConflictError
            An earlier try with this key may have started the job, and the executor has no way to tell.
        InvalidFieldError
            Naming the field, such as ``job_spec.attributes.duration``. The scheduler's own refusal is one, too.
        PluginError
            The scheduler is away: status 503, transient. Or it doesn't say why it refuses.
        """
        return self.service.submit(body, _caller(session, request))

    @route.get("status/{sid}/{job_id}", errors=(ResourceNotFoundError,))
    def status(
        self, session: PluginSession, job_id: str, stdout_offset: Offset = 0, stderr_offset: Offset = 0
    ) -> JobStatus:
        """Return a job's state, and its output from ``stdout_offset`` and ``stderr_offset`` (bytes) on.

        At most 1 MiB of each; the answer's offsets say where to go on.
        """
        return self.service.status(job_id, stdout_offset, stderr_offset)

    @route.get("list_jobs/{sid}")
    def list_jobs(self, session: PluginSession) -> Jobs:
        """Return all jobs, whoever's session started them."""
        return self.service.list()

    @route.post("cancel/{sid}/{job_id}", errors=(ResourceNotFoundError, ConflictError, PluginError))
    def cancel(self, session: PluginSession, job_id: str) -> Cancelled:
        """Ask for a job's end.

        Raises
        ------
        ConflictError
            It has ended already.
        PluginError
            The scheduler refuses; where it is away, with status 503, transient.
        """
        return self.service.cancel(job_id)

    @route.post("launch/{sid}", errors=(ConflictError, PluginError))
    def launch(self, session: PluginSession, body: Launch, request: Request) -> Launched:
        """Start another endpoint as a job, with a token of its own.

        Raises
        ------
        ConflictError
            A job is that endpoint already.
        InvalidFieldError
            Naming the field.
        PluginError
            As of `submit`.
        """
        return self.service.launch(body, _caller(session, request), self._host())

    @route.post(
        "submit_tunneled/{sid}",
        body=TunneledSubmission,
        errors=(BadRequestError, ConflictError, UnsupportedError, PluginError),
    )
    def submit_tunneled(self, session: PluginSession, body: SubmitTunneled, request: Request) -> Launched:
        """Start a job that is an endpoint, by its own command line.

        Raises
        ------
        BadRequestError
            `tunnel` is none of the three.
        ConflictError
            A job is that endpoint already.
        UnsupportedError
            There is no such tunnel yet.
        PluginError
            As of `submit`.
        """
        return self.service.submit_tunneled(body, _caller(session, request))

    @route.get("tunnel_status/{endpoint_name}")
    async def tunnel_status(self, endpoint_name: str) -> TunnelStatus:
        """Return what has become of an endpoint's tunnel."""
        return self.service.tunnel_status(endpoint_name)

    async def close(self) -> None:
        """Close the sessions; jobs go on."""
        self.service.end()
        await super().close()
        await asyncio.to_thread(self._beginning.join)

    def _host(self) -> Host:
        state = self._app.state
        # In a child plugin host there is no service to ask; the environment is the endpoint's.
        address = getattr(state.endpoint_service, "address", None)
        cert = address.cert if address is not None else os.environ.get("RADICAL_ORBIT_BRIDGE_CERT")
        dialled = address.url if address is not None else ""
        return Host(state.endpoint_name, dialled, state.bridge_url, cert)

    def _tell(self, event: dict[str, Any], session: str) -> None:
        self._dispatch_notify("job_status", event, session=session)


def _caller(session: PluginSession, request: Request) -> Caller:
    return Caller(session.sid, request.idempotency_key, current_user.get(), request.cancelled)


PluginPSIJ = PSIJPlugin
"""The name that radical.orbit 0.2.0 has for it."""
