"""The client's side: coroutines, and the blocking face that cells use. PSI/J isn't needed here."""

from __future__ import annotations

import threading
import uuid
from typing import Any

from orbit_jupyter.plugin import AsyncPluginClient, PluginClient

from .events import JobEvents
from .job import Job


class AsyncPSIJClient(AsyncPluginClient):
    """Jobs on an endpoint, as coroutines. Answers are those of the REST routes."""

    async def submit_job(self, job_spec: dict[str, Any], executor: str = "local") -> dict[str, Any]:
        """Submit a job, once, however often the call has to be sent.

        Parameters
        ----------
        job_spec
            PSI/J's `JobSpec` as a dict: executable, arguments, directory, environment, attributes (duration in
            seconds or ``HH:MM:SS``, queue_name, account, …), resources (memory in bytes, …), custom_attributes, …
        executor
            PSI/J's name of the scheduler.

        Returns
        -------
        dict
            ``job_id`` and ``native_id``.

        Raises
        ------
        InvalidFieldError
            Its `field` names what is wrong in the spec.
        PluginError
            The scheduler refuses the job.
        """
        body = {"job_spec": job_spec, "executor": executor}
        answer: dict[str, Any] = await self.call("POST", "submit/{sid}", body, key=uuid.uuid4().hex)
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


class PSIJClient(PluginClient):
    """Jobs on an endpoint, for cells and scripts; see `AsyncPSIJClient` for parameters and errors."""

    async_class = AsyncPSIJClient
    aio: AsyncPSIJClient

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._events = JobEvents()
        self._listening = False
        self._listen_lock = threading.Lock()

    def submit_job(self, job_spec: dict[str, Any], executor: str = "local") -> Job:
        """Submit a job and return a handle on it, which is also the dict ``{"job_id", "native_id"}``."""
        told = self._listen()
        with self._events.expecting():
            answer = self._wait(self.aio.submit_job(job_spec, executor))
            command = " ".join([job_spec["executable"], *(job_spec.get("arguments") or ())])
            job = Job(answer, client=self, command=command, told=told)
            self._events.add(job)
        return job

    def get_job_status(self, job_id: str, stdout_offset: int = 0, stderr_offset: int = 0) -> dict[str, Any]:
        """Return a job's state and its output from two offsets (bytes) on."""
        return self._wait(self.aio.get_job_status(job_id, stdout_offset, stderr_offset))

    def list_jobs(self) -> dict[str, Any]:
        """Return ``{"jobs": […]}``: all jobs of the endpoint's user."""
        return self._wait(self.aio.list_jobs())

    def cancel_job(self, job_id: str) -> dict[str, Any]:
        """Ask for a job's end."""
        return self._wait(self.aio.cancel_job(job_id))

    def close(self) -> None:
        """Close the session, whatever the far side says; jobs go on."""
        with self._listen_lock:
            if self._listening:
                self.unregister_notification_callback(self._events.take, "job_status")
                self._listening = False
        super().close()

    def _listen(self) -> bool:
        """Have events come in, from before the first submit; return whether they do."""
        if self._bridge_client is None:
            return False
        with self._listen_lock:
            if not self._listening:
                self.register_notification_callback(self._events.take, "job_status")
                self._listening = True
        return True
