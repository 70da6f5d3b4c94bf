"""Calls to a plugin host, as the link makes them, and to a plugin that has none."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import msgspec

from orbit_jupyter.host import PluginHost
from orbit_jupyter.link import whole_answer
from orbit_jupyter.plugin import Plugin, Request, run_in_thread
from orbit_jupyter.protocol import Call, Fail, Principal, Reply


async def through(plugin: Plugin, method: str, path: str, request: Request) -> Any:
    """Return what a route's handler returns, or raise what it raises, run as a host runs it.

    Parameters
    ----------
    plugin
        Whose route it is.
    method, path
        The route, with its placeholders; `request` has their values.
    request
        What the handler gets.
    """
    (handler,) = (one.handler for one in plugin.routes if (one.method, one.path) == (method, path))
    if inspect.iscoroutinefunction(handler):
        return await handler(request)
    return await run_in_thread(plugin.threads, handler, request)


class Called:
    """A host, and calls to it."""

    def __init__(self, host: PluginHost, user: str = "ann") -> None:
        self.host, self.user = host, user

    async def answer(
        self, method: str, path: str, body: Any = None, query: str = "", trace: str = ""
    ) -> Reply | Fail:
        """Return whatever ends the call."""
        answered: asyncio.Future[Reply | Fail] = asyncio.get_running_loop().create_future()
        call = Call(
            id=1,
            endpoint="",
            method=method,
            path=path,
            query=query,
            body=b"" if body is None else msgspec.json.encode(body),
            principal=Principal(self.user, scopes=("read", "write", "execute")),
            trace=trace,
        )
        self.host.handle(call, whole_answer(answered.set_result, lambda _: None))
        return await asyncio.wait_for(answered, 20)

    async def json(self, method: str, path: str, body: Any = None, query: str = "") -> Any:
        """Return the decoded answer of a call that must succeed."""
        reply = await self.answer(method, path, body, query)
        assert isinstance(reply, Reply), reply
        return msgspec.json.decode(reply.body)
