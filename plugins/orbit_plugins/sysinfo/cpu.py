"""Which processor the machine has, and how busy it is."""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from .probe import Probe

ARM_VENDORS = {
    0x41: "ARM",
    0x42: "Broadcom",
    0x43: "Cavium",
    0x46: "Fujitsu",
    0x48: "HiSilicon",
    0x4E: "NVIDIA",
    0x51: "Qualcomm",
    0x61: "Apple",
    0xC0: "Ampere",
}
"""``CPU implementer`` of /proc/cpuinfo, the implementer codes of Arm's Main ID Register."""


def parse_cpuinfo(text: str) -> tuple[str, str]:
    """Return model and vendor from /proc/cpuinfo of x86, ARM or POWER; empty where it doesn't say."""
    first: dict[str, str] = {}
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon:
            first.setdefault(key.strip().lower(), value.strip())
    vendor = first.get("vendor_id", "")
    model = first.get("model name") or first.get("cpu", "")
    if not vendor and "cpu implementer" in first:
        try:
            vendor = ARM_VENDORS.get(int(first["cpu implementer"], 16), "")
        except ValueError:
            vendor = ""
    if not vendor and model.startswith("POWER"):
        vendor = "IBM"
    return model, vendor


def busy_and_total() -> tuple[float, float]:
    """Return the CPU seconds that all cores together have worked, and those that have passed."""
    times = psutil.cpu_times()
    # Linux counts the time of guests in that of user and nice already.
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return total - times.idle - getattr(times, "iowait", 0.0), total


class LoadMeter:
    """How busy the cores were since the last call.

    Not `psutil.cpu_percent`: that remembers the last call of each thread, and ours come from ever new ones.

    Parameters
    ----------
    times
        Busy and passed CPU seconds.
    shortest
        CPU seconds below which a span says nothing, since the kernel counts in ticks: two clients that ask at
        once get the same answer.
    """

    def __init__(
        self,
        times: Callable[[], tuple[float, float]] = busy_and_total,
        shortest: float = 0.2 * (os.cpu_count() or 1),
    ) -> None:
        self._times, self._shortest = times, shortest
        self._lock = threading.Lock()
        self._last = times()
        self._percent: float | None = None

    def percent(self) -> float:
        """Return the busy part, 0 to 100."""
        with self._lock:
            now = self._times()
            worked, passed = now[0] - self._last[0], now[1] - self._last[1]
            percent = round(min(100.0, max(0.0, 100.0 * worked / passed)), 1) if passed > 0 else 0.0
            if passed < self._shortest:
                return percent if self._percent is None else self._percent
            self._last, self._percent = now, percent
            return percent


def frequency() -> float | None:
    """Return the mean frequency of the cores in MHz; None where the machine keeps it to itself."""
    try:
        now = psutil.cpu_freq()
    except (OSError, NotImplementedError, AttributeError):
        return None
    return round(float(now.current), 1) if now and now.current else None


class CpuProbe(Probe):
    """Reads ``cpu``."""

    name = "cpu"

    def __init__(self, meter: LoadMeter | None = None) -> None:
        self._meter = meter or LoadMeter()
        self._facts: dict[str, Any] = {}

    def warm(self) -> None:
        """Read what the processor is."""
        try:
            model, vendor = parse_cpuinfo(Path("/proc/cpuinfo").read_text("utf-8", "replace"))
        except OSError:
            model = vendor = ""
        self._facts = {
            "model": model or platform.processor() or platform.machine(),
            "vendor": vendor or "unknown",
            "cores_physical": psutil.cpu_count(logical=False),
            "cores_logical": psutil.cpu_count(),
        }

    def read(self) -> dict[str, Any]:
        """Return what the processor is, and how busy since the last call."""
        if not self._facts:
            self.warm()
        return {
            **self._facts,
            "percent": self._meter.percent(),
            "load_avg": list(os.getloadavg()),
            "freq_mhz": frequency(),
        }
