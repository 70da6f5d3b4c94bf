"""A plugin for tests: one handler for each thing that can happen to a call."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import Any

from orbit_jupyter.plugin import HTTPException, Plugin, Request


class SamplePlugin(Plugin):
    """Echoes, fails, waits, notifies."""

    plugin_name = "sample"
    version = "1.2.3"

    def __init__(self, app: Any, instance_name: str | None = None) -> None:
        super().__init__(app, instance_name)
        self.cancelled = 0
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            self.add_route(method, "echo", self.echo)
            self.add_route(method, "echo/{word}", self.echo)
        self.add_route_get("raise", self.fail)
        self.add_route_get("refuse/{status}", self.refuse)
        self.add_route_get("wait", self.wait)
        self.add_route_get("block", self.block)
        self.add_route_get("stuck", self.stuck)
        self.add_route_get("cancelled", self.count_cancelled)
        self.add_route_post("notify", self.notify)
        self.add_route_get("empty/{kind}", self.empty)
        self.add_route_get("exit", self.exit)

    async def echo(self, request: Request) -> dict[str, Any]:
        """Return what came."""
        return {
            "method": request.method,
            "body": await request.json(),
            "query": request.query_params,
            "headers": request.headers,
            "params": request.path_params,
            "user": request.principal.user if request.principal else None,
            "scopes": list(request.principal.scopes) if request.principal else None,
            "key": request.idempotency_key,
        }

    async def fail(self, request: Request) -> None:
        """Raise what nobody meant."""
        raise ZeroDivisionError("a bug in the handler")

    async def refuse(self, request: Request) -> None:
        """Raise what was meant."""
        raise HTTPException(int(request.path_params["status"]), "said no")

    async def wait(self, request: Request) -> None:
        """Wait until cancelled, and say so first."""
        await self.send_notification("waiting", {})
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            self._dispatch_notify("cancelled", {})
            raise

    def block(self, request: Request) -> dict[str, Any]:
        """Hold a worker thread until the caller goes."""
        self._dispatch_notify("blocking", {"thread": threading.current_thread().name})
        request.cancelled.wait(60)
        self._dispatch_notify("unblocked", {})
        return {}

    def stuck(self, request: Request) -> None:
        """Hold a worker thread, whatever happens."""
        self._dispatch_notify("blocking", {})
        threading.Event().wait(120)

    async def count_cancelled(self, request: Request) -> int:
        """Return how many waits were cancelled."""
        return self.cancelled

    async def notify(self, request: Request) -> dict[str, Any]:
        """Send so many events."""
        for number in range((await request.json())["count"]):
            self._dispatch_notify("counted", {"number": number})
        return {}

    async def empty(self, request: Request) -> Any:
        """Return one of the values that are false."""
        values: dict[str, Any] = {"list": [], "dict": {}, "zero": 0, "false": False, "null": None}
        return values[request.path_params["kind"]]

    async def exit(self, request: Request) -> None:
        """Take the process down."""
        os._exit(9)
