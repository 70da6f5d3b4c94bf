"""AMD's GPUs, from amd-smi. The tests hold recorded output of ROCm 6.3 to 7.2."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .gpu_text import Gpu, Live, first_json, gpu, known, number, told
from .gpu_tool import Kind

_KERNEL = re.compile(r"Linux ?version ?([^\s(]+)")


def parse_facts(text: str) -> list[Gpu]:
    """Return the GPUs that it lists; with ``mem_total``, which never changes.

    Raises
    ------
    ValueError
        If it printed no list of GPUs.
    """
    found = []
    for index, card in _cards(text):
        asic, driver = _part(card, "asic"), _part(card, "driver")
        name = told(asic.get("market_name")) or told(_part(card, "board").get("product_name"))
        version = driver.get("version", driver.get("driver_version"))
        one = gpu("AMD", index, name, _version(version), asic.get("asic_serial"))
        size = _value(_part(card, "vram").get("size"))
        found.append(one if size is None else {**one, "mem_total": size})
    return found


def parse_live(text: str) -> Live:
    """Return what it measured.

    Raises
    ------
    ValueError
        If it printed no list of GPUs.
    """
    live: Live = {}
    for index, card in _cards(text):
        usage, memory = _part(card, "usage"), _part(card, "mem_usage")
        live[index] = known(
            {
                "util_gpu": _value(usage.get("gfx_activity")),
                "util_mem": _value(usage.get("umc_activity")),
                "mem_total": _value(memory.get("total_vram")),
                "mem_used": _value(memory.get("used_vram")),
                "mem_free": _value(memory.get("free_vram")),
            }
        )
    return live


def _cards(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    answer = first_json(text)
    # From ROCm 7 on the list lies in an object.
    cards = answer.get("gpu_data") if isinstance(answer, dict) else answer
    if not isinstance(cards, list):
        raise ValueError("it printed no list of GPUs")  # noqa: TRY004 - wrong output, not a wrong call
    for card in cards:
        if isinstance(card, dict) and isinstance(card.get("gpu"), int):
            yield card["gpu"], card


def _part(card: dict[str, Any], name: str) -> dict[str, Any]:
    part = card.get(name)
    return part if isinstance(part, dict) else {}  # one that can't be read is "N/A" as a whole


def _value(field: Any) -> int | float | None:
    # Sizes are in what it calls MB, which are MiB: 65520 for the 68702699520 bytes that rocm-smi tells.
    return number(field.get("value") if isinstance(field, dict) else field)


def _version(version: Any) -> Any:
    # The driver that comes with the kernel answers with the kernel's whole banner.
    kernel = _KERNEL.match(str(version))
    return kernel[1] if kernel else version


AMD_SMI = Kind(
    program="amd-smi",
    variable="AMD_SMI_PATH",
    elsewhere="/opt/rocm/bin/amd-smi",
    facts=["static", "--asic", "--board", "--driver", "--vram", "--json"],
    parse_facts=parse_facts,
    live=lambda _: ["metric", "--usage", "--mem-usage", "--json"],
    parse_live=parse_live,
)
