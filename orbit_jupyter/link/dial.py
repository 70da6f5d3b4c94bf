"""Dialling in: connect, say Hello, be welcomed or refused, and try again politely."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

from orbit_jupyter.protocol import (
    Bye,
    Hello,
    OrbitError,
    UnreadableFrameError,
    Welcome,
    decode,
    encode,
    error_from,
)
from orbit_jupyter.protocol.errors import BY_CODE, BridgeConnectionError
from orbit_jupyter.protocol.frames import Fail

from .transport import Transport, TransportClosedError

if TYPE_CHECKING:
    from tenacity import RetryCallState

log = logging.getLogger("orbit.link")

Connect = Callable[[], Awaitable[Transport]]


class MakesHello(Protocol):
    """Makes the Hello of one try: what was last seen changes from one to the next."""

    def __call__(self) -> Hello: ...


class Refused(Exception):
    """The bridge said no for good; `error` says why."""

    def __init__(self, error: OrbitError) -> None:
        super().__init__(str(error))
        self.error = error


async def greet(transport: Transport, hello: Hello, timeout: float = 20.0) -> Welcome:
    """Say Hello on a fresh transport and return the Welcome.

    Raises
    ------
    Refused
        The bridge said Bye and not to come back.
    BridgeConnectionError
        Anything else that isn't a Welcome.
    """
    try:
        await transport.send(encode(hello))
        frame = decode(await asyncio.wait_for(transport.receive(), timeout))
    except (TransportClosedError, asyncio.TimeoutError) as error:
        raise BridgeConnectionError(
            f"the bridge didn't answer the greeting: {str(error) or 'timed out'}"
        ) from None
    except UnreadableFrameError as error:
        raise BridgeConnectionError(f"what answers there isn't a bridge: {error}") from None
    if isinstance(frame, Welcome):
        return frame
    if isinstance(frame, Bye):
        kind = BY_CODE.get(frame.code, OrbitError)
        if frame.retry:
            raise BridgeConnectionError(frame.reason)
        refusal = Fail(id=0, code=frame.code, message=frame.reason, status=kind.default_status)
        raise Refused(error_from(refusal))
    raise BridgeConnectionError(f"the bridge answered the greeting with {type(frame).__name__}")


async def dial_once(connect: Connect, hello: MakesHello) -> tuple[Transport, Welcome]:
    """Connect and greet, once; the transport is closed where the greeting fails."""
    transport = await connect()
    try:
        return transport, await greet(transport, hello())
    except BaseException:
        await transport.close()
        raise


async def dial_for_ever(
    connect: Connect, hello: MakesHello, *, first: float = 0.5, longest: float = 30.0
) -> tuple[Transport, Welcome]:
    """Dial until a bridge welcomes us, with exponential backoff and full jitter.

    Parameters
    ----------
    first, longest
        Seconds that the first and the longest wait are at most.

    Raises
    ------
    Refused
        The bridge said no for good.
    OrbitError
        One that isn't transient: credentials refused, a certificate that isn't trusted.
    """
    # Here: it imports Tornado where that is installed, which a command of half a second can do without.
    from tenacity import AsyncRetrying, retry_if_exception, wait_random_exponential

    retrying = AsyncRetrying(
        wait=wait_random_exponential(multiplier=first, max=longest),
        retry=retry_if_exception(lambda error: isinstance(error, OrbitError) and error.transient),
        before_sleep=_say,
        reraise=True,
    )
    return await retrying(dial_once, connect, hello)


class Redials:
    """Waits before a new connection where the last ones broke at once: none of them was a failed try.

    Parameters
    ----------
    first, longest
        Seconds that the first and the longest wait are at most; the bridge answers, so there is no long night.
    lasting
        Seconds after which a connection counts as one that stood.
    """

    def __init__(self, first: float = 0.25, longest: float = 3.0, lasting: float = 1.0) -> None:
        self._first, self._longest, self._lasting = first, longest, lasting
        self._began = 0.0
        self._short = 0

    def begin(self) -> None:
        """Note that a connection stands."""
        self._began = asyncio.get_running_loop().time()

    async def wait(self) -> None:
        """Wait after it broke: not at all where it stood for a while."""
        stood = asyncio.get_running_loop().time() - self._began >= self._lasting
        self._short = 0 if stood else self._short + 1
        if self._short > 1:  # one may be chance, and its calls are in flight
            # Not for secrecy: only so that many diallers don't come at once.
            await asyncio.sleep(random.uniform(0, min(self._longest, self._first * 2**self._short)))  # noqa: S311


def _say(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    wait = state.next_action.sleep if state.next_action else 0
    # A bridge that is away for a night shouldn't fill the log: each try early on, then every tenth.
    if state.attempt_number <= 5 or state.attempt_number % 10 == 0:
        log.warning("%s; try %d, the next in %.1f s", error, state.attempt_number, wait)
