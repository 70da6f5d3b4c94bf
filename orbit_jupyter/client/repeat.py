"""Calls that are safe to repeat, because a key says that it is the same one again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec

from orbit_jupyter.protocol import (
    BridgeConnectionError,
    Call,
    DeadlineError,
    EndpointNotFoundError,
    OrbitError,
    Reply,
)

if TYPE_CHECKING:
    from tenacity import RetryCallState

log = logging.getLogger("orbit.client")

REPEAT_FOR = 60.0
"""Seconds after its first failure within which a call is made again, where its caller gives no less."""

FIRST, LONGEST = 0.2, 5.0
"""Seconds between two tries, unless the far side says how long to wait."""


async def send_with_key(send: Callable[[Call], Awaitable[Reply]], call: Call, wanted: Callable[[], bool]) -> Reply:
    """Send a call that has a key, and again where it fails, with exponential backoff and jitter.

    Parameters
    ----------
    send
        Sends a call and returns the answer.
    wanted
        Whether to go on: there is still a client that it is sent by.

    Raises
    ------
    OrbitError
        How it failed last: for good, or before the time was over.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + call.time_left
    try:
        return await send(call)
    except OrbitError as error:
        if not (error.transient and wanted()):
            raise
        failed: OrbitError | None = error
        before = error
        call = msgspec.structs.replace(call, trace=error.trace or "")
    # Here: it imports Tornado where that is installed, which a call that doesn't fail can do without.
    from tenacity import AsyncRetrying, retry_if_exception, wait_random_exponential

    backoff = wait_random_exponential(multiplier=2 * FIRST, min=FIRST, max=LONGEST)
    last_try = min(until, loop.time() + REPEAT_FOR)

    async def once() -> Reply:
        nonlocal failed, before
        if failed is not None:  # that try has been made
            error, failed = failed, None
            raise error
        if not wanted():  # to send it would open the client again
            raise BridgeConnectionError("the client was closed before the call could be made again")
        try:
            return await send(msgspec.structs.replace(call, time_left=until - loop.time()))
        except DeadlineError:  # of the whole: what it failed of until then says more
            raise before from None
        except OrbitError as error:
            before = error
            raise

    def wait(state: RetryCallState) -> float:
        return min(_asked(state) + backoff(state), last_try - loop.time())

    retrying = AsyncRetrying(
        wait=wait,
        stop=lambda state: loop.time() + _asked(state) + FIRST > last_try,
        retry=retry_if_exception(lambda error: _helps(error) and wanted()),
        before_sleep=_say,
        reraise=True,
    )
    return await retrying(once)


def _helps(error: BaseException | None) -> bool:
    # An endpoint that was there a moment ago may come back: it dials again, as after a restart of the bridge.
    return isinstance(error, OrbitError) and (error.transient or isinstance(error, EndpointNotFoundError))


def _asked(state: RetryCallState) -> float:
    """Return the seconds that the far side asked to wait."""
    error = state.outcome.exception() if state.outcome is not None else None
    after = error.data.get("retry_after") if isinstance(error, OrbitError) else None
    return max(0.0, after) if isinstance(after, int | float) else 0.0


def _say(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome is not None else None
    log.info("%s; the call is made again, try %d", error, state.attempt_number + 1)
