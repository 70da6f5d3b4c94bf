"""A body that is there as a whole goes out in pieces, as the reader asks for them. No I/O."""

from __future__ import annotations

from collections.abc import Callable

from orbit_jupyter.protocol import CHUNK, WINDOW


class Pump:
    """Sends a body within the credit.

    Parameters
    ----------
    body
        All of it.
    send
        Takes a piece, and whether it is the last.
    """

    __slots__ = ("_body", "_credit", "_send", "_sent")

    def __init__(self, body: bytes, send: Callable[[bytes, bool], None]) -> None:
        self._body, self._send = memoryview(body), send
        self._sent, self._credit = 0, WINDOW

    @property
    def done(self) -> bool:
        """Whether all of it was sent."""
        return self._sent >= len(self._body)

    def grant(self, size: int) -> None:
        """Note that the reader takes so many more bytes, and send what fits."""
        self._credit += size
        self.run()

    def run(self) -> None:
        """Send what fits."""
        while self._credit > 0 and not self.done:
            piece = bytes(self._body[self._sent : self._sent + min(CHUNK, self._credit)])
            self._sent += len(piece)
            self._credit -= len(piece)
            self._send(piece, self.done)
