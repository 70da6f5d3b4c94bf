"""Intel's GPUs, from xpu-smi 1.2.

Source of the format: Intel's "XPU System Management Interface User Guide", sections discovery and dump. The tests
hold recorded output. Version 2 takes other arguments for its values; its GPUs are listed without them.
"""

from __future__ import annotations

from .gpu_text import Gpu, Live, gpu, known, named_rows, number
from .gpu_tool import Kind


def parse_facts(text: str) -> list[Gpu]:
    """Return the GPUs that it lists; with ``mem_total``, which never changes.

    Raises
    ------
    ValueError
        If it printed something else.
    """
    found = []
    for row in named_rows(text):
        index = row.get("device id", "")
        if not index.isdigit():
            continue
        # Version 2 of the tool calls it "SOC UUID".
        uuid = row.get("uuid") or row.get("soc uuid")
        one = gpu("Intel", int(index), row.get("device name"), row.get("driver version"), uuid)
        size = number(row.get("memory physical size", "").removesuffix("MiB"))
        found.append(one if size is None else {**one, "mem_total": size})
    if not found:
        raise ValueError("it printed no list of GPUs")
    return found


def parse_live(text: str) -> Live:
    """Return what it measured: of each GPU the last values that it knew."""
    live: Live = {}
    for row in named_rows(text):
        index = row.get("deviceid", "")
        if index.isdigit():
            values = {
                "util_gpu": number(row.get("gpu utilization (%)")),
                "util_mem": number(row.get("gpu memory bandwidth utilization (%)")),
                "mem_used": number(row.get("gpu memory used (mib)")),
            }
            live.setdefault(int(index), {}).update(known(values))
    return live


def live_arguments(indices: list[int]) -> list[str]:
    """Return the arguments for two lines per GPU: 0 utilisation, 17 memory bandwidth, 18 memory used."""
    # Two, since what is reckoned from a difference is N/A in the first.
    return ["dump", "-d", ",".join(map(str, indices)), "-m", "0,17,18", "-i", "1", "-n", "2"]


INTEL = Kind(
    program="xpu-smi",
    variable="XPU_SMI_PATH",
    elsewhere="/usr/bin/xpu-smi",
    facts=["discovery", "--dump", "1,2,4,8,16"],  # id, name, UUID, driver, memory size
    parse_facts=parse_facts,
    live=live_arguments,
    parse_live=parse_live,
)
