"""Acting once for each idempotency key, also where the process dies in between.

Before a plugin acts, the intent is on the disk; afterwards the result is. A repeat of the key gets the first
result. What can't be known from here is whether a process that died between the two had acted: the next try is
told so (`Intent.again`), and the plugin has to look, or to make sure that acting twice does no harm.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent import futures
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec

from orbit_jupyter.protocol import ConflictError, InvalidFieldError, PluginError
from orbit_jupyter.state import write_whole

log = logging.getLogger("orbit.plugin")

A = TypeVar("A")

KEPT = 10_000
"""Keys that are remembered; of more the oldest that are finished are forgotten first."""

MAX_AGE = 30 * 86400.0
"""Seconds after which a key is forgotten."""

_LOOK = 0.2
_OLDEST_READ = 100


@dataclass(frozen=True)
class Intent:
    """What one acts on.

    Attributes
    ----------
    key
        The idempotency key; empty where the caller sent none, and nothing is kept.
    note
        What was noted before the first try, such as an id: the same in every later one.
    again
        Whether there was a try before whose outcome nobody knows.
    """

    key: str
    note: dict[str, Any]
    again: bool


class _Kept(msgspec.Struct):
    """What is in a key's file."""

    key: str
    user: str
    request: str
    time: float
    note: dict[str, Any]
    finished: bool = False
    result: Any = None


