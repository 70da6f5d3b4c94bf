"""Who wants which notification: at four levels, from everything down to one topic of one plugin."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from orbit_jupyter.plugin import Callback

log = logging.getLogger("orbit.client")

Key = tuple[str | None, str | None, str | None]
TopologyCallback = Callable[[dict[str, Any]], None]


class CallbackTable:
    """Callbacks by (endpoint, plugin, topic); None matches all."""

    def __init__(self) -> None:
        self._callbacks: dict[Key, list[Callback]] = {}

    def add(self, key: Key, callback: Callback) -> None:
        """Register; the same callback at the same level once."""
        callbacks = self._callbacks.setdefault(key, [])
        if callback not in callbacks:
            callbacks.append(callback)

    def remove(self, key: Key, callback: Callback | None) -> None:
        """Take one back, or with None all of that level; silent where there is none."""
        if callback is None:
            self._callbacks.pop(key, None)
            return
        callbacks = self._callbacks.get(key, [])
        if callback in callbacks:
            callbacks.remove(callback)

    def matching(self, endpoint: str, plugin: str, topic: str) -> list[Callback]:
        """Return who gets this notification, each once, the most general first."""
        levels: tuple[Key, ...] = (
            (None, None, None),
            (endpoint, None, None),
            (None, plugin, None),
            (None, None, topic),
            (endpoint, plugin, None),
            (endpoint, None, topic),
            (None, plugin, topic),
            (endpoint, plugin, topic),
        )
        found: dict[Callback, None] = {}
        for level in levels:
            found.update(dict.fromkeys(self._callbacks.get(level, ())))
        return list(found)


class Dispatcher:
    """Calls callbacks one after another in a daemon thread of their own, so that a slow one holds up no link.

    Parameters
    ----------
    room
        How many calls may wait. Beyond it the oldest are given up, and the log says how many.
    """

    def __init__(self, room: int = 100_000) -> None:
        self._room = room
        self._waiting: deque[Callable[[], None]] = deque()
        self._more = threading.Condition()
        self._thread: threading.Thread | None = None
        self._ending = False
        self._dropped = 0

    def put(self, call: Callable[[], None]) -> None:
        """Have `call` called; from any thread, without waiting."""
        with self._more:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="orbit-callbacks", daemon=True)
                self._thread.start()
            self._waiting.append(call)
            if len(self._waiting) > self._room:
                self._waiting.popleft()
                self._dropped += 1
            self._more.notify()

    def _run(self) -> None:
        while True:
            with self._more:
                while not self._waiting and not self._ending:
                    self._more.wait()
                if not self._waiting:
                    return
                call = self._waiting.popleft()
                dropped, self._dropped = self._dropped, 0
            if dropped:
                log.error("callbacks are too slow: %d notifications were dropped", dropped)
            try:
                call()
            except BaseException:  # a sys.exit() in one callback mustn't end the thread of all
                log.exception("a callback failed")

    def close(self) -> None:
        """Call what waits and end."""
        with self._more:
            self._ending = True
            self._more.notify()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(5)
