"""The client's side, as coroutines: each call once. PSI/J isn't needed here."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote

from orbit_jupyter.plugin import AsyncPluginClient, OrbitError

from .launching import Arrival, bridge_of, check_absent, token_for

ANSWER_TIME = 30.0
"""Seconds for which a launch that was cancelled waits to learn which job it has made, to end it."""

TUNNELS = ("none", "forward", "reverse", "auto")


class AsyncPSIJClient(AsyncPluginClient):
    """Jobs on an endpoint, as coroutines. Answers are those of the REST routes."""

    async def submit_job(
        self, job_spec: dict[str, Any], executor: str = "local", *, key: str | None = None, force: bool = False
    ) -> dict[str, Any]:
        """Submit a job, once, however often the call has to be sent.

        Parameters
        ----------
        job_spec
            PSI/J's `JobSpec` as a dict: executable, arguments, name, directory, environment, attributes (duration
            in seconds or ``HH:MM:SS``, queue_name, account, …), resources (memory in bytes, …), …
        executor
            PSI/J's name of the scheduler.
        key
            Idempotency key: where the answer of a submit was lost, the same submit with the same key returns it.
            None: one of its own for each call.
        force
            Whether to submit a job that its queue or its account doesn't allow as far as is known: it is the
            scheduler then that refuses it, or has it wait for ever.

        Returns
        -------
        dict
            ``job_id`` and ``native_id``.

        Raises
        ------
        InvalidFieldError
            Its `field` names what is wrong in the spec, or what the scheduler refuses; or the key came with
            another job before.
        PluginError
            The scheduler is away (`transient`), or refuses for reasons that it doesn't give.
        """
        body = {"job_spec": job_spec, "executor": executor, **({"force": True} if force else {})}
        answer: dict[str, Any] = await self.call("POST", "submit/{sid}", body, key=key or uuid.uuid4().hex)
        return answer

    async def list_executors(self) -> dict[str, Any]:
        """Return ``{"executors": […], "launchers": […], "default"}``: what PSI/J knows of.

        Each has a `name`, whether it is `available`, and the `reason` why it isn't.
        """
        answer: dict[str, Any] = await self.call("GET", "executors")
        return answer

    async def launch(
        self,
        name: str,
        *,
        queue: str | None = None,
        nodes: int = 1,
        duration: int | str | None = None,
        executor: str | None = None,
        account: str | None = None,
        plugins: str = "default",
        tunnel: str = "auto",
        custom_attributes: dict[str, Any] | None = None,
        force: bool = False,
        timeout: float | None = None,
        told: Callable[[str], None] = lambda _: None,
    ) -> Any:
        """Start another endpoint as a job, wait until it is connected, and return its client.

        Parameters
        ----------
        name
            Name of the new endpoint; it ends with its job.
        queue, account, custom_attributes
            As for a job: queue or partition, what it is charged to, options of the scheduler's own.
        nodes
            Nodes of the job; the endpoint runs on the first of them.
        duration
            ``30m``, ``2h``, ``1-00:00:00``, ``HH:MM:SS``, or seconds. None: ten minutes; on `local` without end.
        executor
            PSI/J's name of the scheduler; None: this host's own, `local` where it has none.
        plugins
            What the endpoint loads, as for ``orbit-endpoint --plugins``.
        tunnel
            How it reaches the bridge: ``none``, ``forward``, ``reverse``, or ``auto``, the first that works.
        force
            As for `submit_job`.
        timeout
            Seconds to wait; None: as long as the job waits and runs.
        told
            Called with a line that says how it is doing, now and then.

        Returns
        -------
        AsyncEndpointClient
            Of the new endpoint.

        Raises
        ------
        ConflictError
            There is an endpoint of that name, or a job is to be it.
        InvalidFieldError
            Its `field` names what is wrong.
        OrbitError
            The job has ended before the endpoint came; with what it has written.
        DeadlineError
            It takes longer than `timeout`; the job goes on.
        """
        bridge = bridge_of(self.endpoint)
        await check_absent(name, bridge)
        launched = await self.launch_job(
            name,
            executor=executor,
            queue_name=queue,
            account=account,
            duration=duration,
            node_count=nodes,
            plugins=plugins,
            tunnel=tunnel,
            custom_attributes=custom_attributes,
            force=force,
        )
        arrival = Arrival(self, bridge, launched, timeout)
        try:
            while (line := await arrival.step()) is not None:
                told(line)
        except asyncio.CancelledError:
            with contextlib.suppress(OrbitError):  # who doesn't wait for it doesn't want it
                await self.cancel_job(launched["job_id"])
            raise
        return bridge.get_endpoint_client(name)

    async def launch_job(
        self,
        name: str,
        *,
        executor: str | None = None,
        queue_name: str | None = None,
        account: str | None = None,
        duration: int | str | None = None,
        node_count: int = 1,
        plugins: str = "default",
        tunnel: str = "auto",
        tunnel_via: str | None = None,
        custom_attributes: dict[str, Any] | None = None,
        force: bool = False,
    ) -> dict[str, Any]:
        """Start another endpoint as a job, as `launch` does, and don't wait for it.

        A token for it is made at the bridge first, and travels in the request, never in a command line. It is good
        for this one life: the bridge forgets it when the job has ended. A cancel of this call ends the job.

        Parameters
        ----------
        tunnel_via
            Login host of a forward; None: the one of this endpoint.

        Returns
        -------
        dict
            ``job_id``, ``native_id`` and ``endpoint_name``.

        Raises
        ------
        ConflictError
            A job is that endpoint already.
        InvalidFieldError
            Its `field` names what is wrong.
        ValueError
            `tunnel` is none of those that there are.
        """
        _check_tunnel(tunnel)
        executor = executor or str((await self.list_executors())["own"])
        body = {
            "name": name,
            "executor": executor,
            "queue_name": queue_name,
            "account": account,
            "duration": duration,
            "node_count": node_count,
            "plugins": plugins,
            "tunnel": tunnel,
            "tunnel_via": tunnel_via,
            "custom_attributes": custom_attributes or {},
            "force": force,
        }
        bridge, parent = bridge_of(self.endpoint), self.endpoint.endpoint_id
        async with token_for(name, bridge, parent, executor, duration) as token:
            sent = {**body, "token": token}
            return await self._unless_cancelled(self.call("POST", "launch/{sid}", sent, key=uuid.uuid4().hex))

    async def _unless_cancelled(self, submit: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any]:
        """Return a submit's answer; who goes while it is under way doesn't want its job, which ends then, too."""
        submitting = asyncio.ensure_future(submit)
        try:
            return await asyncio.shield(submitting)
        except asyncio.CancelledError:
            await asyncio.wait([submitting], timeout=ANSWER_TIME)
            if submitting.done() and not submitting.cancelled() and submitting.exception() is None:
                with contextlib.suppress(OrbitError):
                    await self.cancel_job(submitting.result()["job_id"])
            submitting.cancel()
            raise

    async def submit_tunneled(
        self, job_spec: dict[str, Any], executor: str = "local", tunnel: str = "none"
    ) -> dict[str, Any]:
        """Submit a job that is an endpoint: its arguments hold ``--name NAME``. `launch` is less to write.

        Parameters
        ----------
        job_spec, executor
            As for `submit_job`.
        tunnel
            ``none``: the endpoint dials the bridge itself. ``forward``: through ``ssh -L`` from its node to this
            endpoint's host. ``reverse``: through ``ssh -R``, which this endpoint opens to its node. ``auto``: the
            first of these that works.

        Returns
        -------
        dict
            ``job_id``, ``native_id`` and ``endpoint_name``.

        Raises
        ------
        ValueError
            `tunnel` is none of these; a boolean isn't either.
        ConflictError
            A job is that endpoint already.
        """
        _check_tunnel(tunnel)
        body = {"job_spec": job_spec, "executor": executor, "tunnel": tunnel}
        answer: dict[str, Any] = await self.call("POST", "submit_tunneled/{sid}", body, key=uuid.uuid4().hex)
        return answer

    async def tunnel_status(self, endpoint_name: str) -> dict[str, Any]:
        """Return ``{"endpoint_name", "status", "port", "pid", "error"}`` of an endpoint that is a job of this one.

        `status` is ``no_tunnel``, ``pending``, ``active``, ``failed`` or ``done``.
        """
        answer: dict[str, Any] = await self.call("GET", f"tunnel_status/{quote(endpoint_name, safe='')}")
        return answer

    async def get_job_status(self, job_id: str, stdout_offset: int = 0, stderr_offset: int = 0) -> dict[str, Any]:
        """Return a job's state and its output from two offsets (bytes) on.

        At most 1 MiB of each stream; the answer's ``stdout_offset`` and ``stderr_offset`` say where to go on.

        Raises
        ------
        ResourceNotFoundError
            The endpoint knows no such job.
        """
        params = {"stdout_offset": stdout_offset, "stderr_offset": stderr_offset}
        answer: dict[str, Any] = await self.call("GET", f"status/{{sid}}/{job_id}", params=params)
        return answer

    async def get_job_spec(self, job_id: str) -> dict[str, Any]:
        """Return what a job was submitted with: ``job_spec``, ``executor`` and ``environment_names``.

        The values of its environment aren't kept, since they may be secrets.

        Raises
        ------
        ResourceNotFoundError
            The endpoint knows no such job.
        """
        answer: dict[str, Any] = await self.call("GET", f"spec/{{sid}}/{job_id}")
        return answer

    async def submit_array(
        self,
        job_spec: dict[str, Any],
        executor: str = "slurm",
        *,
        count: int | None = None,
        arguments: list[list[str]] | None = None,
        at_once: int | None = None,
        key: str | None = None,
        force: bool = False,
    ) -> dict[str, Any]:
        """Submit an array of jobs, once; each task has its number, from 0, in ``ORBIT_ARRAY_INDEX``.

        Parameters
        ----------
        job_spec, executor, key, force
            As for `submit_job`; `executor` is ``slurm``, or ``local`` for up to 64 tasks.
        count
            How many tasks.
        arguments
            Instead: for each task its arguments, behind those of `job_spec`.
        at_once
            How many of them may run at once; None: as many as the scheduler likes. On `local` all do.

        Returns
        -------
        dict
            ``array_id``, ``native_id``, and the tasks' ``job_ids``.
        """
        body: dict[str, Any] = {"job_spec": job_spec, "executor": executor, "count": count}
        body |= {"arguments": arguments, "at_once": at_once, "force": force}
        answer: dict[str, Any] = await self.call("POST", "submit_array/{sid}", body, key=key or uuid.uuid4().hex)
        return answer

    async def list_jobs(
        self,
        limit: int | None = None,
        *,
        state: str | None = None,
        since: float | None = None,
        array_id: str | None = None,
    ) -> dict[str, Any]:
        """Return ``{"jobs": […]}``: the jobs of the endpoint's user, whichever session submitted them.

        Parameters
        ----------
        limit
            Only the newest so many; None: all.
        state
            Only those in it; several are separated by commas.
        since
            Only those whose state has changed since then, in seconds since the epoch.
        array_id
            Only the tasks of this array.
        """
        given = {"state": state, "since": since, "array_id": array_id}
        params = {name: value for name, value in given.items() if value is not None}
        pages: list[list[dict[str, Any]]] = []
        left = limit
        while True:
            wanted = {} if left is None else {"limit": left}
            answer = await self.call("GET", "list_jobs/{sid}", params={**params, **wanted})
            pages.append(answer["jobs"])
            left = None if left is None else left - len(answer["jobs"])
            if "before" not in answer or left == 0:
                return {"jobs": [job for page in reversed(pages) for job in page]}
            params["before"] = answer["before"]

    async def cancel_all(self, job_ids: list[str] | None = None, *, array_id: str | None = None) -> dict[str, Any]:
        """Ask for the end of these jobs, of an array's tasks, or of all jobs that haven't ended.

        Returns
        -------
        dict
            ``canceled``, the ids of those whose end was asked for, and ``failed``, a list of those whose end
            couldn't be, each ``{"job_id", "error"}``.
        """
        body = {"job_ids": job_ids, "array_id": array_id}
        answer: dict[str, Any] = await self.call("POST", "cancel_all/{sid}", body)
        return answer

    async def follow_job(self, job_id: str) -> dict[str, Any]:
        """Have the endpoint tell what a job writes from now on, as the notification ``job_output``.

        Returns
        -------
        dict
            ``job_id``, and ``stdout_offset`` and ``stderr_offset``, from which that begins.
        """
        answer: dict[str, Any] = await self.call("POST", f"follow/{{sid}}/{job_id}")
        return answer

    async def unfollow_job(self, job_id: str) -> dict[str, Any]:
        """Have the endpoint tell that no more, as far as this session goes."""
        answer: dict[str, Any] = await self.call("POST", f"unfollow/{{sid}}/{job_id}")
        return answer

    async def cancel_job(self, job_id: str) -> dict[str, Any]:
        """Ask for a job's end.

        Raises
        ------
        ResourceNotFoundError
            The endpoint knows no such job.
        ConflictError
            It has ended already.
        """
        answer: dict[str, Any] = await self.call("POST", f"cancel/{{sid}}/{job_id}")
        return answer


def _check_tunnel(tunnel: object) -> None:
    if not isinstance(tunnel, str) or tunnel not in TUNNELS:
        raise ValueError(f"tunnel must be one of {', '.join(TUNNELS)}, not {tunnel!r}")
