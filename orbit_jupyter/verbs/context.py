"""Where a verb works: the bridge, the endpoint in use, and the jobs that were submitted from here."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection
from typing import Any, NamedTuple, Protocol, cast

from orbit_jupyter.client import BridgeClient
from orbit_jupyter.plugin import PluginClient
from orbit_jupyter.protocol import EndpointNotFoundError, ResourceNotFoundError

from .face import Face
from .usage import UsageMistake

BRIDGE = "bridge"
"""The name under which a bridge lists its own plugins: no place for jobs."""

SHORT = 8
"""Characters of a job's id that tables show; any beginning that only one job has is understood."""


class Job(Protocol):
    """The handle that the plugin `psij` gives on a job."""

    @property
    def id(self) -> str: ...
    @property
    def native_id(self) -> str: ...
    @property
    def states(self) -> list[str]: ...
    @property
    def state(self) -> str: ...
    @property
    def exit_code(self) -> int | None: ...
    @property
    def stdout(self) -> str: ...
    @property
    def stderr(self) -> str: ...
    def wait(self, timeout: float | None = None) -> str: ...
    def cancel(self) -> dict[str, Any]: ...


class Jobs(Protocol):
    """What the verbs ask of the plugin `psij`; its own package lies above this one."""

    def submit_job(self, job_spec: dict[str, Any], executor: str = "local", *, force: bool = False) -> Job: ...
    def get_job_status(self, job_id: str, stdout_offset: int = 0, stderr_offset: int = 0) -> dict[str, Any]: ...
    def list_jobs(self) -> dict[str, Any]: ...
    def cancel_job(self, job_id: str) -> dict[str, Any]: ...


class Choice(Protocol):
    """Where the endpoint in use is kept: in a kernel, or in a file for the terminals."""

    def get(self) -> str | None: ...
    def set(self, name: str) -> None: ...


class KnownJob(NamedTuple):
    """A job and where it is."""

    endpoint: str
    job_id: str


