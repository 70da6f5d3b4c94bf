"""Whether a job can ever start: what it asks for, beside the limits of queue, quality of service and account.

Of a limit that both kinds of `Qos` and the account have, Slurm takes the first one in this order: that of the
queue's own, that of the job's, the account's. Source: https://slurm.schedmd.com/resource_limits.html. Where it is
unknown which one counts for a job, the most generous does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from orbit_jupyter.host.batch import Account, Qos, Queue
from orbit_jupyter.plugin import InvalidFieldError

from .spec import JobSpec, Resources
from .translate import duration

FORCE = "; force=True submits it all the same"

QOS_OPTIONS = ("slurm.qos", "slurm.q")

USUAL_QOS = "normal"
"""What Slurm gives a job whose user has no default, if that user may have it."""


@dataclass(frozen=True)
class Offered:
    """What a scheduler offers to this user, who has these groups; None: they aren't known."""

    queues: list[Queue]
    accounts: list[Account]
    qos: dict[str, Qos] = field(default_factory=dict)
    user: str = ""
    groups: frozenset[str] | None = None


def check(spec: JobSpec, executor: str, offered: Offered) -> None:
    """Check a job.

    Raises
    ------
    InvalidFieldError
        It can't ever start as it is; naming the field and the limit.
    """
    queue = _queue(spec, executor, offered.queues)
    account = _account(spec, offered.accounts, queue)
    refused: InvalidFieldError | None = None
    for qos in _qualities(spec, account, offered):
        try:
            _check_with(spec, executor, offered, queue, qos, account)
        except InvalidFieldError as error:
            refused = refused or error
        else:
            return
    if refused is not None:
        raise refused


def _check_with(
    spec: JobSpec, executor: str, offered: Offered, queue: Queue | None, qos: Qos, account: Account | None
) -> None:
    if queue is not None:
        _check_queue(spec, executor, queue, qos)
        _check_access(spec, queue, offered)
    own = None if queue is None or queue.qos is None else offered.qos.get(queue.qos)
    _check_most(spec, executor, own, qos, account)
    if account is not None:
        _check_hours(spec, executor, account)


def _queue(spec: JobSpec, executor: str, queues: list[Queue]) -> Queue | None:
    name = spec.attributes.queue_name
    # Several, of which the scheduler takes one: it decides.
    if not queues or (name is not None and ("," in name or "@" in name)):
        return None
    if name is None:
        return next((queue for queue in queues if queue.is_default), None)
    found = next((queue for queue in queues if queue.name == name), None)
    if found is None:
        names = [queue.name for queue in queues]
        what = f"{executor} has no queue {name!r}; it has {', '.join(names)}"
        raise _refused("attributes.queue_name", what, names)
    return found


def _account(spec: JobSpec, accounts: list[Account], queue: Queue | None) -> Account | None:
    name = spec.account
    names = sorted({account.account for account in accounts})
    if name is None:
        # Which one is the default nobody says; where there is one, it is that.
        found = accounts if len(names) == 1 else []
    else:
        found = [account for account in accounts if account.account.lower() == name.lower()]
    if name is not None and names and not found:
        what = f"you may not charge jobs to {name!r}; you may to {', '.join(names)}"
        raise _refused("attributes.account", what, names)
    # Slurm may have an account once for each partition, with limits of its own; that one counts first there.
    by_partition = {account.extra.get("partition"): account for account in found}
    own = None if queue is None else by_partition.get(queue.name)
    return own or by_partition.get(None)


def _qualities(spec: JobSpec, account: Account | None, offered: Offered) -> list[Qos]:
    """Return those of which the job will have one; always one at least."""
    custom = {option.lower(): value for option, value in spec.custom.items()}
    asked = next((str(custom[option]) for option in QOS_OPTIONS if custom.get(option) is not None), None)
    if asked is not None:
        return [offered.qos.get(asked, Qos(name=asked))]
    found: list[Qos] = []
    for one in offered.accounts if account is None else [account]:
        usual = USUAL_QOS if USUAL_QOS in one.qos else None
        names = one.qos if (name := one.default_qos or usual) is None else (name,)
        found += [offered.qos.get(name, Qos(name=name)) for name in names]
    return found or [Qos(name="")]


