"""What a queue and an account allow, looked at before a job is handed over.

Schedulers take jobs that can never start (Slurm one with too long a time, or with more nodes than there are), and
then they wait for ever. What isn't known, because the scheduler doesn't say it or not in time, refuses nothing.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from concurrent import futures
from dataclasses import dataclass

from orbit_jupyter.host.batch import Account, BatchSystem, Queue
from orbit_jupyter.plugin import InvalidFieldError, PluginError

from .executors import WATCHED
from .seen import own_user
from .spec import JobSpec
from .translate import duration
from .watch import Systems

log = logging.getLogger("orbit.psij")

FRESH = 60.0
"""Seconds for which what a scheduler says of its queues and accounts is taken for true."""

RECENT = 5.0
"""The same where it would refuse a job: older knowledge is looked up again before."""

WAIT = 3.0
"""Seconds that a submit waits for that at most."""

AWAY = 15.0
"""Seconds for which a scheduler that didn't say it isn't asked again: the next submit isn't delayed as well."""

OVERRIDING = frozenset(
    {f"slurm.{name}" for name in ("partition", "p", "time", "t", "nodes", "n", "account", "a", "clusters", "m")}
    | {f"pbs.{name}" for name in ("q", "l", "a")}
)
"""The scheduler's own options for the same: with one of them it decides alone."""

FORCE = "; force=True submits it all the same"


@dataclass(frozen=True)
class Offered:
    """What a scheduler offers to this user."""

    queues: list[Queue]
    accounts: list[Account]


class Limits:
    """Checks jobs against what their scheduler offers.

    Parameters
    ----------
    system_of
        Returns the reader of a batch system.
    clock
        Seconds.
    """

    def __init__(self, system_of: Systems, clock: Callable[[], float] = time.monotonic) -> None:
        self._system_of, self._clock = system_of, clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Offered]] = {}
        self._asking: dict[str, futures.Future[Offered]] = {}
        self._later: dict[str, float] = {}

    def check(self, spec: JobSpec, executor: str) -> None:
        """Check a job.

        Raises
        ------
        InvalidFieldError
            It can't ever start as it is; naming the field and the limit.
        """
        if executor not in WATCHED or not OVERRIDING.isdisjoint(option.lower() for option in spec.custom):
            return
        offered = self._offered(executor, FRESH)
        if offered is None:
            return
        try:
            _check(spec, executor, offered)
        except InvalidFieldError:
            # What has changed since may be why it is asked for.
            newer = self._offered(executor, RECENT)
            if newer is not None:
                _check(spec, executor, newer)

    def _offered(self, executor: str, age: float) -> Offered | None:
        with self._lock:
            known = self._known.get(executor)
            if known is not None and self._clock() - known[0] < age:
                return known[1]
            if self._clock() < self._later.get(executor, 0.0):
                return None
            asking = self._asking.get(executor)
            if asking is None:
                asking = self._asking[executor] = futures.Future()
                threading.Thread(
                    target=self._ask, args=(executor, asking), name="psij limits", daemon=True
                ).start()
        try:
            return asking.result(WAIT)
        except (futures.TimeoutError, PluginError) as error:
            # The scheduler itself refuses or not; old knowledge might refuse what has become right.
            with self._lock:
                self._later[executor] = self._clock() + AWAY
            log.info("a job isn't checked before %s has it: %s", executor, error or "it doesn't answer in time")
            return None

    def _ask(self, executor: str, asking: futures.Future[Offered]) -> None:
        try:
            offered = _ask(self._system_of(executor))
        except Exception as error:
            with self._lock:
                del self._asking[executor]
            asking.set_exception(error if isinstance(error, PluginError) else PluginError(str(error)))
            return
        with self._lock:
            self._known[executor] = (self._clock(), offered)
            del self._asking[executor]
        asking.set_result(offered)


def _ask(system: BatchSystem) -> Offered:
    queues = system.queues()
    try:
        accounts = system.accounts(own_user())
    except PluginError as error:  # many sites have none, or don't tell
        log.info("what jobs may be charged to isn't known: %s", error)
        accounts = []
    return Offered(queues, accounts)


def _check(spec: JobSpec, executor: str, offered: Offered) -> None:
    account = _account(spec, offered.accounts)
    queue = _queue(spec, executor, offered.queues)
    if queue is not None:
        _check_queue(spec, executor, queue)
    if account is not None:
        _check_account(spec, executor, account)


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


def _account(spec: JobSpec, accounts: list[Account]) -> Account | None:
    name = spec.account
    names = sorted({account.account for account in accounts})
    if name is None:
        # Which one is the default nobody says; where there is one, it is that.
        return accounts[0] if len(names) == 1 else None
    found = next((account for account in accounts if account.account.lower() == name.lower()), None)
    if found is None and names:
        what = f"you may not charge jobs to {name!r}; you may to {', '.join(names)}"
        raise _refused("attributes.account", what, names)
    return found


def _check_queue(spec: JobSpec, executor: str, queue: Queue) -> None:
    seconds = duration(spec, executor)
    if seconds is not None and queue.time_limit is not None and seconds > queue.time_limit:
        what = f"{seconds} s is more than queue {queue.name} allows: {queue.time_limit} s"
        raise _refused("attributes.duration", what, queue.time_limit)
    nodes = spec.node_count or 1
    in_resources = spec.resources is not None and spec.resources.node_count is not None
    where = "resources.node_count" if in_resources else "attributes.node_count"
    if queue.nodes_max is not None and nodes > queue.nodes_max:
        what = f"{nodes} is more than a job in queue {queue.name} may have: {queue.nodes_max}"
        raise _refused(where, what, queue.nodes_max)
    if 0 < queue.nodes_total < nodes:
        what = f"{nodes} is more than queue {queue.name} has: {queue.nodes_total}"
        raise _refused(where, what, queue.nodes_total)
    if queue.nodes_min is not None and spec.node_count is not None and nodes < queue.nodes_min:
        what = f"{nodes} is less than a job in queue {queue.name} has to have: {queue.nodes_min}"
        raise _refused(where, what, queue.nodes_min)
    if queue.accounts and spec.account is not None:
        allowed = {account.lower() for account in queue.accounts}
        if spec.account.lower() not in allowed:
            what = f"queue {queue.name} is not for {spec.account!r}; it is for {', '.join(queue.accounts)}"
            raise _refused("attributes.account", what, list(queue.accounts))


def _check_account(spec: JobSpec, executor: str, account: Account) -> None:
    seconds = duration(spec, executor)
    if seconds is not None and account.max_wall is not None and seconds > account.max_wall:
        what = f"{seconds} s is more than account {account.account} allows: {account.max_wall} s"
        raise _refused("attributes.duration", what, account.max_wall)
    left = account.remaining_node_hours
    if left is None:
        return
    if left <= 0:
        what = f"account {account.account} has no hours left of {account.allocated_node_hours or 0:g} node hours"
        raise _refused("attributes.account", what, 0)
    needed = (spec.node_count or 1) * (seconds or 0) / 3600
    if math.isfinite(left) and needed > left:
        what = f"account {account.account} has {left:.3g} node hours left, and the job may take {needed:.3g}"
        raise _refused("attributes.account", what, left)


def _refused(field: str, what: str, limit: object) -> InvalidFieldError:
    name = f"job_spec.{field}"
    return InvalidFieldError(f"{name}: {what}{FORCE}", field=name, data={"limit": limit})
