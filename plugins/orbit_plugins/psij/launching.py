"""The client's part of a launch: the bridge makes the token, and takes it back where nothing came of it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol, cast

from orbit_jupyter.plugin import OrbitError


class BridgeCaller(Protocol):
    """A bridge's client, as far as a launch needs it."""

    async def call(self, endpoint: str, method: str, path: str, json: Any = None) -> Any: ...


class _Endpoint(Protocol):
    @property
    def bridge(self) -> BridgeCaller: ...


def bridge_of(endpoint: object) -> BridgeCaller:
    """Return the bridge behind which an endpoint is.

    Raises
    ------
    RuntimeError
        If the endpoint's client knows none.
    """
    if not hasattr(endpoint, "bridge"):
        raise RuntimeError("this plugin client was made without a bridge client: it can't ask for a token")
    return cast(_Endpoint, endpoint).bridge


@asynccontextmanager
async def token_for(name: str, bridge: BridgeCaller) -> AsyncIterator[str]:
    """Make a token for endpoint `name`; revoke it where the block ends in a refusal."""
    made = await bridge.call("", "POST", "/tokens", {"name": name})
    try:
        yield str(made["token"])
    except OrbitError as error:
        # A call that was lost on its way may have started the endpoint, which needs its token then.
        if 400 <= error.status < 499:
            with contextlib.suppress(OrbitError):
                await bridge.call("", "DELETE", f"/tokens/{made['id']}")
        raise
