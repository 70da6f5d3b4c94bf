"""Which network interfaces carry IPv4, and how much went through them."""

from __future__ import annotations

import socket
from typing import Any

import psutil

from .probe import Probe


class NetworkProbe(Probe):
    """Reads ``network``."""

    name = "network"

    def empty(self) -> list[Any]:
        """Return no interfaces."""
        return []

    def read(self) -> list[dict[str, Any]]:
        """Return the interfaces that are up and have an IPv4 address, without the loopback."""
        states = psutil.net_if_stats()
        counters = psutil.net_io_counters(pernic=True)
        found = []
        for name, addresses in sorted(psutil.net_if_addrs().items()):
            state = states.get(name)
            if name == "lo" or state is None or not state.isup or "loopback" in state.flags:
                continue
            ip = next((one.address for one in addresses if one.family == socket.AF_INET), None)
            if ip is None:
                continue
            counted = counters.get(name)
            found.append(
                {
                    "interface": name,
                    "ip": ip,
                    "mac": next((one.address for one in addresses if one.family == psutil.AF_LINK), ""),
                    "rx_bytes": counted.bytes_recv if counted else 0,
                    "tx_bytes": counted.bytes_sent if counted else 0,
                    "speed_mbps": state.speed,
                }
            )
        return found
