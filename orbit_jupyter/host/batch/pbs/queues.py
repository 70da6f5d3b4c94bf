"""PBS's queues: their limits from qstat, their nodes from pbsnodes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec

from ..model import Queue
from .answers import Tree
from .values import mebibytes, number, seconds

# Source: "Node States" in the PBS Professional Reference Guide.
_AWAY = frozenset(
    {
        "offline",
        "down",
        "state-unknown",
        "unknown",
        "unresolvable",
        "stale",
        "provisioning",
        "wait-provisioning",
        "maintenance",
        "initializing",
        "sleep",
    }
)
_PER_USER = re.compile(r"\[?u:PBS_GENERIC=(\d{1,9})\]?")
_GPUS = ("ngpus", "naccelerators", "gpus")


class Host(msgspec.Struct, frozen=True):
    """A node, with all its virtual nodes."""

    available: bool = False
    idle: bool = False
    cpus: int = 0
    mem_mb: float = 0.0
    gpus: int = 0
    queues: frozenset[str] = frozenset()
    resources: dict[str, frozenset[str]] = {}


def parse_hosts(records: Mapping[str, Tree]) -> list[Host]:
    """Return the nodes in what ``pbsnodes -a -F json`` prints."""
    hosts: dict[str, Host] = {}
    for name, record in records.items():
        offered = record.get("resources_available", {})
        if not isinstance(offered, dict):
            offered = {}
        states = {state.strip() for state in str(record.get("state", "")).split(",")}
        available = not states & _AWAY
        known = hosts.get(str(offered.get("host", name)), Host(idle=True))
        hosts[str(offered.get("host", name))] = Host(
            available=known.available or available,
            idle=known.idle
            and available
            and not record.get("jobs")
            and not any("resv" in state for state in states),
            cpus=known.cpus + (number(offered.get("ncpus")) or 0),
            mem_mb=known.mem_mb + (mebibytes(offered.get("mem")) or 0.0),
            gpus=known.gpus + next((count for key in _GPUS if (count := number(offered.get(key)))), 0),
            queues=known.queues | ({str(record["queue"])} if record.get("queue") else frozenset()),
            resources={key: frozenset(str(value).split(",")) for key, value in offered.items()},
        )
    return list(hosts.values())


def parse_queues(records: Mapping[str, Tree], hosts: Iterable[Host], default: str | None) -> list[Queue]:
    """Return the queues in what ``qstat -Q -f -F json`` prints, sorted by name, each with the nodes it may use."""
    hosts = list(hosts)
    return [
        _queue(name, record, _usable(name, record, hosts), default) for name, record in sorted(records.items())
    ]


def _usable(name: str, record: Tree, hosts: list[Host]) -> list[Host]:
    """Return the nodes that are tied to the queue, or else those that are tied to none and have what it wants."""
    own = [host for host in hosts if name in host.queues]
    if own:
        return own
    # A queue may have its jobs ask for a resource that only its nodes have: Qlist=debug.
    asked = {key: str(value) for key, value in _limits(record, "default_chunk").items() if number(value) is None}
    return [
        host
        for host in hosts
        if not host.queues and all(value in host.resources.get(key, ()) for key, value in asked.items())
    ]


def _queue(name: str, record: Tree, hosts: list[Host], default: str | None) -> Queue:
    most, least = _limits(record, "resources_max"), _limits(record, "resources_min")
    started = str(record.get("enabled")) == "True" and str(record.get("started")) == "True"
    per_user = _PER_USER.search(str(record.get("max_run", "")))
    usable = [host for host in hosts if host.available]
    return Queue(
        name=name,
        state="UP" if started else "DOWN",
        is_default=name == default,
        time_limit=seconds(most.get("walltime")),
        default_time=seconds(_limits(record, "resources_default").get("walltime")),
        nodes_total=len(hosts),
        nodes_available=len(usable),
        nodes_idle=sum(host.idle for host in usable),
        cpus_per_node=max((host.cpus for host in hosts), default=0) or None,
        mem_per_node_mb=int(max((host.mem_mb for host in hosts), default=0.0)) or None,
        gpus_per_node=max((host.gpus for host in hosts), default=0),
        nodes_min=number(least.get("nodect")),
        nodes_max=number(most.get("nodect")),
        max_jobs_per_user=int(per_user[1]) if per_user else number(record.get("max_user_run")),
        walltime_min=seconds(least.get("walltime")),
        users=_allowed(record, "acl_user_enable", "acl_users"),
        groups=_allowed(record, "acl_group_enable", "acl_groups"),
    )


def _allowed(record: Tree, switch: str, names: str) -> tuple[str, ...]:
    if str(record.get(switch)) != "True":
        return ()
    # [+|-]name[@host]; what begins with a minus is kept out.
    entries = (entry.strip() for entry in str(record.get(names, "")).split(","))
    listed = [entry.removeprefix("+").partition("@")[0] for entry in entries if entry and entry[0] != "-"]
    return () if not {"", "*"}.isdisjoint(listed) else tuple(listed)  # a name that is left out is everybody's


def _limits(record: Tree, name: str) -> Tree:
    found = record.get(name, {})
    return found if isinstance(found, dict) else {}
