"""Slurm's partitions: their limits from scontrol, their nodes from sinfo, which counts those that are alike."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from ..model import Qos, Queue
from .jobs import Separators
from .values import number, whole_seconds

FIELDS = "RPaDTcmGf"
"""Letters of sinfo's format: see its manual page."""

# Of a node's state, without the sign behind it. Draining nodes still run jobs, but start none.
_AWAY = frozenset(
    {
        "blocked",
        "down",
        "drain",
        "drained",
        "draining",
        "error",
        "fail",
        "failing",
        "future",
        "inval",
        "maint",
        "n/a",
    }
    | {"power_down", "powering_down", "reboot", "reboot_issued", "reboot_requested", "unknown"}
)
_IDLE = frozenset({"idle", "planned", "powered_down", "power_up", "powering_up"})

_GPUS = re.compile(r"gpu(?::[^:,()]+)?:(\d{1,6})")
_SETTING = re.compile(r"(?:^|\s)([A-Za-z][A-Za-z0-9_/:]*)=(\S*)")


def parse_settings(text: str) -> dict[str, dict[str, str]]:
    """Return the settings of each partition in what ``scontrol -o show partition`` prints, by name."""
    partitions: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        settings = dict(_SETTING.findall(line))
        if "PartitionName" in settings:
            partitions[settings["PartitionName"]] = settings
        elif line.strip() and "No partitions in the system" not in line:
            raise ValueError(f"{line[:80]!r} is no partition")
    return partitions


def parse_nodes(text: str, separators: Separators) -> dict[str, Queue]:
    """Return the partitions with their nodes, by name, from what sinfo prints."""
    queues: dict[str, Queue] = {}
    for row in separators.rows(text, len(FIELDS)):
        name, shown, up, count_, state, cpus, memory, gres, features = (field.strip() for field in row)
        if not name:
            raise ValueError("a partition without a name")
        queue = queues.get(name) or Queue(
            name=name, state=up.upper() or "UP", is_default=shown.endswith("*") and not name.endswith("*")
        )
        count = number(count_)
        if count is None:
            raise ValueError(f"{count_[:40]!r} is no number of nodes")
        bare = state.rstrip("*~#!%$@^-+")
        available = 0 if "*" in state or bare in _AWAY else count
        offered = set(queue.features) | set(_features(features))
        queues[name] = msgspec.structs.replace(
            queue,
            nodes_total=queue.nodes_total + count,
            nodes_available=queue.nodes_available + available,
            nodes_idle=queue.nodes_idle + (available if bare in _IDLE else 0),
            cpus_per_node=_larger(queue.cpus_per_node, number(cpus.rstrip("+"))) if count else None,
            mem_per_node_mb=_larger(queue.mem_per_node_mb, number(memory.rstrip("+"))) if count else None,
            gpus_per_node=max(queue.gpus_per_node, gpus(gres)),
            features=tuple(sorted(offered)),
        )
    return queues


def limited(queue: Queue, settings: Mapping[str, str], qos: Mapping[str, Qos]) -> Queue:
    """Return a partition with its limits; `settings` are scontrol's."""
    name = settings.get("QoS", "N/A")
    limits = qos.get(name, Qos(name=name))
    longest = [
        limit for limit in (whole_seconds(settings.get("MaxTime", "")), limits.max_wall) if limit is not None
    ]
    return msgspec.structs.replace(
        queue,
        state=settings.get("State", queue.state),
        is_default=settings.get("Default", "YES" if queue.is_default else "NO") == "YES",
        time_limit=min(longest, default=None),
        default_time=whole_seconds(settings.get("DefaultTime", "")),
        nodes_min=number(settings.get("MinNodes", "")) or None,
        nodes_max=number(settings.get("MaxNodes", "")),
        max_jobs_per_user=limits.max_jobs,
        accounts=_names(settings.get("AllowAccounts", "")),
        groups=_names(settings.get("AllowGroups", "")),
        qos=None if name == "N/A" else name,
    )


def gpus(gres: str) -> int:
    """Return the GPUs among a node's generic resources, such as ``gpu:a100:4(S:0-1),nvme:1``."""
    return sum(int(count) for count in _GPUS.findall(gres))


def _names(said: str) -> tuple[str, ...]:
    return () if said in {"ALL", "(null)", ""} else tuple(said.split(","))


def _features(text: str) -> list[str]:
    return [] if text in {"(null)", "N/A"} else [feature for feature in text.split(",") if feature]


def _larger(known: int | None, new: int | None) -> int | None:
    return new if known is None else known if new is None else max(known, new)
