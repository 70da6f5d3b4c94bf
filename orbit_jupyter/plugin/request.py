"""What a handler gets: the parts of a web request that plugins use, and who asks."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import parse_qs, parse_qsl

import msgspec

from orbit_jupyter.link import Inflow
from orbit_jupyter.protocol import BadRequestError, Call, Principal

from .app import App


class Request:
    """A call that reached its handler.

    Attributes
    ----------
    path_params
        Values of the route's placeholders, percent-decoded.
    query_params
        The query string; of a repeated name the last value.
    headers
        Lower-case names.
    principal
        Who asks, as the bridge says; None in tests that leave it out.
    time_left
        Seconds that the caller was ready to wait when the call arrived.
    """

    def __init__(self, call: Call, path_params: Mapping[str, str], app: App, inflow: Inflow | None = None) -> None:
        self._call = call
        self._inflow = inflow
        self.app = app
        self.method = call.method
        self.path = call.path
        self.path_params: dict[str, str] = dict(path_params)
        query = parse_qsl(call.query, keep_blank_values=True) if call.query else ()
        self.query_params: dict[str, str] = dict(query)
        self.headers = {name.lower(): value for name, value in call.headers.items()}
        self.principal: Principal | None = call.principal
        self.time_left = call.time_left
        self.idempotency_key = call.key
        self.trace = call.trace

    @property
    def cancelled(self) -> threading.Event:
        """Set once nobody waits for the answer; a long blocking handler looks at it now and then."""
        # Made for the first who asks, since few do. Two threads may: setdefault is one step.
        made: threading.Event | None = self.__dict__.get("_cancelled")
        return made or self.__dict__.setdefault("_cancelled", threading.Event())

    def query_values(self, name: str) -> list[str]:
        """Return all values that the query has for a name; none: an empty list."""
        return parse_qs(self._call.query, keep_blank_values=True).get(name, [])

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield the body, piece by piece; each piece that is taken lets the sender send more.

        Raises
        ------
        OrbitError
            The caller has gone in the middle of it.
        """
        if self._call.body:
            yield self._call.body
        if self._inflow is not None:
            async for piece in self._inflow:
                yield piece

    async def body(self) -> bytes:
        """Return the body as it came."""
        if self._inflow is not None:
            return b"".join([piece async for piece in self.stream()])
        return self._call.body

    @property
    def content(self) -> bytes:
        """The same for plain handlers, which can't await."""
        return self._call.body

    async def json(self) -> Any:
        """Return the body decoded: JSON, or msgpack where the content type says so. No body is ``{}``."""
        return self.data

    @property
    def data(self) -> Any:
        """The same for plain handlers, which can't await.

        Raises
        ------
        BadRequestError
            If the body is neither.
        """
        if not self._call.body:
            return {}
        try:
            if "msgpack" in self.headers.get("content-type", ""):
                return msgspec.msgpack.decode(self._call.body)
            return msgspec.json.decode(self._call.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadRequestError(f"the body can't be read: {error}") from None
