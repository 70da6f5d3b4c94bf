"""Calls that may never return, such as `statvfs` on a dead NFS mount, with a deadline.

Nothing can end a thread that hangs in the kernel. So each such call has a daemon thread, is waited for until its
deadline, and isn't made again while its thread still hangs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Generic, TypeVar

from orbit_jupyter.plugin.program import NoAnswerError

T = TypeVar("T")


class Run(Generic[T]):
    """One call under way.

    Parameters
    ----------
    function
        What to call.
    deadline
        Seconds from now.
    name
        The thread's name.
    """

    def __init__(self, function: Callable[[], T], deadline: float, name: str) -> None:
        self._function, self._deadline = function, deadline
        self._until = time.monotonic() + deadline
        self._future: Future[T] = Future()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def _work(self) -> None:
        try:
            self._future.set_result(self._function())
        except BaseException as error:
            self._future.set_exception(error)

    @property
    def done(self) -> bool:
        """Whether the call has returned."""
        return self._future.done()

    def result(self) -> T:
        """Return what the call returned, or raise what it raised; wait until the deadline at the latest.

        Raises
        ------
        NoAnswerError
            If it has not returned by then. At once, if it was to have done so long ago.
        """
        wait([self._future], timeout=max(0.0, self._until - time.monotonic()))
        if not self._future.done():
            raise NoAnswerError(f"no answer within {self._deadline:g} s")
        return self._future.result()


class Guard(Generic[T]):
    """A function that is called in a thread of its own, by one thread at a time.

    Parameters
    ----------
    function
        What to call.
    deadline
        Seconds that one call may take.
    name
        Of its threads.
    """

    def __init__(self, function: Callable[[], T], deadline: float, name: str = "sysinfo") -> None:
        self._function, self._deadline, self._name = function, deadline, name
        self._lock = threading.Lock()
        self._run: Run[T] | None = None

    @property
    def busy(self) -> bool:
        """Whether a call is under way, be it late or not."""
        run = self._run
        return run is not None and not run.done

    def start(self) -> Run[T]:
        """Return the call that is under way, or begin one."""
        with self._lock:
            if self._run is None or self._run.done:
                self._run = Run(self._function, self._deadline, self._name)
            return self._run