class Context:
    """What a verb knows of where it was typed.

    Parameters
    ----------
    connect
        Returns the bridge's client; called at the first verb that needs it.
    face
        Where to speak.
    choice
        The endpoint in use.
    wait
        Whether ``submit`` waits unless it is told otherwise.
    """

    def __init__(
        self, connect: Callable[[], BridgeClient], face: Face, choice: Choice, *, wait: bool = False
    ) -> None:
        self._connect = connect
        self._bridge: BridgeClient | None = None
        self._plugins: dict[tuple[str, str], PluginClient] = {}
        self.face, self.choice, self.wait = face, choice, wait
        self.submitted: list[KnownJob] = []
        self.last: KnownJob | None = None

    @property
    def bridge(self) -> BridgeClient:
        """The bridge's client, connected.

        Raises
        ------
        ValueError
            If no URL or no token is found.
        OrbitError
            As the bridge can't be reached or refuses.
        """
        bridge = self.unopened
        bridge.open()
        return bridge

    @property
    def unopened(self) -> BridgeClient:
        """The same, perhaps not connected yet: a coroutine on it connects, within the time that it is given."""
        if self._bridge is None:
            self._bridge = self._connect()
        return self._bridge

    def close(self) -> None:
        """Close sessions and disconnect; jobs go on."""
        bridge, self._bridge = self._bridge, None
        plugins, self._plugins = self._plugins, {}
        if bridge is not None:
            for plugin in plugins.values():
                plugin.close()
            with contextlib.suppress(RuntimeError):
                bridge.close()

    def listing(self) -> dict[str, dict[str, Any]]:
        """Return the endpoints that are connected, with their facts and plugins."""
        listed = self.bridge.call("POST", "/endpoint/list")
        endpoints: dict[str, dict[str, Any]] = listed["data"]["endpoints"]
        return endpoints

    def in_use(self, names: Collection[str]) -> str | None:
        """Return the endpoint that was chosen, else ``local`` or the only one of `names`, else None."""
        chosen = self.choice.get()
        if chosen:
            return chosen
        if "local" in names:
            return "local"
        names = places(names)
        return names[0] if len(names) == 1 else None

    def endpoint_name(self, on: str | None = None) -> str:
        """Return the endpoint to work on: the one given, the one in use, ``local``, or the only one.

        Raises
        ------
        EndpointNotFoundError
            If none is connected.
        UsageMistake
            If there are several to choose from.
        """
        chosen = on or self.choice.get()
        if chosen:
            return chosen
        names = places(self.listing())
        used = self.in_use(names)
        if used is not None:
            return used
        if not names:
            raise EndpointNotFoundError(
                f"no endpoint is connected to the bridge at {self.bridge.url}; "
                "start one on the machine that you want to reach: orbit-endpoint --name NAME --url URL"
            )
        raise UsageMistake(
            f"several endpoints are connected: {', '.join(sorted(names))}; "
            f"choose with: {self.face.prog} use NAME, or give --on NAME"
        )

    def plugin(self, endpoint: str, name: str) -> PluginClient:
        """Return a plugin's client, with one session for all verbs.

        Raises
        ------
        OrbitError
            The endpoint or the plugin isn't there.
        """
        client = self._plugins.get((endpoint, name))
        if client is None:
            client = self._plugins[endpoint, name] = self.bridge[endpoint].get_plugin(name)
        return client

    def jobs(self, endpoint: str) -> Jobs:
        """Return the client of an endpoint's plugin `psij`."""
        return cast(Jobs, self.plugin(endpoint, "psij"))

    def remember(self, endpoint: str, job_id: str) -> None:
        """Take a job for the last one."""
        self.last = KnownJob(endpoint, job_id)
        self.submitted.append(self.last)

    def find_jobs(self, words: list[str], on: str | None = None) -> list[KnownJob]:
        """Return the jobs that are meant by the beginnings of their ids, or by the scheduler's ids of them.

        Parameters
        ----------
        words
            None: the last one that was submitted from here, else the newest on the endpoint.
        on
            Look on this endpoint only.

        Raises
        ------
        ResourceNotFoundError
            If there is no such job.
        UsageMistake
            If more than one is meant.
        """
        if words:
            return [self._own_job(word, on) or self._find_job(word, self.endpoint_name(on)) for word in words]
        if self.last is not None and on in (None, self.last.endpoint):
            return [self.last]
        name = self.endpoint_name(on)
        listed = self.jobs(name).list_jobs()["jobs"]
        if not listed:
            raise ResourceNotFoundError(
                f"there is no job on endpoint {name}; submit one with: {self.face.prog} submit"
            )
        return [KnownJob(name, listed[-1]["job_id"])]

    def _own_job(self, word: str, on: str | None) -> KnownJob | None:
        mine = {job for job in self.submitted if job.job_id.startswith(word) and on in (None, job.endpoint)}
        return mine.pop() if len(mine) == 1 else None

    def _find_job(self, word: str, endpoint: str) -> KnownJob:
        listed = self.jobs(endpoint).list_jobs()["jobs"]
        exact = [job["job_id"] for job in listed if word in (job["job_id"], str(job["native_id"]))]
        found = exact or [job["job_id"] for job in listed if job["job_id"].startswith(word)]
        if not found:
            raise ResourceNotFoundError(
                f"there is no job {word!r} on endpoint {endpoint}; "
                f"{self.face.prog} jobs --all lists those it knows, --on NAME looks on another endpoint"
            )
        if len(found) > 1:
            raise UsageMistake(
                f"{word!r} is the beginning of {len(found)} jobs: {', '.join(found[:5])}; write more of it"
            )
        return KnownJob(endpoint, found[0])


def places(names: Collection[str]) -> list[str]:
    """Return those of the endpoints' names that are places for jobs."""
    return [name for name in names if name != BRIDGE]


def short(job_id: str) -> str:
    """Return as much of a job's id as a table shows."""
    return job_id[:SHORT]
