"""How much memory there is, and how much is in use."""

from __future__ import annotations

import psutil

from .probe import Probe


class MemoryProbe(Probe):
    """Reads ``memory``."""

    name = "memory"

    def read(self) -> dict[str, int | float]:
        """Return sizes in bytes and the used part in percent."""
        memory = psutil.virtual_memory()
        return {
            "total": memory.total,
            "available": memory.available,
            "used": memory.used,
            "percent": memory.percent,
        }
