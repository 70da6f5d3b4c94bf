"""Allocations at the Argonne Leadership Computing Facility, whose program for them is sbank."""

from __future__ import annotations

import re

from ..model import Account

_COLUMNS = {
    "allocation": "allocation_id",
    "id": "allocation_id",
    "suballocation": "suballocation_id",
    "start": "start_date",
    "end": "end_date",
    "resource": "resource",
}


def parse_allocations(text: str, user: str) -> list[Account]:
    """Return the allocations in what ``sbank-list-allocations`` prints: a table with lines under its heads.

    Raises
    ------
    ValueError
        If there is no such table.
    """
    lines = text.splitlines()
    ruler = next(
        (at for at, line in enumerate(lines) if at and re.fullmatch(r"\s*-{2,}(\s+-{2,})+\s*", line)), None
    )
    if ruler is None:
        if not text.strip() or "no allocations" in text.lower():
            return []
        raise ValueError("no table of allocations")
    spans = [(dashes.start(), dashes.end()) for dashes in re.finditer(r"-+", lines[ruler])]
    names = [lines[ruler - 1][begin:end].strip().lower() for begin, end in spans]
    found = []
    for line in lines[ruler + 1 :]:
        if not line.strip():
            break
        row = dict(zip(names, (line[begin:end].strip() for begin, end in spans), strict=True))
        found.append(_account(row, user))
    return found


def _account(row: dict[str, str], user: str) -> Account:
    used, left = _hours(row.get("charged", "")), _hours(row.get("available balance", ""))
    extra: dict[str, str | int | float | None] = {_COLUMNS[key]: row[key] for key in _COLUMNS if row.get(key)}
    jobs = _hours(row.get("jobs", ""))
    return Account(
        account=row["project"],
        user=user,
        allocated_node_hours=used + left if used is not None and left is not None else None,
        used_node_hours=used,
        remaining_node_hours=left,
        extra={**extra, "jobs": None if jobs is None else int(jobs)},
    )


def _hours(text: str) -> float | None:
    text = text.replace(",", "")
    return float(text) if re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]+)?", text) else None
