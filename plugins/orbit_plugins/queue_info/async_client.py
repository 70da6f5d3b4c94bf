"""The client's side, as coroutines: each call once."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from orbit_jupyter.plugin import AsyncPluginClient


class AsyncQueueInfoClient(AsyncPluginClient):
    """The batch system of an endpoint's host, as coroutines; `QueueInfoClient` tells what they return."""

    async def backend(self) -> str:
        """Return which batch system there is; see `QueueInfoClient.backend`."""
        answer = await self.call("GET", "backend")
        return str(answer["backend"])

    async def nodelist(self) -> list[str]:
        """Return the nodes of the endpoint's own allocation; see `QueueInfoClient.nodelist`."""
        answer = await self.call("GET", "nodelist")
        return list(answer["nodelist"])

    async def job_allocation(self) -> dict[str, Any] | None:
        """Return the endpoint's own allocation; see `QueueInfoClient.job_allocation`."""
        answer: dict[str, Any] = await self.call("GET", "job_allocation")
        allocation: dict[str, Any] | None = answer["allocation"]
        return allocation

    async def get_info(self, user: str | None = None, force: bool = False) -> dict[str, Any]:
        """Return the queues; see `QueueInfoClient.get_info`."""
        return await self._ask("get_info/{sid}", user, force)

    async def list_jobs(self, queue: str, user: str | None = None, force: bool = False) -> dict[str, Any]:
        """Return the jobs in a queue; see `QueueInfoClient.list_jobs`."""
        return await self._ask(f"list_jobs/{{sid}}/{quote(queue, safe='')}", user, force)

    async def list_all_jobs(self, user: str | None = None, force: bool = False) -> dict[str, Any]:
        """Return the jobs in all queues; see `QueueInfoClient.list_all_jobs`."""
        return await self._ask("list_all_jobs/{sid}", user, force)

    async def list_allocations(self, user: str | None = None, force: bool = False) -> dict[str, Any]:
        """Return what a user may charge jobs to; see `QueueInfoClient.list_allocations`."""
        return await self._ask("list_allocations/{sid}", user, force)

    async def get_job(self, job_id: str, force: bool = False) -> dict[str, Any]:
        """Return one job; see `QueueInfoClient.get_job`."""
        return await self._ask(f"job/{{sid}}/{quote(str(job_id), safe='')}", None, force)

    async def cancel_job(self, job_id: str) -> dict[str, Any]:
        """Ask for a job's end; see `QueueInfoClient.cancel_job`."""
        return await self._do("cancel", job_id)

    async def hold_job(self, job_id: str) -> dict[str, Any]:
        """Keep a waiting job from starting; see `QueueInfoClient.hold_job`."""
        return await self._do("hold", job_id)

    async def release_job(self, job_id: str) -> dict[str, Any]:
        """Let a held job start; see `QueueInfoClient.release_job`."""
        return await self._do("release", job_id)

    async def _ask(self, route: str, user: str | None, force: bool) -> dict[str, Any]:
        params = {**({} if user is None else {"user": user}), **({"force": "true"} if force else {})}
        answer: dict[str, Any] = await self.call("GET", route, params=params)
        return answer

    async def _do(self, action: str, job_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = await self.call("POST", f"{action}/{{sid}}/{quote(str(job_id), safe='')}")
        return answer