def _check_queue(spec: JobSpec, executor: str, queue: Queue, qos: Qos) -> None:
    seconds = duration(spec, executor)
    own_limit_counts = not (queue.qos is not None and qos.ignores_queue_qos and qos.max_wall is not None)
    limit = None if qos.ignores_time_limit or not own_limit_counts else queue.time_limit
    if seconds is not None and limit is not None and seconds > limit:
        what = f"{seconds} s is more than queue {queue.name} allows: {limit} s"
        raise _refused("attributes.duration", what, limit)
    nodes, where = spec.node_count or 1, _nodes_field(spec)
    if queue.nodes_max is not None and nodes > queue.nodes_max and not qos.ignores_nodes_max:
        what = f"{nodes} is more than a job in queue {queue.name} may have: {queue.nodes_max}"
        raise _refused(where, what, queue.nodes_max)
    if 0 < queue.nodes_total < nodes:
        what = f"{nodes} is more than queue {queue.name} has: {queue.nodes_total}"
        raise _refused(where, what, queue.nodes_total)
    few = queue.nodes_min is not None and spec.node_count is not None and nodes < queue.nodes_min
    if few and not qos.ignores_nodes_min:
        what = f"{nodes} is less than a job in queue {queue.name} has to have: {queue.nodes_min}"
        raise _refused(where, what, queue.nodes_min)


def _check_access(spec: JobSpec, queue: Queue, offered: Offered) -> None:
    if queue.accounts and spec.account is not None:
        allowed = {account.lower() for account in queue.accounts}
        if spec.account.lower() not in allowed:
            what = f"queue {queue.name} is not for {spec.account!r}; it is for {', '.join(queue.accounts)}"
            raise _refused("attributes.account", what, list(queue.accounts))
    if queue.users and offered.user and not any(fnmatchcase(offered.user, name) for name in queue.users):
        what = f"queue {queue.name} is not for user {offered.user}; it is for {_some(queue.users)}"
        raise _refused("attributes.queue_name", what, list(queue.users))
    if queue.groups and offered.groups is not None and offered.groups.isdisjoint(queue.groups):
        what = f"queue {queue.name} is for the groups {_some(queue.groups)}; you are in none of them"
        raise _refused("attributes.queue_name", what, list(queue.groups))


def _check_most(spec: JobSpec, executor: str, own: Qos | None, qos: Qos, account: Account | None) -> None:
    """Check what one job can have, of each limit by the first that has it."""
    qualities = [qos] if own is None else [qos, own] if qos.ignores_queue_qos else [own, qos]
    limits: list[tuple[str, Qos | Account]] = [(f"QOS {one.name}", one) for one in qualities]
    if account is not None:
        limits.append((f"account {account.account}", account))
    seconds = duration(spec, executor)
    for who, one in limits:
        if one.max_wall is not None:
            if seconds is not None and seconds > one.max_wall:
                what = f"{seconds} s is more than {who} allows: {one.max_wall} s"
                raise _refused("attributes.duration", what, one.max_wall)
            break
    for what_of, (where, wanted) in _wanted(spec).items():
        for who, one in limits:
            limit = one.most.get(what_of)
            if limit is not None:
                if wanted > limit:
                    what = f"{wanted} {what_of} are more than {who} lets a job have: {limit}"
                    raise _refused(where, what, limit)
                break
    for jobs in ("max_jobs", "max_submit"):
        who, count = next(
            ((who, count) for who, one in limits if (count := getattr(one, jobs)) is not None), ("", 1)
        )
        if count == 0:
            raise _refused("attributes.account", f"{who} allows no jobs", 0)


def _wanted(spec: JobSpec) -> dict[str, tuple[str, int]]:
    """Return what a job takes at least, and the field that says so."""
    asked = spec.resources or Resources()
    nodes = spec.node_count or 1
    processes = asked.process_count or nodes * (asked.processes_per_node or 1)
    cores = "cpu_cores_per_process" if asked.cpu_cores_per_process else "process_count"
    return {
        "nodes": (_nodes_field(spec), nodes),
        "cpus": (f"resources.{cores}", processes * (asked.cpu_cores_per_process or 1)),
        "gpus": ("resources.gpu_cores_per_process", processes * (asked.gpu_cores_per_process or 0)),
    }


def _check_hours(spec: JobSpec, executor: str, account: Account) -> None:
    left = account.remaining_node_hours
    if left is None:
        return
    if left <= 0:
        what = f"account {account.account} has no hours left of {account.allocated_node_hours or 0:g} node hours"
        raise _refused("attributes.account", what, 0)
    needed = (spec.node_count or 1) * (duration(spec, executor) or 0) / 3600
    if math.isfinite(left) and needed > left:
        what = f"account {account.account} has {left:.3g} node hours left, and the job may take {needed:.3g}"
        raise _refused("attributes.account", what, left)


def _nodes_field(spec: JobSpec) -> str:
    in_resources = spec.resources is not None and spec.resources.node_count is not None
    return "resources.node_count" if in_resources else "attributes.node_count"


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _refused(field: str, what: str, limit: object) -> InvalidFieldError:
    name = f"job_spec.{field}"
    return InvalidFieldError(f"{name}: {what}{FORCE}", field=name, data={"limit": limit})
