"""The client's blocking face, which cells use: handles on jobs, and events for them."""

from __future__ import annotations

import threading
from collections.abc import Coroutine
from typing import Any

from orbit_jupyter.plugin import PluginClient

from .async_client import AsyncPSIJClient
from .events import JobEvents
from .job import Job


class PSIJClient(PluginClient):
    """Jobs on an endpoint, for cells and scripts; see `AsyncPSIJClient` for parameters and errors."""

    async_class = AsyncPSIJClient
    aio: AsyncPSIJClient

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._events = JobEvents()
        self._listening = False
        self._listen_lock = threading.Lock()

    def submit_job(self, job_spec: dict[str, Any], executor: str = "local", *, key: str | None = None) -> Job:
        """Submit a job and return a handle on it, which is also the dict ``{"job_id", "native_id"}``."""
        return self._submitted(self.aio.submit_job(job_spec, executor, key=key), job_spec)

    def list_executors(self) -> dict[str, Any]:
        """Return the executors and launchers that there are, and what those lack that can't be used."""
        return self._wait(self.aio.list_executors())

    def launch(
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
    ) -> Job:
        """Start another endpoint as a job and return a handle on that; the endpoint ends with it."""
        launched = self.aio.launch(
            name,
            executor=executor,
            queue_name=queue_name,
            account=account,
            duration=duration,
            node_count=node_count,
            plugins=plugins,
            custom_attributes=custom_attributes,
        )
        spec = {"executable": "orbit-endpoint", "arguments": ["--name", name], "name": f"orbit-{name}"}
        return self._submitted(launched, spec)

    def submit_tunneled(self, job_spec: dict[str, Any], executor: str = "local", tunnel: str = "none") -> Job:
        """Submit a job that is an endpoint, by its own command line, and return a handle on it."""
        return self._submitted(self.aio.submit_tunneled(job_spec, executor, tunnel), job_spec)

    def tunnel_status(self, endpoint_name: str) -> dict[str, Any]:
        """Return what has become of an endpoint's tunnel."""
        return self._wait(self.aio.tunnel_status(endpoint_name))

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

    def _submitted(self, submit: Coroutine[Any, Any, dict[str, Any]], spec: dict[str, Any]) -> Job:
        """Wait for a submit and return its job, which misses no event."""
        told = self._listen()
        with self._events.expecting():
            answer = self._wait(submit)
            command = " ".join([spec["executable"], *(spec.get("arguments") or ())])
            job = Job(answer, client=self, command=command, name=spec.get("name"), told=told)
            self._events.add(job)
        return job

    def _listen(self) -> bool:
        """Have events come in, from before the first submit; return whether they do."""
        if self._bridge_client is None:
            return False
        with self._listen_lock:
            if not self._listening:
                self.register_notification_callback(self._events.take, "job_status")
                self._listening = True
        return True
