"""The same as coroutines: the work is done in a thread, questions are asked on the caller's loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from orbit_jupyter.client.aio import AsyncBridgeClient, AsyncEndpointClient, connect

from .asking import Ask, ask_here
from .blocking import words
from .bridge_side import BridgeSide
from .joining import Joining
from .kept import Joined
from .leaving import Leaving, joined_as
from .steps import OnStep, Step, print_step
from .watching import let_go, unwatched, watch
from .wish import Wish


async def join(
    host: str,
    *,
    name: str | None = None,
    python: str | None = None,
    plugins: str = "default",
    packages: Sequence[str] = (),
    ssh: str | Sequence[str] = (),
    timeout: float = 120.0,
    keep: bool = True,
    bridge: AsyncBridgeClient | None = None,
    ask: Ask = ask_here,
    on_step: OnStep = print_step,
) -> AsyncEndpointClient:
    """Have a cluster's login node join the bridge over ssh; see `orbit_jupyter.join`.

    Cancelling it takes effect at its next step, and takes back what was done.
    """
    client = bridge if bridge is not None else await connect()
    try:
        wish = Wish(host, name or "", python, plugins, tuple(packages), words(ssh), timeout)
        here = _Here(client, ask, on_step)
        joining = Joining(await here.side(), wish, here.ask, here.on_step)

        def run() -> Joined:  # in a thread: a watcher that ends may take its time
            with unwatched(joining.name):
                return joining.run()

        joined = await here.run(run)
    except BaseException:
        if bridge is None:
            await client.close()
        raise
    if keep:
        watch(joined)
    return client[joined.name]


async def leave(
    host: str,
    *,
    name: str | None = None,
    remove: bool = False,
    ssh: str | Sequence[str] = (),
    bridge: AsyncBridgeClient | None = None,
    ask: Ask = ask_here,
    on_step: OnStep = print_step,
) -> None:
    """Undo `join`; see `orbit_jupyter.leave`."""
    client = bridge if bridge is not None else await connect()
    try:
        joined = joined_as(host, name, words(ssh))
        await asyncio.to_thread(let_go, joined.name)
        here = _Here(client, ask, on_step)
        await here.run(Leaving(await here.side(), joined, remove, here.ask, here.on_step).run)
    finally:
        if bridge is None:
            await client.close()


class _Here:
    """The caller's loop, as the thread sees it."""

    def __init__(self, client: AsyncBridgeClient, ask: Ask, on_step: OnStep) -> None:
        self._client, self._ask, self._on_step = client, ask, on_step
        self._loop = asyncio.get_running_loop()
        self._cancelled = self._undoing = False

    async def side(self) -> BridgeSide:
        await self._client.open()
        return BridgeSide(self._call, self._client.address, self._client.bridge_id)

    async def run(self, work: Callable[[], Any]) -> Any:
        """Run it in a thread; a cancel is an interrupt there, at its next word, and is waited for."""
        future = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            self._cancelled = True
            await asyncio.gather(future, return_exceptions=True)
            raise

    def _on_loop(self, make: Callable[[], Awaitable[Any]]) -> Any:
        async def wait() -> Any:
            return await make()

        return asyncio.run_coroutine_threadsafe(wait(), self._loop).result()

    def _call(self, method: str, path: str, json: Any) -> Any:
        if self._cancelled and not self._undoing:
            raise asyncio.CancelledError
        return self._on_loop(lambda: self._client.call("", method, path, json))

    def ask(self, prompt: str, echo: bool) -> str | None:
        if self._cancelled:
            return None

        async def asked() -> str | None:
            return self._ask(prompt, echo)

        answer: str | None = self._on_loop(asked)
        return answer

    def on_step(self, step: Step) -> None:
        self._undoing = self._undoing or step.kind == "undo"
        if self._cancelled and not self._undoing:
            raise asyncio.CancelledError
        self._loop.call_soon_threadsafe(self._on_step, step)
