"""The plugin: routes, and the user's jobs behind them."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Annotated, Any, cast

import msgspec

from orbit_jupyter.plugin import (
    App,
    BadRequestError,
    ConflictError,
    OverloadedError,
    Plugin,
    PluginError,
    PluginSession,
    Request,
    ResourceNotFoundError,
    current_user,
    route,
)

from .answers import (
    ArraySubmitted,
    Cancelled,
    CancelledAll,
    Followed,
    Jobs,
    JobSpecification,
    JobStatus,
    Launched,
    Offers,
    Submitted,
    TunnelStatus,
    Unfollowed,
)
from .bodies import (
    ArraySubmission,
    CancelAll,
    Submission,
    Submit,
    SubmitArray,
    SubmitTunneled,
    TunneledSubmission,
)
from .client import PSIJClient
from .endpoints import Launch
from .service import MOST_LISTED, Caller, JobService
from .surroundings import Surroundings
from .ui import UI

Offset = Annotated[int, msgspec.Meta(ge=0)]
Limit = Annotated[int, msgspec.Meta(ge=1)]


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
        self.service = JobService(root, self._tell, around=Surroundings(app, self._child_ended))
        self.service.following.tell = self._tell_output
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

    @route.post("submit_array/{sid}", body=ArraySubmission, errors=(ConflictError, PluginError))
    def submit_array(self, session: PluginSession, body: SubmitArray, request: Request) -> ArraySubmitted:
        """Start an array of jobs; with an ``Idempotency-Key`` once, however often it is asked for.

        Its tasks are jobs like others, each with the array's id as its ``array_id``.

        Raises
        ------
        ConflictError
            An earlier try with this key may have started it, and that can't be found out just now.
        InvalidFieldError
            Naming the field.
        PluginError
            As of `submit`.
        """
        return self.service.submit_array(body, _caller(session, request))

    @route.get("status/{sid}/{job_id}", errors=(ResourceNotFoundError,))
    def status(
        self, session: PluginSession, job_id: str, stdout_offset: Offset = 0, stderr_offset: Offset = 0
    ) -> JobStatus:
        """Return a job's state, and its output from ``stdout_offset`` and ``stderr_offset`` (bytes) on.

        At most 1 MiB of each; the answer's offsets say where to go on.
        """
        return self.service.status(job_id, stdout_offset, stderr_offset)

    @route.get("spec/{sid}/{job_id}", errors=(ResourceNotFoundError,))
    def spec(self, session: PluginSession, job_id: str) -> JobSpecification:
        """Return what a job was submitted with, to look at, or to submit it again.

        Of its environment there are the names alone, since values may be secrets.
        """
        return self.service.jobs.get(job_id).specification()

    @route.get("list_jobs/{sid}", errors=(ResourceNotFoundError,))
    def list_jobs(
        self,
        session: PluginSession,
        limit: Limit = MOST_LISTED,
        before: str | None = None,
        state: str | None = None,
        since: float | None = None,
        array_id: str | None = None,
    ) -> Jobs:
        """Return all jobs, whoever's session started them, the oldest first.

        With ``limit`` the newest so many, of more than 10,000 the newest 10,000. Where there are older ones the
        answer has ``before``, which a request for those sends back. With ``state`` only those in it, several
        separated by commas; with ``since`` those whose state has changed since then (seconds since the epoch);
        with ``array_id`` the tasks of an array.
        """
        page = self.service.page(limit, before, state, since, array_id)
        # They are JSON already, of 10,000 jobs some megabytes.
        answer = {"jobs": [msgspec.Raw(job) for job in page.jobs.values()]}
        return cast(Jobs, answer if page.before is None else {**answer, "before": page.before})

    @route.post("follow/{sid}/{job_id}", errors=(ResourceNotFoundError, OverloadedError))
    def follow(self, session: PluginSession, job_id: str) -> Followed:
        """Tell what a job writes from now on, as events ``job_output``, until it ends or the session does.

        What it has written before the answer's offsets, or between two events, ``status`` returns.
        """
        return self.service.follow(job_id, session.sid)

    @route.post("unfollow/{sid}/{job_id}")
    def unfollow(self, session: PluginSession, job_id: str) -> Unfollowed:
        """Tell that no more, unless another session follows the job."""
        return self.service.unfollow(job_id, session.sid)

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

    @route.post("cancel_all/{sid}", errors=(ResourceNotFoundError,))
    def cancel_all(self, session: PluginSession, body: CancelAll = CancelAll()) -> CancelledAll:  # noqa: B008
        """Ask for the end of many jobs: those of ``job_ids``, the tasks of ``array_id``, or all there are.

        The answer says whose end was asked for, and whose couldn't be.
        """
        return self.service.cancel_all(body)

    @route.post("launch/{sid}", errors=(BadRequestError, ConflictError, PluginError))
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
        return self.service.launch(body, _caller(session, request))

    @route.post(
        "submit_tunneled/{sid}",
        body=TunneledSubmission,
        errors=(BadRequestError, ConflictError, PluginError),
    )
    def submit_tunneled(self, session: PluginSession, body: SubmitTunneled, request: Request) -> Launched:
        """Start a job that is an endpoint, by its own command line.

        Raises
        ------
        BadRequestError
            `tunnel` is none of the three.
        ConflictError
            A job is that endpoint already.
        PluginError
            As of `submit`.
        """
        return self.service.submit_tunneled(body, _caller(session, request))

    @route.get("tunnel_status/{endpoint_name}")
    def tunnel_status(self, endpoint_name: str) -> TunnelStatus:
        """Return what has become of an endpoint's tunnel."""
        return self.service.tunnel_status(endpoint_name)

    async def sweep(self) -> None:
        """Close the sessions whose time is over; nobody follows jobs for them any more."""
        await super().sweep()
        self.service.following.keep(set(self._sessions))

    async def close(self) -> None:
        """Close the sessions; jobs go on."""
        await super().close()
        await asyncio.to_thread(self.service.end)
        await asyncio.to_thread(self._beginning.join)

    def _tell_output(self, event: dict[str, Any], session: str) -> None:
        self._dispatch_notify("job_output", event, session=session)

    def _tell(self, event: dict[str, Any], session: str) -> None:
        self._dispatch_notify("job_status", event, session=session)

    def _child_ended(self, event: dict[str, Any]) -> None:
        self._dispatch_notify("endpoint_ended", event)


def _caller(session: PluginSession, request: Request) -> Caller:
    return Caller(session.sid, request.idempotency_key, current_user.get(), request.cancelled)


PluginPSIJ = PSIJPlugin
"""The name that radical.orbit 0.2.0 has for it."""
