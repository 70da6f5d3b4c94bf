"""The client's blocking face, which cells use: handles on jobs, and events for them."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from orbit_jupyter.plugin import OrbitError, PluginClient

from .async_client import AsyncPSIJClient
from .events import JobEvents
from .job import Job
from .launching import Arrival, bridge_of, check_absent, progress
from .live import NOTHING

if TYPE_CHECKING:
    from orbit_jupyter.client import EndpointClient


class PSIJClient(PluginClient):
    """Jobs on an endpoint, for cells and scripts; see `AsyncPSIJClient` for parameters and errors."""

    async_class = AsyncPSIJClient
    aio: AsyncPSIJClient

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._events = JobEvents()
        self._listening = self._listening_to_output = False
        self._listen_lock = threading.Lock()

    def submit_job(
        self, job_spec: dict[str, Any], executor: str = "local", *, key: str | None = None, force: bool = False
    ) -> Job:
        """Submit a job and return a handle on it, which is also the dict ``{"job_id", "native_id"}``."""
        return self._submitted(self.aio.submit_job(job_spec, executor, key=key, force=force), job_spec)

    def list_executors(self) -> dict[str, Any]:
        """Return the executors and launchers that there are, and what those lack that can't be used."""
        return self._wait(self.aio.list_executors())

    def launch(
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
    ) -> EndpointClient:
        """Start another endpoint as a job, wait until it is connected, and return its client.

        How it is doing is shown meanwhile; an interrupt cancels the job.
        """
        bridge = bridge_of(self._endpoint.aio)
        self._wait(check_absent(name, bridge))
        job = self.launch_job(
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
        arrival = Arrival(self.aio, bridge, job, timeout)
        try:
            with progress() as show:
                while (line := self._wait(arrival.step())) is not None:
                    show(line)
        except KeyboardInterrupt:
            with contextlib.suppress(OrbitError):  # who doesn't wait for it doesn't want it
                job.cancel()
            raise
        known: Any = self._bridge_client
        endpoint: EndpointClient = known.get_endpoint_client(name)
        return endpoint

    def launch_job(
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
    ) -> Job:
        """Start another endpoint as a job and return a handle on that; the endpoint ends with it."""
        launched = self.aio.launch_job(
            name,
            executor=executor,
            queue_name=queue_name,
            account=account,
            duration=duration,
            node_count=node_count,
            plugins=plugins,
            tunnel=tunnel,
            tunnel_via=tunnel_via,
            custom_attributes=custom_attributes,
            force=force,
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

    def get_job_spec(self, job_id: str) -> dict[str, Any]:
        """Return what a job was submitted with: ``job_spec``, ``executor`` and ``environment_names``."""
        return self._wait(self.aio.get_job_spec(job_id))

    def submit_array(
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
        """Submit an array of jobs and return its ids; `job` returns a handle on a task."""
        return self._wait(
            self.aio.submit_array(
                job_spec, executor, count=count, arguments=arguments, at_once=at_once, key=key, force=force
            )
        )

    def list_jobs(
        self,
        limit: int | None = None,
        *,
        state: str | None = None,
        since: float | None = None,
        array_id: str | None = None,
    ) -> dict[str, Any]:
        """Return ``{"jobs": […]}``: the jobs of the endpoint's user, the oldest first."""
        return self._wait(self.aio.list_jobs(limit, state=state, since=since, array_id=array_id))

    def cancel_all(self, job_ids: list[str] | None = None, *, array_id: str | None = None) -> dict[str, Any]:
        """Ask for the end of these jobs, of an array's tasks, or of all jobs that haven't ended."""
        return self._wait(self.aio.cancel_all(job_ids, array_id=array_id))

    def job(self, job_id: str) -> Job:
        """Return a handle on a job that there is, whoever submitted it, and when.

        Raises
        ------
        ResourceNotFoundError
            The endpoint knows no such job.
        """
        told = self._listen()
        status = self.get_job_status(job_id, NOTHING, NOTHING)
        answer = {"job_id": job_id, "native_id": status["native_id"]}
        command = " ".join([status["executable"], *status["arguments"]])
        job = Job(answer, client=self, command=command, name=status["name"], told=told)
        self._events.add(job)
        job._saw(status)
        return job

    def follow_job(self, job_id: str) -> dict[str, Any]:
        """Have the endpoint tell what a job writes from now on; `Job.follow` is less to write."""
        if self._listen():
            with self._listen_lock:
                if not self._listening_to_output:
                    self.register_notification_callback(self._events.take, "job_output")
                    self._listening_to_output = True
        return self._wait(self.aio.follow_job(job_id))

    def unfollow_job(self, job_id: str) -> dict[str, Any]:
        """Have the endpoint tell that no more."""
        return self._wait(self.aio.unfollow_job(job_id))

    def cancel_job(self, job_id: str) -> dict[str, Any]:
        """Ask for a job's end."""
        return self._wait(self.aio.cancel_job(job_id))

    def close(self) -> None:
        """Close the session, whatever the far side says; jobs go on."""
        with self._listen_lock:
            if self._listening:
                self.unregister_notification_callback(self._events.take, "job_status")
                self._listening = False
            if self._listening_to_output:
                self.unregister_notification_callback(self._events.take, "job_output")
                self._listening_to_output = False
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
