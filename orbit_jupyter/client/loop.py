"""One event loop on a daemon thread, and the way to it from blocking code."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from orbit_jupyter.link import new_loop

T = TypeVar("T")


class LoopThread:
    """An event loop that runs beside the caller's thread."""

    def __init__(self) -> None:
        self._loop = new_loop()
        self._thread = threading.Thread(target=self._run, name="orbit-client", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine there and wait for its result.

        An interrupt (Ctrl-C, the notebook's stop button) cancels the coroutine, and the call at the far side too.

        Raises
        ------
        RuntimeError
            If called on the loop's own thread, which would wait for itself.
        """
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise RuntimeError("a blocking Orbit call was made on Orbit's own loop; use orbit.aio there")
        future: Future[T] = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            # Wait until the cancel is on its way: the interrupted cell may be the last thing this process does.
            with contextlib.suppress(CancelledError, TimeoutError, Exception):
                self.run_soon()
            raise

    def run_soon(self) -> None:
        """Wait until everything that is queued on the loop now has run, or a second."""
        done = threading.Event()
        self._loop.call_soon_threadsafe(self._loop.call_later, 0.05, done.set)
        done.wait(1.0)

    def stop(self) -> None:
        """End the thread; for tests, since it is a daemon."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)


_shared: LoopThread | None = None
_lock = threading.Lock()


def shared_loop() -> LoopThread:
    """Return this process's loop thread; the first call makes it."""
    global _shared  # noqa: PLW0603 - one thread a process, as asyncio has one loop a thread
    with _lock:
        if _shared is None or not _shared._thread.is_alive():
            _shared = LoopThread()
        return _shared
