"""Plain functions of plugins in worker threads."""

from __future__ import annotations

from collections.abc import Callable
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
