"""Work that takes more than one turn of the loop, begun so that its call is answered whatever becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from orbit_jupyter.protocol import CallCancelledError, Cancel, Credit, Data, fail_from

from .calls import Answer, Onward


def begin(work: Coroutine[Any, Any, None], answer: Answer) -> Onward:
    """Run a coroutine that answers a call, and return how to cancel it.

    Where it is cancelled, also before it first came to run, the call is answered with that.
    """
    task = asyncio.ensure_future(work)

    def ended(task: asyncio.Task[None]) -> None:
        if task.cancelled():
            answer(fail_from(CallCancelledError("the call was cancelled")))

    def onward(frame: Cancel | Data | Credit) -> None:
        if isinstance(frame, Cancel):
            task.cancel()

    task.add_done_callback(ended)
    return onward
