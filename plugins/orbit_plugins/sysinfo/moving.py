"""The numbers that move, for the history: cheap to read, and one after the other, never the whole tree."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from .cpu import LoadMeter
from .network import NetworkProbe
from .rates import RateMeter

Values = dict[str, float | None]
"""By column."""

UNITS = {
    "cpu_percent": "%",
    "load_1": "",
    "memory_used": "B",
    "memory_percent": "%",
    "swap_used": "B",
    "swap_percent": "%",
    "net_rx": "B/s",
    "net_tx": "B/s",
}
"""The columns that each machine has, and their units."""

GPU_FIELDS = {"util_gpu": ("util", "%"), "mem_used": ("mem_used", "MiB")}
"""Of each GPU: the field in the metrics tree, the end of its column's name, and the unit."""

MOST_GPUS = 32
"""GPUs that the history has columns for."""

_SWAP = re.compile(r"^Swap(Total|Free):\s+(\d+) kB$", re.MULTILINE)


def unit_of(column: str) -> str:
    """Return the unit of a column."""
    ends = {f"_{end}": unit for end, unit in GPU_FIELDS.values()}
    return UNITS.get(column) or next((unit for end, unit in ends.items() if column.endswith(end)), "")


def swap(meminfo: Path = Path("/proc/meminfo")) -> Values:
    """Return how much swap is used.

    Not `psutil.swap_memory`: that reads what was swapped too, and warns where a container hides it.
    """
    sizes = {name: int(size) * 1024 for name, size in _SWAP.findall(meminfo.read_text())}
    total = sizes["Total"]
    used = total - sizes["Free"]
    return {"swap_used": used, "swap_percent": round(100 * used / total, 1) if total else 0.0}


def memory() -> Values:
    """Return how much memory is used."""
    now = psutil.virtual_memory()
    return {"memory_used": now.used, "memory_percent": now.percent}


class MovingNumbers:
    """Reads the numbers that the history keeps.

    Parameters
    ----------
    interfaces
        Returns the branch ``network``.
    gpus
        Returns the branch ``gpus`` as far as it is known; must not wait for a tool.
    meter
        How busy the cores were; its own, since a meter counts from call to call.
    """

    def __init__(
        self,
        interfaces: Callable[[], list[dict[str, Any]]] | None = None,
        gpus: Callable[[], list[dict[str, Any]]] = list,
        meter: LoadMeter | None = None,
    ) -> None:
        self._interfaces, self._gpus = interfaces or NetworkProbe().read, gpus
        self._meter = meter or LoadMeter()
        self._received, self._sent = RateMeter(), RateMeter()

    def read(self, now: float) -> Values:
        """Return the values at `now` (seconds of a clock that never steps back); None where one can't be read."""
        values: Values = dict.fromkeys(UNITS)
        for part in (self._cpu, memory, swap, lambda: self._network(now), self._each_gpu):
            try:
                values.update(part())
            except (OSError, ValueError, KeyError, psutil.Error):
                continue  # such as /proc/meminfo outside Linux: the column stays empty
        return values

    def _cpu(self) -> Values:
        return {"cpu_percent": self._meter.percent(), "load_1": round(os.getloadavg()[0], 2)}

    def _network(self, now: float) -> Values:
        found = self._interfaces()
        return {
            "net_rx": self._received.rate(now, {one["interface"]: one["rx_bytes"] for one in found}),
            "net_tx": self._sent.rate(now, {one["interface"]: one["tx_bytes"] for one in found}),
        }

    def _each_gpu(self) -> Values:
        return {
            f"gpu_{gpu['vendor'].lower()}_{gpu['id']}_{end}": gpu[field]
            for gpu in self._gpus()[:MOST_GPUS]
            for field, (end, _) in GPU_FIELDS.items()
            if field in gpu
        }
