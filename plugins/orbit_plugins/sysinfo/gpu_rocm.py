"""AMD's GPUs, from rocm-smi, which amd-smi replaces. The tests hold recorded output of ROCm 4.3 to 6.2."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .gpu_text import Gpu, Live, first_json, gpu, known, number, told
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
    return [
        gpu("AMD", index, _name(card), card.get("driver version", driver), card.get("unique id"))
        for index, card in _cards(answer)
    ]


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


def _name(card: dict[str, Any]) -> str | None:
    # An old release that doesn't know the card prints its number here.
    return told(card.get("card series")) or told(card.get("device name")) or told(card.get("card model"))


def _mib(size: Any) -> int | None:
    size = number(size)
    return None if size is None else round(size / (1024 * 1024))


def _json(text: str) -> dict[str, Any]:
    answer = first_json(text)
    if not isinstance(answer, dict):
        raise ValueError("it printed no list of GPUs")  # noqa: TRY004 - wrong output, not a wrong call
    return answer


def _cards(answer: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    for name, fields in answer.items():
        index = name.removeprefix("card")
        if index.isdigit():
            yield int(index), _fields(fields)


def _fields(fields: Any) -> dict[str, Any]:
    # Releases differ in capitals: "Card series", "Card Series".
    return {str(key).lower(): value for key, value in fields.items()} if isinstance(fields, dict) else {}


ROCM_SMI = Kind(
    program="rocm-smi",
    variable="ROCM_SMI_PATH",
    elsewhere="/opt/rocm/bin/rocm-smi",
    facts=["--showproductname", "--showdriverversion", "--showuniqueid", "--json"],
    parse_facts=parse_facts,
    live=lambda _: ["--showuse", "--showmemuse", "--showmeminfo", "vram", "--json"],
    parse_live=parse_live,
)
