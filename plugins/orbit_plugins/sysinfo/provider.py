"""The metrics tree: every probe at once, none waited for beyond its deadline."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from .cpu import CpuProbe
from .disks import DiskProbe
from .gpus import GpuProbe
from .guard import Guard
from .memory import MemoryProbe
from .network import NetworkProbe
from .probe import PartialReadingError, Probe
from .system import SystemProbe

log = logging.getLogger(__name__)

GPUS_EVERY = 30.0
"""Seconds after which the history has the GPUs read again, where nobody else does."""

GPUS_FRESH = 45.0
"""Seconds for which a reading of the GPUs counts as that of now."""


class SysInfoProvider:
    """Reads the metrics tree, from any thread.

    Parameters
    ----------
    probes
        The branches; None: those of this machine.
    """

    def __init__(self, probes: Sequence[Probe] | None = None) -> None:
        if probes is None:
            probes = [SystemProbe(), CpuProbe(), MemoryProbe(), DiskProbe(), NetworkProbe(), GpuProbe()]
        self._probes = [
            (probe, Guard[Any](probe.read, probe.deadline, f"sysinfo-{probe.name}")) for probe in probes
        ]
        self._reported: dict[str, str] = {}

    def prefetch(self) -> None:
        """Read in the background what doesn't change, so that the first answer is quick."""
        for probe, _ in self._probes:
            # Nobody asks for the result: what fails here fails again in `get_metrics`, and is reported there.
            Guard(probe.warm, probe.deadline, f"sysinfo-prefetch-{probe.name}").start()

    def get_metrics(self) -> dict[str, Any]:
        """Return the tree, within the longest deadline of its probes.

        Returns
        -------
        dict
            A branch for each probe. ``errors``, if there are any, comes first and tells why a branch is empty or
            incomplete.
        """
        runs = [(probe, guard.start()) for probe, guard in self._probes]
        tree: dict[str, Any] = {}
        errors: dict[str, str] = {}
        for probe, run in runs:
            try:
                tree[probe.name] = run.result()
            except PartialReadingError as partial:
                tree[probe.name], errors[probe.name] = partial.value, str(partial)
            except Exception as error:
                tree[probe.name], errors[probe.name] = probe.empty(), str(error) or type(error).__name__
        self._report(errors)
        return {"errors": errors, **tree} if errors else tree

    def gpus_lately(self, refresh: bool) -> list[dict[str, Any]]:
        """Return the GPUs as they were read last, by whoever; none if that is too long ago. Doesn't wait.

        Parameters
        ----------
        refresh
            Whether to have them read anew in the background: vendors' tools are expensive.
        """
        for probe, guard in self._probes:
            if isinstance(probe, GpuProbe):
                if refresh and probe.latest(GPUS_EVERY) is None:
                    guard.start()
                return probe.latest(GPUS_FRESH) or []
        return []

    def _report(self, errors: dict[str, str]) -> None:
        # A page asks every few seconds: an error is logged when it comes, not as long as it lasts.
        known, self._reported = self._reported, errors
        for name, reason in errors.items():
            if known.get(name) != reason:
                log.warning("sysinfo can't read %s: %s", name, reason)

    def close(self) -> None:
        """End what still runs."""
        for probe, _ in self._probes:
            probe.close()
