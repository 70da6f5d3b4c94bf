"""What the vendors' tools print has in common, and the fields of a GPU in the metrics tree."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterator
from typing import Any

Gpu = dict[str, Any]
"""A GPU: id, index, name, driver_version, uuid, vendor; None where the tool doesn't tell."""

Live = dict[int, dict[str, int | float]]
"""What changes, by the GPU's index: util_gpu, util_mem (%), mem_total, mem_used, mem_free (MiB), where told."""


def gpu(vendor: str, index: int, name: Any, driver: Any, uuid: Any) -> Gpu:
    """Return a GPU with the facts that its tool printed."""
    return {
        "id": str(index),
        "index": index,
        "name": told(name),
        "driver_version": told(driver),
        "uuid": told(uuid),
        "vendor": vendor,
    }


def told(value: Any) -> str | None:
    """Return a word that a tool printed; None for ``[N/A]``, ``[Not Supported]`` and their like."""
    text = str(value if value is not None else "").strip()
    if text.startswith("[") or text.lower() in ("", "n/a", "none", "unknown", "not supported"):
        return None
    return text


def number(text: Any) -> int | float | None:
    """Return a number that a tool printed; None for anything else."""
    try:
        value = float(str(text).strip())
    except ValueError:
        return None
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() else value


def known(fields: dict[str, int | float | None]) -> dict[str, int | float]:
    """Return the fields that were told."""
    return {name: value for name, value in fields.items() if value is not None}


def first_json(text: str) -> Any:
    """Return the first object, or list of objects, in what a tool printed; warnings may stand in front of it.

    Raises
    ------
    ValueError
        If there is none.
    """
    decoder = json.JSONDecoder()
    for start in re.finditer(r"[\[{]", text):
        try:
            found, _ = decoder.raw_decode(text, start.start())
        except ValueError:
            continue
        if isinstance(found, dict) or (found and all(isinstance(one, dict) for one in found)):
            return found
    raise ValueError("it printed no JSON")


def rows(text: str) -> list[list[str]]:
    """Return the lines of a CSV table, without the space around its fields."""
    return [[field.strip() for field in row] for row in csv.reader(text.splitlines(), skipinitialspace=True)]


def named_rows(text: str) -> Iterator[dict[str, str]]:
    """Return the lines of a CSV table with a header, by their lower-case names."""
    header: list[str] = []
    for row in rows(text):
        if not header:
            # Warnings may come before the header.
            header = [name.lower() for name in row] if len(row) > 2 else []
        elif len(row) == len(header):
            yield dict(zip(header, row, strict=True))
