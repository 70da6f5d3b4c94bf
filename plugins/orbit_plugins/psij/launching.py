"""The client's part of a launch: a token that lives as long as the endpoint, and waiting until that is there."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Any, Protocol, cast

from orbit_jupyter.plugin import ConflictError, DeadlineError, InvalidFieldError, OrbitError

from .durations import seconds_of
from .jobs import FINAL
from .spec import PSIJ_DURATION

LOOK = 1.0
"""Seconds between two looks whether the endpoint is there, and how its job is doing."""

AFTER = 86400
"""Seconds that a token outlives its job's time at most: jobs are suspended, and nobody may tell of their end."""

WAITS = "30d"
"""How long a token is good for that was never used: its job may wait in a queue."""

_NOTHING = 1 << 62  # an offset past every file's end: no output is wanted


class BridgeCaller(Protocol):
    """A bridge's client, as far as a launch needs it."""

    async def call(self, endpoint: str, method: str, path: str, json: Any = None) -> Any: ...

    async def list_endpoints(self) -> list[str]: ...

    async def wait_for_endpoint(self, names: str, timeout: float) -> str: ...

    def get_endpoint_client(self, name: str) -> Any: ...


class StatusCaller(Protocol):
    """A plugin's client, as far as waiting needs it."""

    async def get_job_status(
        self, job_id: str, stdout_offset: int = 0, stderr_offset: int = 0
    ) -> dict[str, Any]: ...

    async def tunnel_status(self, endpoint_name: str) -> dict[str, Any]: ...


class _Endpoint(Protocol):
    @property
    def bridge(self) -> BridgeCaller: ...


def bridge_of(endpoint: object) -> BridgeCaller:
    """Return the bridge behind which an endpoint is.

    Raises
    ------
    RuntimeError
        If the endpoint's client knows none.
    """
    if not hasattr(endpoint, "bridge"):
        raise RuntimeError("this plugin client was made without a bridge client: it can't ask for a token")
    return cast(_Endpoint, endpoint).bridge


@asynccontextmanager
async def token_for(
    name: str, bridge: BridgeCaller, parent: str, executor: str, duration: int | str | None
) -> AsyncIterator[str]:
    """Make a token for endpoint `name`, for one life of it; revoke it where the block ends in a refusal.

    Parameters
    ----------
    parent
        The endpoint whose job it is; the bridge believes it that the job has ended.
    executor, duration
        Of the job.
    """
    try:
        seconds = PSIJ_DURATION if duration is None else seconds_of(duration)
    except ValueError as error:
        raise InvalidFieldError(f"duration: {error}", field="duration") from None
    endless = duration is None and executor == "local"
    life = None if endless else f"{seconds + AFTER}s"
    wanted = {"name": name, "expires": WAITS, "parent": parent, "life": life}
    made = await bridge.call("", "POST", "/tokens", wanted)
    try:
        yield str(made["token"])
    except OrbitError as error:
        # A call that was lost on its way may have started the endpoint, which needs its token then.
        if 400 <= error.status < 499:
            with contextlib.suppress(OrbitError):
                await bridge.call("", "DELETE", f"/tokens/{made['id']}")
        raise


async def check_absent(name: str, bridge: BridgeCaller) -> None:
    """Check that there is no endpoint of that name.

    Raises
    ------
    ConflictError
        There is one.
    """
    if name in await bridge.list_endpoints():
        raise ConflictError(f"endpoint {name} is connected already; choose another name, or end that one first")


class Arrival:
    """Waits, step by step, until an endpoint is connected that is a job.

    Parameters
    ----------
    client
        The plugin that has the job.
    bridge
        Where the endpoint will be.
    launched
        ``job_id`` and ``endpoint_name``.
    timeout
        Seconds; None: as long as the job waits and runs.
    """

    def __init__(
        self, client: StatusCaller, bridge: BridgeCaller, launched: dict[str, Any], timeout: float | None
    ) -> None:
        self._client, self._bridge, self._timeout = client, bridge, timeout
        self._name, self._job_id = str(launched["endpoint_name"]), str(launched["job_id"])
        self._began = time.monotonic()

    async def step(self) -> str | None:
        """Wait a moment; return a line that says how it is doing, or None where the endpoint is connected.

        Raises
        ------
        OrbitError
            Its job has ended without it.
        DeadlineError
            It takes longer than the timeout; the job goes on.
        """
        waited = time.monotonic() - self._began
        try:
            await self._bridge.wait_for_endpoint(self._name, LOOK if waited else 0.0)
            return None
        except TimeoutError:
            pass
        try:
            return await self._how_it_is(time.monotonic() - self._began)
        except OrbitError as error:
            if not error.transient:
                raise
            return f"endpoint {self._name}: {error}"

    async def _how_it_is(self, waited: float) -> str:
        status = await self._client.get_job_status(self._job_id, _NOTHING, _NOTHING)
        state, why = str(status["state"]), status.get("message") or ""
        job = f"job {status.get('native_id') or self._job_id}"
        if state in FINAL:
            raise await self._never_came(job, state, why)
        if self._timeout is not None and waited > self._timeout:
            raise DeadlineError(
                f"endpoint {self._name} isn't connected after {self._timeout:g} s: its {job} is {state}"
                f"{f' ({why})' if why else ''} and goes on; wait_for_endpoint waits on, cancel_job ends it"
            )
        if state == "ACTIVE":
            tunnel = await self._client.tunnel_status(self._name)
            if tunnel["status"] == "pending":
                why = f"it waits for its tunnel{': ' + tunnel['error'] if tunnel.get('error') else ''}"
        minutes, seconds = divmod(int(waited), 60)
        return f"endpoint {self._name}: its {job} is {state}{f' ({why})' if why else ''}, {minutes}:{seconds:02}"

    async def _never_came(self, job: str, state: str, why: str) -> OrbitError:
        status = await self._client.get_job_status(self._job_id)
        said = (status["stderr"] + status["stdout"]).strip()[-2000:]
        return OrbitError(
            f"endpoint {self._name} didn't come: its {job} is {state}{f', {why}' if why else ''}"
            + (f". Its output:\n{said}" if said else ", and it has written nothing")
        )


def progress() -> AbstractContextManager[Callable[[str], None]]:
    """Return what shows one line that changes in its place: below the cell, or in the terminal."""
    if "IPython" in sys.modules:
        from IPython.core.getipython import get_ipython

        shell = get_ipython()
        if shell is not None:
            from orbit_jupyter.magics.face import CellFace

            return CellFace(shell).progress()
    from orbit_jupyter.verbs import terminal_progress

    return terminal_progress()