class Intents:
    """The keys of one plugin, a small file for each.

    All methods may block, for milliseconds on a disk: call them in plain handlers, never on a loop. One process at
    a time may use a folder.

    Parameters
    ----------
    folder
        Where the files are; made where it isn't there.
    kept, max_age
        How many keys are remembered, and for how many seconds.
    """

    def __init__(self, folder: Path, *, kept: int = KEPT, max_age: float = MAX_AGE) -> None:
        self._folder, self._most, self._max_age = folder, kept, max_age
        self._lock = threading.Lock()
        self._acting: dict[str, tuple[str, futures.Future[Any]]] = {}
        self._ages: OrderedDict[str, float] | None = None

    def once(
        self,
        key: str,
        request: object,
        act: Callable[[Intent], A],
        *,
        user: str = "",
        note: Callable[[], dict[str, Any]] = dict,
        cancelled: threading.Event | None = None,
    ) -> A:
        """Call `act`, or return what it returned first for the same key of the same user.

        Who comes while another acts waits for that, and gets its result or its error. An error with a status below
        500 says that nothing was done: after the first try it leaves the key free, also for another request. After
        every other error the outcome is open, and the next try is made with `Intent.again`.

        Parameters
        ----------
        key
            Without one `act` is called, and nothing is kept.
        request
            What is asked for, as JSON has it; a repeat must ask for the same.
        act
            What is to happen once; what it returns is kept as JSON.
        user
            Whose key it is: two users may have the same.
        note
            Makes what is kept with the intent, before `act` is called.
        cancelled
            Ends the waiting for another, as `Request.cancelled` says that nobody waits for the answer.

        Raises
        ------
        InvalidFieldError
            The key came with another request before.
        PluginError
            The intent can't be written, so nothing was done (503, transient); or what is kept can't be read.
        """
        if not key:
            return act(Intent("", note(), again=False))
        name = hashlib.sha256(msgspec.json.encode([user, key])).hexdigest()
        asked = hashlib.sha256(msgspec.json.encode(request, order="deterministic")).hexdigest()
        mine: futures.Future[Any] = futures.Future()
        with self._lock:
            asked_first, first = self._acting.setdefault(name, (asked, mine))
        if first is not mine:
            _check_same(asked, asked_first)
            return cast(A, _wait(first, cancelled))
        try:
            answer = self._act(name, _Kept(key, user, asked, time.time(), {}), act, note)
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._acting[name]
        mine.set_result(answer)
        return deepcopy(answer)

    def sweep(self) -> None:
        """Forget what is too old; looks at each file the first time."""
        with self._lock:
            self._make_room()

    def _act(self, name: str, asked: _Kept, act: Callable[[Intent], A], note: Callable[[], dict[str, Any]]) -> A:
        kept = self._read(name)
        again = kept is not None
        if kept is None:
            kept = msgspec.structs.replace(asked, note=note())
            try:
                self._write(name, kept)
            except OSError as error:
                message = f"nothing was done: the intent can't be written to {self._folder}: {error.strerror}"
                raise PluginError(message, status=503, transient=True) from error
        else:
            _check_same(asked.request, kept.request)
            if kept.finished:
                return cast(A, kept.result)
        try:
            answer = act(Intent(kept.key, dict(kept.note), again))
        except Exception as error:
            if not again and _refusal(error):
                with self._lock:
                    self._forget(name)
            raise
        try:
            self._write(name, msgspec.structs.replace(kept, finished=True, result=answer))
        except OSError as error:
            log.warning("the result of an idempotency key can't be written to %s: %s", self._folder, error)
        return answer

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _read(self, name: str) -> _Kept | None:
        path = self._path(name)
        try:
            return msgspec.json.decode(path.read_bytes(), type=_Kept)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            # Never as if it weren't there: the key may have been acted for.
            raise PluginError(
                f"what is kept for this idempotency key can't be read: {path}: {error}; nothing was done"
            ) from error

    def _write(self, name: str, kept: _Kept) -> None:
        write_whole(self._path(name), msgspec.json.encode(kept), durable=True)
        with self._lock:
            self._make_room(name)

    def _forget(self, name: str) -> None:
        """Forget a key; under the lock."""
        with contextlib.suppress(OSError):
            self._path(name).unlink()
        if self._ages is not None:
            self._ages.pop(name, None)

    def _make_room(self, newest: str | None = None) -> None:
        """Take in a name, and forget those for which there is no room; under the lock."""
        if self._ages is None:
            self._ages = self._listed()
        if newest is not None:
            self._ages[newest] = time.time()
            self._ages.move_to_end(newest)
        oldest = time.time() - self._max_age
        idle = (name for name in list(self._ages) if name not in self._acting)
        for name in idle:
            if self._ages[name] >= oldest:
                break
            self._forget(name)
        while len(self._ages) > self._most and (name := self._least()):
            self._forget(name)

    def _least(self) -> str:
        """Return the oldest that is finished, among the oldest; where none of those is, the oldest of all."""
        assert self._ages is not None
        idle = [name for name in self._ages if name not in self._acting][:_OLDEST_READ]
        return next((name for name in idle if self._finished(name)), idle[0] if idle else "")

    def _finished(self, name: str) -> bool:
        try:
            kept = self._read(name)
        except PluginError:
            return False
        return kept is None or kept.finished

    def _listed(self) -> OrderedDict[str, float]:
        found: list[tuple[float, str]] = []
        with contextlib.suppress(FileNotFoundError), os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.name.endswith(".json") and not entry.name.startswith("."):
                    with contextlib.suppress(OSError):
                        found.append((entry.stat().st_mtime, entry.name.removesuffix(".json")))
        return OrderedDict((name, changed) for changed, name in sorted(found))


def _check_same(asked: str, asked_first: str) -> None:
    if asked != asked_first:
        raise InvalidFieldError(
            "Idempotency-Key: this key came with another request before; take a new key for a new request",
            field="Idempotency-Key",
        )


def _refusal(error: Exception) -> bool:
    """Return whether an error says that nothing was done."""
    status = getattr(error, "status", getattr(error, "status_code", 500))
    return isinstance(status, int) and status < 500


def _wait(first: futures.Future[Any], cancelled: threading.Event | None) -> Any:
    while not futures.wait([first], None if cancelled is None else _LOOK).done:
        if cancelled is not None and cancelled.is_set():
            raise ConflictError("another call with this idempotency key is still under way")
    return deepcopy(first.result())
