"""The bridge that widgets use which were told of none."""

from __future__ import annotations

import threading

from orbit_jupyter.client import BridgeClient, connect

_lock = threading.Lock()
_shared: list[BridgeClient] = []


def connection() -> BridgeClient:
    """Return the one connection of this kernel's widgets; the first call makes it.

    Raises
    ------
    ValueError
        If no URL or no token is found.
    OrbitError
        As the bridge can't be reached or refuses.
    """
    with _lock:
        if not _shared:
            _shared.append(connect())
        return _shared[0]
