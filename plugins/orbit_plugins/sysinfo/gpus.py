"""Which GPUs there are, and how busy."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from orbit_jupyter.plugin.program import GRACE, NoAnswerError

from .gpu_amd import AMD_SMI
from .gpu_intel import INTEL
from .gpu_nvidia import NVIDIA
from .gpu_rocm import ROCM_SMI
from .gpu_tool import GpuTool
from .guard import Guard
from .probe import PartialReadingError, Probe


class GpuProbe(Probe):
    """Reads ``gpus``.

    Parameters
    ----------
    tools
        The vendors' tools; None: NVIDIA's, AMD's and Intel's.
    clock
        Seconds, for tests.
    """

    name = "gpus"

    def __init__(
        self, tools: Sequence[GpuTool] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if tools is None:
            tools = [GpuTool(NVIDIA), GpuTool(AMD_SMI, ROCM_SMI), GpuTool(INTEL)]
        # A tool ends itself at its deadline. What stands behind it is for one that can't be killed.
        self._tools = [
            (tool, Guard(tool.read, tool.deadline + GRACE + 0.5, f"sysinfo-{tool.name}")) for tool in tools
        ]
        self._clock = clock
        self._latest: tuple[float, list[dict[str, Any]]] | None = None
        self.deadline = max((tool.deadline for tool in tools), default=0.0) + GRACE + 1.0

    def empty(self) -> list[Any]:
        """Return no GPUs."""
        return []

    def warm(self) -> None:
        """Read the facts, all vendors at a time."""
        for tool, _ in self._tools:
            Guard(tool.warm, tool.deadline, f"sysinfo-prefetch-{tool.name}").start()

    def read(self) -> list[dict[str, Any]]:
        """Return the GPUs; those of a tool that fails without what changes.

        Raises
        ------
        PartialReadingError
            If a tool failed.
        """
        runs = [(tool, guard.start()) for tool, guard in self._tools]
        found: list[dict[str, Any]] = []
        errors = []
        for tool, run in runs:
            try:
                gpus, error = run.result()
            except NoAnswerError as late:
                gpus, error = tool.known(), f"{tool.name}: {late}"
            found += gpus
            errors += [error] if error else []
        self._latest = self._clock(), found
        if errors:
            raise PartialReadingError(found, "; ".join(errors))
        return found

    def latest(self, seconds: float) -> list[dict[str, Any]] | None:
        """Return what the last reading told, whoever asked for it; None if that is longer ago than `seconds`."""
        latest = self._latest
        return latest[1] if latest is not None and self._clock() - latest[0] <= seconds else None

    def close(self) -> None:
        """End the tools that run."""
        for tool, _ in self._tools:
            tool.close()
