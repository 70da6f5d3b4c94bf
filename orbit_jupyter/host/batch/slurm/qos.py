"""Slurm's qualities of service: what each limits, and which limits of others don't count for it."""

from __future__ import annotations

import re

from ..model import Qos
from .values import number, whole_seconds

FIELDS = "Name,Flags,MaxWall,MaxTRES,MaxTRESPU,GrpTRES,MaxJobsPU,MaxSubmitPU"

NAMES = {"node": "nodes", "cpu": "cpus", "gres/gpu": "gpus"}
"""Slurm's names of the resources that are looked at, and ours."""

_TRES = re.compile(r"(?:^|,)([^=,]+)=([^,]*)")


def parse_qos(text: str) -> dict[str, Qos]:
    """Return what ``sacctmgr -nP show qos`` prints, by name."""
    found: dict[str, Qos] = {}
    for line in text.splitlines():
        fields = [field.strip() for field in line.split("|")]
        if len(fields) != FIELDS.count(",") + 1 or not fields[0]:
            continue
        name, said, wall, per_job, per_user, together, jobs, submits = fields
        flags = {flag.lower() for flag in said.split(",")}
        found[name] = Qos(
            name=name,
            max_wall=whole_seconds(wall),
            most=most(per_job, per_user, together),
            max_jobs=number(jobs),
            max_submit=number(submits),
            ignores_time_limit="partitiontimelimit" in flags,
            ignores_nodes_max="partitionmaxnodes" in flags,
            ignores_nodes_min="partitionminnodes" in flags,
            ignores_queue_qos="overpartqos" in flags,
        )
    return found


def most(*limits: str) -> dict[str, int]:
    """Return the least of several limits such as ``cpu=64,node=2``, by our names of the resources."""
    found: dict[str, int] = {}
    for name, said in (pair for limit in limits for pair in _TRES.findall(limit)):
        count = number(said)
        if name in NAMES and count is not None:
            found[NAMES[name]] = min(count, found.get(NAMES[name], count))
    return found
