"""The readers of batch systems, each made once, at its first use."""

from __future__ import annotations

import threading

from orbit_jupyter.host.batch import BatchSystem, system_of


class Systems:
    """Returns the reader of a batch system by its name."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[str, BatchSystem] = {}

    def close(self) -> None:
        """End the programs that still run."""
        with self._lock:
            made = list(self._made.values())
        for one in made:
            one.close()

    def __call__(self, name: str) -> BatchSystem:
        """Return it; what is wrong with the batch system is said at its use."""
        with self._lock:
            if name not in self._made:
                self._made[name] = system_of(name)
            return self._made[name]
