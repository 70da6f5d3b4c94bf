"""The client's side, as coroutines: each call once. PSI/J isn't needed here."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import quote

from orbit_jupyter.plugin import AsyncPluginClient

from .launching import bridge_of, token_for

TUNNELS = ("none", "forward", "reverse")


class AsyncPSIJClient(AsyncPluginClient):
    """Jobs on an endpoint, as coroutines. Answers are those of the REST routes."""

    async def submit_job(
        self, job_spec: dict[str, Any], executor: str = "local", *, key: str | None = None
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
        body = {"job_spec": job_spec, "executor": executor}
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
        executor: str = "local",
        queue_name: str | None = None,
        account: str | None = None,
        duration: int | str | None = None,
        node_count: int = 1,
        plugins: str = "default",
        custom_attributes: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Start another endpoint as a job; it ends with the job.

        A token for it is made at the bridge first, and travels in the request, never in a command line.

        Parameters
        ----------
        name
            Name of the new endpoint.
        executor, queue_name, account, custom_attributes
            As for a job.
        duration
            Seconds, or ``HH:MM:SS``. None: without end on `local`, ten minutes elsewhere.
        node_count
            Nodes of the job; the endpoint runs on the first of them.
        plugins
            What the endpoint loads, as for ``orbit-endpoint --plugins``.

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
        """
        body = {
            "name": name,
            "executor": executor,
            "queue_name": queue_name,
            "account": account,
            "duration": duration,
            "node_count": node_count,
            "plugins": plugins,
            "custom_attributes": custom_attributes or {},
        }
        async with token_for(name, bridge_of(self.endpoint)) as token:
            sent = {**body, "token": token}
            answer: dict[str, Any] = await self.call("POST", "launch/{sid}", sent, key=uuid.uuid4().hex)
        return answer

    async def submit_tunneled(
        self, job_spec: dict[str, Any], executor: str = "local", tunnel: str = "none"
    ) -> dict[str, Any]:
        """Submit a job that is an endpoint: its arguments hold ``--name NAME``. `launch` is less to write.

        Parameters
        ----------
        job_spec, executor
            As for `submit_job`.
        tunnel
            ``none``: the endpoint dials the bridge itself.

        Returns
        -------
        dict
            ``job_id``, ``native_id`` and ``endpoint_name``.

        Raises
        ------
        ValueError
            `tunnel` is none of ``none``, ``forward`` and ``reverse``; a boolean isn't either.
        UnsupportedError
            That tunnel isn't there yet.
        """
        if not isinstance(tunnel, str) or tunnel not in TUNNELS:
            raise ValueError(f"tunnel must be one of {', '.join(TUNNELS)}, not {tunnel!r}")
        body = {"job_spec": job_spec, "executor": executor, "tunnel": tunnel}
        answer: dict[str, Any] = await self.call("POST", "submit_tunneled/{sid}", body, key=uuid.uuid4().hex)
        return answer

    async def tunnel_status(self, endpoint_name: str) -> dict[str, Any]:
        """Return ``{"endpoint_name", "status", "port", "pid"}``; without a tunnel the status is ``no_tunnel``."""
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

    async def list_jobs(self) -> dict[str, Any]:
        """Return ``{"jobs": […]}``: all jobs of the endpoint's user, whichever session submitted them."""
        answer: dict[str, Any] = await self.call("GET", "list_jobs/{sid}")
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
