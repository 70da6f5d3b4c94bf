"""The plugin: its routes, and the look at the queues for those who listen."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec

from orbit_jupyter.plugin import (
    App,
    ConflictError,
    ForbiddenError,
    OrbitError,
    Plugin,
    PluginClient,
    PluginError,
    PluginSession,
    ResourceNotFoundError,
    UIConfig,
    route,
)

from .answers import (
    Allocations,
    Asked,
    Backend,
    Cancelled,
    Held,
    JobAllocation,
    JobDetails,
    Jobs,
    NodeList,
    Queues,
    Released,
)
from .client import QueueInfoClient
from .ui import UI

if TYPE_CHECKING:
    from orbit_jupyter.host.batch.model import BatchSystem

    from .questions import Answer
    from .watch import QueueState

User = Annotated[str, msgspec.Meta(pattern=r"^(\*|[^\s,*-][^\s,*]*)$", max_length=256)]

LOOK = 60.0
"""Seconds between two looks at the queues while somebody listens; one query serves them and everyone who asks."""


class QueueInfoPlugin(Plugin):
    """Queues, jobs and allocations of the host's batch system.

    Parameters
    ----------
    app
        The host.
    instance_name
        Name in routes; None: ``queue_info``.
    batch
        The batch system; None: that of this host.
    patience
        Seconds that a call waits for the batch system; None: a minute.
    look
        Seconds between two looks at the queues.
    """

    plugin_name = "queue_info"
    version = "0.1.0"
    client_class: ClassVar[type[PluginClient] | None] = QueueInfoClient
    ui_config: ClassVar[UIConfig | dict[str, Any] | None] = UI

    def __init__(
        self,
        app: App,
        instance_name: str | None = None,
        batch: BatchSystem | None = None,
        patience: float | None = None,
        look: float = LOOK,
    ) -> None:
        super().__init__(app, instance_name)
        # Here, since the client's side imports this module too and needs no host.
        from .scheduler import PATIENCE, Scheduler
        from .watch import QueueWatch

        self._watch = QueueWatch(self._tell)
        self._scheduler = Scheduler(batch or _here(), self.threads, self._watch.see, patience or PATIENCE)
        self._look = look
        self._looking: asyncio.Task[None] | None = None

    @classmethod
    def is_enabled(cls, app: App) -> bool:
        """Return whether this host has a batch system."""
        from orbit_jupyter.host.batch import detect

        return detect().name != "none"

    async def start(self) -> None:
        """Ask in the background for what will be asked for first, and begin to look at the queues."""
        await super().start()
        self._scheduler.prefetch()
        self._looking = asyncio.ensure_future(self._look_again_and_again())

    # -- of the host ------------------------------------------------------------------------------------------

    @route.get("backend")
    async def backend(self) -> Backend:
        """Return which batch system this host has: ``slurm``, ``pbs`` or ``none``."""
        return {"backend": self._scheduler.name}

    @route.get("nodelist", errors=(PluginError,))
    async def nodelist(self) -> NodeList:
        """Return the nodes of the allocation that the endpoint runs in, one by one."""
        return {"nodelist": await self._scheduler.nodelist()}

    @route.get("job_allocation", errors=(PluginError,))
    async def job_allocation(self) -> JobAllocation:
        """Return the allocation that the endpoint runs in."""
        from .entries import own_allocation

        own = await self._scheduler.own_allocation()
        return {"allocation": None if own is None else own_allocation(own)}

    # -- of the batch system -----------------------------------------------------------------------------------

    @route.get("get_info/{sid}", errors=(PluginError,))
    async def get_info(self, session: PluginSession, user: User | None = None, force: bool = False) -> Queues:
        """Return the queues that a user may use, by name.

        `user` is the endpoint's unless it is given; ``*``: all queues. With `force` the batch system is asked now,
        else an answer is good for 60 s.

        Raises
        ------
        PluginError
            The batch system can't be reached, and there is no answer of the last ten minutes: status 503,
            transient. Or it says what can't be read.
        """
        answer = await self._scheduler.queues(user, force)
        return {"queues": answer.value, **_how_old(answer)}

    @route.get("list_jobs/{sid}/{queue}", errors=(ResourceNotFoundError, PluginError))
    async def list_jobs(
        self, session: PluginSession, queue: str, user: User | None = None, force: bool = False
    ) -> Jobs:
        """Return the jobs of a user in one queue, as `list_all_jobs`.

        Raises
        ------
        ResourceNotFoundError
            There is no such queue; the message says which there are.
        PluginError
            As of `get_info`.
        """
        answer = await self._scheduler.jobs_in(queue, user, force)
        return {"jobs": answer.value, **_how_old(answer)}

    @route.get("list_all_jobs/{sid}", errors=(PluginError,))
    async def list_all_jobs(self, session: PluginSession, user: User | None = None, force: bool = False) -> Jobs:
        """Return the jobs of a user that wait or run.

        `user` is the endpoint's unless it is given; ``*``: everyone's. With `force` the batch system is asked now,
        else an answer is good for 10 s.

        Raises
        ------
        PluginError
            As of `get_info`.
        """
        answer = await self._scheduler.jobs(user, force)
        return {"jobs": answer.value, **_how_old(answer)}

    @route.get("job/{sid}/{job_id}", errors=(ResourceNotFoundError, PluginError))
    async def job(self, session: PluginSession, job_id: str, force: bool = False) -> JobDetails:
        """Return one job, whoever's it is, and what accounting knows of it.

        Raises
        ------
        ResourceNotFoundError
            Neither the batch system nor its accounting knows it.
        PluginError
            As of `get_info`.
        """
        from .entries import accounting

        answer, ended = await self._scheduler.job(job_id, force)
        return {
            "job": answer.value,
            "accounting": None if ended is None else accounting(ended, self._scheduler.name),
            **_how_old(answer),
        }

    @route.get("list_allocations/{sid}", errors=(PluginError,))
    async def list_allocations(
        self, session: PluginSession, user: User | None = None, force: bool = False
    ) -> Allocations:
        """Return what a user may charge jobs to, with the hours used and left.

        `user` and `force` are as in `get_info`; ``*``: what everybody may.

        Raises
        ------
        PluginError
            As of `get_info`.
        """
        answer = await self._scheduler.accounts(user, force)
        return {"allocations": answer.value, **_how_old(answer)}

    # -- what can be done --------------------------------------------------------------------------------------

    @route.post("cancel/{sid}/{job_id}", errors=(ForbiddenError, ResourceNotFoundError, PluginError))
    async def cancel(self, session: PluginSession, job_id: str) -> Cancelled:
        """Ask the batch system to end a job.

        Raises
        ------
        ForbiddenError
            It is somebody else's.
        ResourceNotFoundError
            There is no such job, or it has ended.
        PluginError
            The batch system refuses, with its words; where it can't be reached, with status 503, transient.
        """
        await self._scheduler.cancel(job_id)
        return {"job_id": job_id, "status": "canceled"}

    @route.post("hold/{sid}/{job_id}", errors=(ConflictError, ForbiddenError, ResourceNotFoundError, PluginError))
    async def hold(self, session: PluginSession, job_id: str) -> Held:
        """Keep a waiting job from starting.

        Raises
        ------
        ConflictError
            It doesn't wait: it runs.
        ForbiddenError, ResourceNotFoundError, PluginError
            As of `cancel`.
        """
        await self._scheduler.hold(job_id)
        return {"job_id": job_id, "status": "held"}

    @route.post("release/{sid}/{job_id}", errors=(ForbiddenError, ResourceNotFoundError, PluginError))
    async def release(self, session: PluginSession, job_id: str) -> Released:
        """Let a held job start.

        Raises
        ------
        ForbiddenError, ResourceNotFoundError, PluginError
            As of `cancel`.
        """
        await self._scheduler.release(job_id)
        return {"job_id": job_id, "status": "released"}

    # -- events -----------------------------------------------------------------------------------------------

    async def _look_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(self._look)
            if self._app.state.listeners:
                # A failure is logged where it happens, once; what anybody asked for lately isn't asked for again.
                with contextlib.suppress(OrbitError):
                    await self._scheduler.look(self._look / 2)

    def _tell(self, event: QueueState) -> None:
        from .watch import TOPIC

        self._dispatch_notify(TOPIC, dict(event))

    async def close(self) -> None:
        """Look no more, and end the programs that still run."""
        if self._looking is not None:
            self._looking.cancel()
        self._scheduler.close()
        await super().close()


def _here() -> BatchSystem:
    from orbit_jupyter.host.batch import system

    from .none import NoBatchSystem

    return system() or NoBatchSystem()


def _how_old(answer: Answer[Any]) -> Asked:
    return {"age": round(answer.age, 1), "stale": answer.stale}
