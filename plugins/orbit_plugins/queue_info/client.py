"""The client's blocking face, which cells use: what `endpoint.get_plugin("queue_info")` returns."""

from __future__ import annotations

from typing import Any, ClassVar

from orbit_jupyter.plugin import AsyncPluginClient, PluginClient

from .async_client import AsyncQueueInfoClient


class QueueInfoClient(PluginClient):
    """The batch system of an endpoint's host, for cells and scripts.

    Answers that come from the batch system have ``age``, the seconds since it was asked, and ``stale``: why
    nothing newer is known, where it can't be reached just now, else None. With ``force=True`` it is asked now.
    """

    async_class: ClassVar[type[AsyncPluginClient]] = AsyncQueueInfoClient
    aio: AsyncQueueInfoClient

    def backend(self) -> str:
        """Return ``slurm``, ``pbs`` or ``none``. Needs no session."""
        return self._wait(self.aio.backend())

    def nodelist(self) -> list[str]:
        """Return the nodes of the allocation that the endpoint runs in, one by one. Needs no session."""
        return self._wait(self.aio.nodelist())

    def job_allocation(self) -> dict[str, Any] | None:
        """Return the allocation that the endpoint runs in; None outside of one. Needs no session.

        Returns
        -------
        dict
            ``job_id``, ``partition``, ``n_nodes``, ``nodelist`` (as the batch system writes it),
            ``cpus_per_node``, ``gpus_per_node``, ``account``, ``job_name``, ``runtime`` (s that it may take in
            all; None: unlimited) and ``end_time`` (s since the epoch).
        """
        return self._wait(self.aio.job_allocation())

    def get_info(self, user: str | None = None, force: bool = False) -> dict[str, Any]:
        """Return the queues that a user may use.

        Parameters
        ----------
        user
            None: the endpoint's user; ``*``: all queues.
        force
            Whether to ask the batch system now; else an answer is good for a minute.

        Returns
        -------
        dict
            ``{"queues": {name: {…}}, "age", "stale"}``. ``time_limit`` is in minutes on Slurm and in seconds on
            PBS; ``time_limit_seconds`` is in seconds everywhere.

        Raises
        ------
        PluginError
            The batch system can't be reached (status 503, `transient`), or says what can't be read.
        """
        return self._wait(self.aio.get_info(user, force))

    def list_jobs(self, queue: str, user: str | None = None, force: bool = False) -> dict[str, Any]:
        """Return the jobs of a user in one queue; see `list_all_jobs`.

        Raises
        ------
        ResourceNotFoundError
            There is no such queue; the message says which there are.
        """
        return self._wait(self.aio.list_jobs(queue, user, force))

    def list_all_jobs(self, user: str | None = None, force: bool = False) -> dict[str, Any]:
        """Return the jobs of a user that wait or run.

        Parameters
        ----------
        user
            None: the endpoint's user; ``*``: everybody.
        force
            Whether to ask the batch system now; else an answer is good for ten seconds.

        Returns
        -------
        dict
            ``{"jobs": [{…}], "age", "stale"}``. Of a job that waits, ``reason`` says why, and ``expected_start``
            when it is thought to begin (s since the epoch).
        """
        return self._wait(self.aio.list_all_jobs(user, force))

    def list_allocations(self, user: str | None = None, force: bool = False) -> dict[str, Any]:
        """Return what a user (None: the endpoint's; ``*``: everybody) may charge jobs to.

        Returns
        -------
        dict
            ``{"allocations": [{…}], "age", "stale"}``, each with ``allocated_node_hours``, ``used_node_hours`` and
            ``remaining_node_hours`` where the batch system knows them.
        """
        return self._wait(self.aio.list_allocations(user, force))

    def get_job(self, job_id: str, force: bool = False) -> dict[str, Any]:
        """Return one job, whoever's it is, also one that has ended.

        Returns
        -------
        dict
            ``{"job", "accounting", "age", "stale"}``; the first is None where the batch system no longer has it,
            the second where it has no accounting.

        Raises
        ------
        ResourceNotFoundError
            Neither knows it.
        """
        return self._wait(self.aio.get_job(job_id, force))

    def cancel_job(self, job_id: str) -> dict[str, Any]:
        """Ask the batch system to end a job, by the scheduler's id of it.

        Raises
        ------
        ForbiddenError
            It is another user's.
        ResourceNotFoundError
            There is no such job, or it has ended.
        """
        return self._wait(self.aio.cancel_job(job_id))

    def hold_job(self, job_id: str) -> dict[str, Any]:
        """Keep a waiting job from starting.

        Raises
        ------
        ConflictError
            It runs.
        """
        return self._wait(self.aio.hold_job(job_id))

    def release_job(self, job_id: str) -> dict[str, Any]:
        """Let a held job start."""
        return self._wait(self.aio.release_job(job_id))
