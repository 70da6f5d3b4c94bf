"""What queues and accounts allow, asked for before a job is handed over.

Schedulers take jobs that can never start (Slurm one with too long a time, or with more nodes than there are), and
then they wait for ever. What isn't known, because the scheduler doesn't say it or not in time, refuses nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent import futures

from orbit_jupyter.host.batch import Account, BatchSystem, Qos
from orbit_jupyter.plugin import InvalidFieldError, PluginError

from .allowed import Offered, check
from .executors import WATCHED
from .seen import own_groups, own_user
from .spec import JobSpec
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
    {
        f"slurm.{name}"
        for name in ("partition", "p", "time", "t", "time-min", "nodes", "n", "account", "a", "clusters", "m")
    }
    | {f"pbs.{name}" for name in ("q", "l", "a")}
)
"""The scheduler's own options for the same: with one of them it decides alone."""


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
            check(spec, executor, offered)
        except InvalidFieldError:
            # What has changed since may be why it is asked for.
            newer = self._offered(executor, RECENT)
            if newer is not None:
                check(spec, executor, newer)

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
    user = own_user()
    queues = system.queues()
    accounts: list[Account] = []
    qos: list[Qos] = []
    try:
        accounts = system.accounts(user)
        qos = system.qos() if accounts else []
    except PluginError as error:  # many sites have none, or don't tell
        log.info("what jobs may be charged to isn't known: %s", error)
    return Offered(queues, accounts, {one.name: one for one in qos}, user, own_groups())
