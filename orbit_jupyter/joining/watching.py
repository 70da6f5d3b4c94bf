"""Keeping a tunnel up for as long as the process lives that has joined."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator

from orbit_jupyter.protocol import ConflictError, OrbitError

from . import kept
from .errors import JoinError
from .far_side import FarSide
from .kept import Joined
from .master import Master
from .places import control_folder, one_join

log = logging.getLogger("orbit.joining")

LOOK, LONGEST = 5.0, 60.0
"""Seconds between two looks at a tunnel that stands, and at most between two tries to open one."""


class Watcher:
    """Opens a tunnel again when its connection has died, in a thread of its own. It asks nobody anything.

    Parameters
    ----------
    joined
        Which.
    look
        Seconds between two looks.
    """

    def __init__(self, joined: Joined, look: float = LOOK) -> None:
        self.joined, self._look = joined, look
        self._master = Master(joined.host, joined.options, control_folder())
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"orbit-join-{joined.name}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        wait = self._look
        while not self._ended.wait(wait):
            if kept.kept(self.joined.name) != self.joined:  # somebody else has left, or joined anew
                return
            try:
                if not self._master.alive():
                    self._repair()
                wait = self._look
            except ConflictError:  # somebody joins just now, and does it better: they can be asked
                wait = self._look
            except (OrbitError, OSError) as error:
                lasting = isinstance(error, JoinError) and not error.transient
                log.warning("the tunnel of %s is down: %s", self.joined.name, error)
                if lasting:
                    log.warning("it isn't tried again: join %s once more", self.joined.host)
                    return
                wait = min(2 * wait, LONGEST)

    def _repair(self) -> None:
        joined = self.joined
        # Anew: what lies in a folder for temporary files may have been cleared away.
        self._master = Master(joined.host, joined.options, control_folder())
        with one_join(self._master.lock, joined.host):
            # Again, under the lock: it may have been left meanwhile, here or elsewhere.
            if self._ended.is_set() or kept.kept(joined.name) != joined or self._master.alive():
                return
            log.info("the ssh connection to %s is gone; opening it again", joined.host)
            self._master.open(None, lambda line: log.info("%s: %s", joined.host, line))
            FarSide(self._master, joined.python)("way", joined.name, path=joined.way)
            self._master.forward(joined.way, joined.target)
            log.warning("the tunnel of %s stands again", joined.name)

    @property
    def is_at_work(self) -> bool:
        """Whether it has neither given up nor been ended."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Let go of it."""
        self._ended.set()
        if self._thread is not threading.current_thread():
            self._thread.join(30)

    def wait(self) -> None:
        """Wait until it has given up."""
        while self.is_at_work:
            self._thread.join(0.5)


_watchers: dict[str, Watcher] = {}
_lock = threading.Lock()


def watch(joined: Joined) -> Watcher:
    """Watch over a tunnel from now on."""
    let_go(joined.name)
    with _lock:
        _watchers[joined.name] = Watcher(joined)
        return _watchers[joined.name]


def let_go(name: str) -> None:
    """Watch over a tunnel no longer; silent where nobody does."""
    with _lock:
        watcher = _watchers.pop(name, None)
    if watcher is not None:
        watcher.stop()


@contextlib.contextmanager
def unwatched(name: str) -> Iterator[None]:
    """Watch over a tunnel no longer while it is joined anew; if that fails, go on."""
    with _lock:
        before = _watchers.get(name)
    goes_on = before is not None and before.is_at_work
    let_go(name)
    try:
        yield
    except BaseException:
        if before is not None and goes_on:
            watch(before.joined)
        raise


def stay(name: str) -> None:
    """Wait for as long as a tunnel is watched over."""
    with _lock:
        watcher = _watchers.get(name)
    if watcher is not None:
        watcher.wait()
