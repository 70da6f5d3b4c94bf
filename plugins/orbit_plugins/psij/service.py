"""What the plugin does, apart from routes and sessions. Everything here may block."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, TypeVar, cast

import msgspec

from orbit_jupyter.host.batch import detect
from orbit_jupyter.plugin import App, InvalidFieldError, PluginError, ResourceNotFoundError
from orbit_jupyter.plugin.intents import Intent, Intents

from . import offers
from .answers import (
    ArraySubmitted,
    Cancelled,
    CancelledAll,
    Followed,
    Jobs,
    JobStatus,
    JobSummary,
    Launched,
    Offers,
    Submitted,
    TunnelError,
    TunnelStatus,
    Unfollowed,
)
from .bodies import CancelAll, Submit, SubmitArray, SubmitTunneled
from .cancel_all import cancel_all
from .database import Page
from .endpoints import Launch
from .handover import Handover, Order
from .jobs import RANK
from .launches import Launches
from .output import read_from
from .reports import Tell
from .surroundings import Surroundings
from .systems import Systems
from .table import JobTable
from .watch import Systems as SystemOf

log = logging.getLogger("orbit.psij")

MOST_LISTED = 10_000
"""Jobs in one answer."""

A = TypeVar("A", Submitted, Launched)


@dataclass(frozen=True)
class Caller:
    """Who submits: session, user and idempotency key, and what says that nobody waits for the answer any more."""

    session: str
    key: str = ""
    user: str = ""
    cancelled: Event | None = None


class JobService:
    """The jobs of one endpoint's user.

    Parameters
    ----------
    root
        Where scripts, output and intents go.
    tell
        Sends one ``job_status`` event.
    systems
        Returns the reader of a batch system; None: of those on this host.
    around
        The endpoint, and its bridge.
    """

    def __init__(
        self, root: Path, tell: Tell, systems: SystemOf | None = None, around: Surroundings | None = None
    ) -> None:
        self._systems = Systems()
        self.handover = Handover(root, tell, systems or self._systems)
        self.launches = Launches(root, self.handover, around or Surroundings(App()))
        self.following = self.handover.reports.following
        self._intents = Intents(root / "intents")
        self._ended = Event()

    @property
    def jobs(self) -> JobTable:
        """All jobs that are known."""
        return self.handover.jobs

    def begin(self) -> None:
        """Follow the jobs of earlier lives, and remove what those have left; in a thread of its own.

        All of it takes its time, and so does PSI/J's import.
        """
        try:
            self.handover.expire()
        except PluginError as error:
            log.warning("the jobs of earlier lives of this endpoint aren't followed yet: %s", error)
        self.launches.resume()
        self.handover.reports.executors.warm()
        self._intents.sweep()
        try:
            self.handover.keeper.sweep(self.jobs.knows, self._ended.is_set)
        except PluginError as error:
            if not self._ended.is_set():
                log.warning("files of jobs that are forgotten stay: %s", error)

    def end(self) -> None:
        """Have `begin` come to its end, and follow no job any more; they go on."""
        self._ended.set()
        self._systems.close()
        self.handover.close()

    def list_executors(self) -> Offers:
        """Return which executors and launchers there are, and what those lack that can't be used."""
        return {
            "executors": offers.executors(),
            "launchers": offers.launchers(),
            "default": offers.DEFAULT_EXECUTOR,
            "own": detect().psij_executor,
        }

    def submit(self, wanted: Submit, caller: Caller) -> Submitted:
        """Start a job, once for each idempotency key, and return its ids."""
        order = Order(wanted, caller.session)
        return self._once(wanted, caller, order, lambda intent: self.handover.submit(order, intent))

    def submit_tunneled(self, wanted: SubmitTunneled, caller: Caller) -> Launched:
        """Start a job that is an endpoint, and return its ids and the endpoint's name."""
        return self._once(wanted, caller, *self.launches.submit_tunneled(wanted, caller.session))

    def launch(self, wanted: Launch, caller: Caller) -> Launched:
        """Start another endpoint as a job, and return its ids and its name."""
        return self._once(wanted, caller, *self.launches.launch(wanted, caller.session))

    def tunnel_status(self, endpoint_name: str) -> TunnelStatus:
        """Return what has become of an endpoint's tunnel."""
        return self.launches.tunnel_status(endpoint_name)

    def status(self, job_id: str, stdout_offset: int, stderr_offset: int) -> JobStatus:
        """Return a job's state and its output from two bytes on."""
        record = self.handover.get(job_id)
        with record.lock:
            details, ended = record.details(), record.ended
        silence = None if ended else self.handover.reports.watch.silence(record.executor)
        if silence is not None:
            details["message"] = silence.told(record.executor)
        # The state first: output that was read before the end might lack its last lines.
        stdout, stdout_offset = read_from(record.stdout_path, stdout_offset, ended=ended)
        stderr, stderr_offset = read_from(record.stderr_path, stderr_offset, ended=ended)
        return {
            **details,
            "stdout": stdout,
            "stdout_offset": stdout_offset,
            "stderr": stderr,
            "stderr_offset": stderr_offset,
            **self._tunnel_error(job_id),
        }

    def follow(self, job_id: str, session: str) -> Followed:
        """Tell what a job writes from now on, and return from which offsets."""
        offsets = self.following.follow(self.handover.get(job_id), session)
        return {"job_id": job_id, "stdout_offset": offsets["stdout"], "stderr_offset": offsets["stderr"]}

    def unfollow(self, job_id: str, session: str) -> Unfollowed:
        """Tell that no more to a session."""
        self.following.unfollow(job_id, session)
        return {"job_id": job_id}

    def _tunnel_error(self, job_id: str) -> TunnelError:
        """Return what the status of a job says whose tunnel was given up: as radical.orbit 0.2.0, it failed."""
        error = self.launches.error_of(job_id)
        return {} if error is None else {"state": "FAILED", "message": error, "error": error}

    def list(self, **wanted: Any) -> Jobs:
        """Return the newest jobs for which all of this is so, oldest first; see `page`."""
        page = self.page(**wanted)
        jobs = cast(list[JobSummary], page.summaries)
        return {"jobs": jobs} if page.before is None else {"jobs": jobs, "before": page.before}

    def page(
        self,
        limit: int = MOST_LISTED,
        before: str | None = None,
        state: str | None = None,
        since: float | None = None,
        array_id: str | None = None,
    ) -> Page:
        """Return the newest jobs for which all of this is so, as JSON; the plugin's route says what it is."""
        states = [one.strip() for one in (state or "").split(",") if one.strip()]
        if wrong := sorted(set(states) - set(RANK)):
            message = f"state: {wrong[0]!r} is none of {', '.join(RANK)}; several are separated by commas"
            raise InvalidFieldError(message, field="state")
        if before is not None and not self.jobs.knows(before):
            raise ResourceNotFoundError(f"before: there is no job {before!r} on this endpoint")
        return self.jobs.page(min(limit, MOST_LISTED), before, states, since, array_id)

    def submit_array(self, wanted: SubmitArray, caller: Caller) -> ArraySubmitted:
        """Start an array, once for each idempotency key, and return its ids and those of its tasks."""
        order = Order(wanted, caller.session)
        return self._intents.once(
            caller.key,
            [type(wanted).__name__, wanted],
            lambda intent: self.handover.arrays.submit(order, wanted, intent),
            user=caller.user,
            note=_new_id,
            cancelled=caller.cancelled,
        )

    def cancel_all(self, wanted: CancelAll) -> CancelledAll:
        """Ask for the end of many jobs, several at a time, and say which of them couldn't be asked for."""
        return cancel_all(self.handover, wanted)

    def cancel(self, job_id: str) -> Cancelled:
        """Ask for a job's end; its state says when that has come.

        Raises
        ------
        ConflictError
            If it has ended by itself.
        """
        self.handover.cancel(self.handover.get(job_id))
        return {"job_id": job_id, "status": "canceled"}

    def _once(self, wanted: msgspec.Struct, caller: Caller, order: Order, act: Callable[[Intent], A]) -> A:
        asked = [type(wanted).__name__, wanted]
        answer = self._intents.once(
            caller.key, asked, act, user=caller.user, note=_new_id, cancelled=caller.cancelled
        )
        if caller.key:
            self.handover.take_up(order, answer["job_id"], answer["native_id"])
        return answer


def _new_id() -> dict[str, str]:
    return {"job_id": str(uuid.uuid4())}
