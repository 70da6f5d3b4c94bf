"""The bridge that widgets use which were told of none."""

from __future__ import annotations

import threading

from orbit_jupyter.client import BridgeClient, connect

_lock = threading.Lock()
_shared: list[BridgeClient] = []


def connection() -> BridgeClient:
    """Return the one connection of this kernel's widgets; made where there is none, or none that is any good.

    Raises
    ------
    ValueError
        If no URL or no token is found.
    OrbitError
        As the bridge can't be reached or refuses.
    """
    with _lock:
        if _shared and not _shared[0].aio.is_open:  # closed by somebody, or refused, as after a new token
            _shared.pop().close()
        if not _shared:
            _shared.append(connect())
        return _shared[0]
