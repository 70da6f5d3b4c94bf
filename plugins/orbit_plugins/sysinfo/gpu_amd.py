"""AMD's GPUs, from rocm-smi. Source of the format: ``rocm-smi --help`` and what ``--json`` makes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .gpu_text import Gpu, Live, gpu, known, number, told
from .gpu_tool import Kind


def parse_facts(text: str) -> list[Gpu]:
    """Return the GPUs that it lists.

    Raises
    ------
    ValueError
        If it printed no JSON.
    """
    answer = _json(text)
    driver = _fields(answer.get("system")).get("driver version")
    found = []
    for index, card in _cards(answer):
        name = told(card.get("card series")) or told(card.get("card model"))
        found.append(gpu("AMD", index, name, card.get("driver version", driver), card.get("unique id")))
    return found


def parse_live(text: str) -> Live:
    """Return what it measured.

    Raises
    ------
    ValueError
        If it printed no JSON.
    """
    live: Live = {}
    for index, card in _cards(_json(text)):
        total, used = _mib(card.get("vram total memory (b)")), _mib(card.get("vram total used memory (b)"))
        # Newer releases print the share that is allocated under a like name: not what util_mem is.
        activity = card.get("gpu memory read/write activity (%)", card.get("gpu memory use (%)"))
        live[index] = known(
            {
                "util_gpu": number(card.get("gpu use (%)")),
                "util_mem": number(activity),
                "mem_total": total,
                "mem_used": used,
            }
        )
    return live


def _mib(size: Any) -> int | None:
    size = number(size)
    return None if size is None else round(size / (1024 * 1024))


def _json(text: str) -> dict[str, Any]:
    start = text.find("{")  # it warns on its standard output, in front of the JSON
    if start < 0:
        raise ValueError("it printed no JSON")
    answer: dict[str, Any]
    answer, _ = json.JSONDecoder().raw_decode(text[start:])
    return answer


def _cards(answer: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    for name, fields in answer.items():
        index = name.removeprefix("card")
        if index.isdigit():
            yield int(index), _fields(fields)


def _fields(fields: Any) -> dict[str, Any]:
    # Releases differ in capitals: "Card series", "Card Series".
    return {str(key).lower(): value for key, value in fields.items()} if isinstance(fields, dict) else {}


AMD = Kind(
    program="rocm-smi",
    variable="ROCM_SMI_PATH",
    elsewhere="/opt/rocm/bin/rocm-smi",
    facts=["--showproductname", "--showdriverversion", "--showuniqueid", "--json"],
    parse_facts=parse_facts,
    live=lambda _: ["--showuse", "--showmemuse", "--showmeminfo", "vram", "--json"],
    parse_live=parse_live,
)
