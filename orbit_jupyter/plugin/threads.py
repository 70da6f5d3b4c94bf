"""Plain functions of plugins in worker threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import copy_context
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def call_in_thread(func: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
    """Call `func`, in a thread whose result a coroutine awaits.

    A `StopIteration`, as a bare ``next(…)`` raises it, becomes a `RuntimeError` as in a coroutine: a future of
    asyncio can't carry one, and before Python 3.12 whoever awaits it waits for ever.
    """
    try:
        return func(*args, **more)
    except StopIteration as error:
        name = getattr(func, "__name__", "a handler")
        raise RuntimeError(f"{name} raised StopIteration") from error


async def run_in_thread(threads: Executor, func: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
    """Call a plain function in one of `threads`, in the context of whoever awaits it, and return its result."""

    def call() -> T:
        return call_in_thread(func, *args, **more)

    return await asyncio.get_running_loop().run_in_executor(threads, copy_context().run, call)
