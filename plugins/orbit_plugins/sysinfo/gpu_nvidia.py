"""NVIDIA's GPUs, from nvidia-smi. Source of the format: ``nvidia-smi --help-query-gpu``, and what was recorded.

A GPU that is divided by MIG is listed as one, with its memory; the tool measures no utilisation of it.
"""

from __future__ import annotations

from .gpu_text import Gpu, Live, gpu, known, number, rows
from .gpu_tool import Kind

LIVE = ("util_gpu", "util_mem", "mem_total", "mem_used", "mem_free")


def parse_facts(text: str) -> list[Gpu]:
    """Return the GPUs that it lists.

    Raises
    ------
    ValueError
        If it printed something else.
    """
    found = [gpu("NVIDIA", int(row[0]), *row[1:]) for row in rows(text) if len(row) == 4 and row[0].isdigit()]
    if not found:
        raise ValueError("it printed no list of GPUs")
    return found


def parse_live(text: str) -> Live:
    """Return what it measured."""
    good = [row for row in rows(text) if len(row) == 6 and row[0].isdigit()]
    return {int(row[0]): known(dict(zip(LIVE, map(number, row[1:]), strict=True))) for row in good}


NVIDIA = Kind(
    program="nvidia-smi",
    variable="NVIDIA_SMI_PATH",
    elsewhere="/usr/bin/nvidia-smi",
    facts=["--query-gpu=index,name,driver_version,uuid", "--format=csv,noheader,nounits"],
    parse_facts=parse_facts,
    live=lambda _: [
        "--query-gpu=index,utilization.gpu,utilization.memory,memory.total,memory.used,memory.free",
        "--format=csv,noheader,nounits",
    ],
    parse_live=parse_live,
)
