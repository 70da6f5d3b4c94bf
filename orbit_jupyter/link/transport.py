"""What a link asks of whatever carries its bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn, Protocol


class TransportClosedError(Exception):
    """The carrier is gone.

    Parameters
    ----------
    reason
        As the far side or the system gave it.
    code
        WebSocket close code, or 1006 where there was none.
    """

    def __init__(self, reason: str = "", code: int = 1006) -> None:
        super().__init__(reason or "the connection was closed")
        self.code = code


class Transport(Protocol):
    """A carrier of whole messages, in order, or not at all."""

    async def send(self, data: bytes) -> None:
        """Send one message; returns when there is room for the next.

        Raises
        ------
        TransportClosedError
        """

    def send_now(self, *messages: bytes) -> bool:
        """Send messages, together, if nothing waits before them; return whether all were sent, or none.

        Raises
        ------
        TransportClosedError
        """

    async def receive(self) -> bytes:
        """Return the next message.

        Raises
        ------
        TransportClosedError
        """

    async def deliver(self, take: Callable[[bytes], None]) -> NoReturn:
        """Have each message from now on taken as it comes, until there are no more.

        Raises
        ------
        TransportClosedError
        """

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close in both directions; a second time does nothing."""
