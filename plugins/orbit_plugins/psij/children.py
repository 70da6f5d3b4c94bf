"""The endpoints that jobs of this one are: watched while they live, and cleared away after that.

Which there are is on disk: an endpoint that was killed takes its tunnels up again at its next start, or ends them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import msgspec

from orbit_jupyter.plugin import OrbitError, ResourceNotFoundError
from orbit_jupyter.state import write_whole

from .answers import TunnelStatus
from .child import NO_TUNNEL, Child, WatchedChild
from .jobs import FINAL

log = logging.getLogger("orbit.psij")

LOOK = 2.0
"""Seconds between two looks for requests, and for jobs that have ended."""

KEPT = 1000
"""Endpoints that have ended whose last status is remembered."""


class Jobs(Protocol):
    """What is asked about jobs."""

    def state_of(self, job_id: str) -> str:
        """Return a job's state.

        Raises
        ------
        ResourceNotFoundError
            There is no such job.
        """
        ...

    def cancel(self, job_id: str) -> None:
        """Ask for its end."""
        ...


class Children:
    """Watches the endpoints that are jobs, in a thread of its own.

    Parameters
    ----------
    folder
        Where they are kept.
    jobs
        Their jobs.
    bridge_end
        Returns what to connect to here to come to the bridge; may raise `OrbitError` while there is no way to it.
    token_file
        Returns where the token of an endpoint of that name lies.
    tell
        Sends the event that one has ended.
    """

    def __init__(
        self,
        folder: Path,
        jobs: Jobs,
        bridge_end: Callable[[], str],
        token_file: Callable[[str], Path],
        tell: Callable[[dict[str, Any]], None],
    ) -> None:
        self._folder, self._jobs, self._bridge_end = folder, jobs, bridge_end
        self._token_file, self._tell = token_file, tell
        self._changed = threading.Condition()
        self._watched: dict[str, WatchedChild] = {}
        self._past: dict[str, TunnelStatus] = {}
        self._errors: dict[str, str] = {}
        self._closed = False
        self._thread: threading.Thread | None = None

    def begin(self, child: Child) -> None:
        """Take in an endpoint whose job is about to be submitted; what an earlier one of its name left goes."""
        with self._changed:
            earlier = self._watched.get(child.name)
        if earlier is not None:
            self._end(earlier, "its name was given to another job")
        watched = WatchedChild(child)
        if child.tunnel != "none":
            watched.rendezvous.clear()
        self._save(child)
        self._watch(watched)

    def undo(self, name: str, job_id: str) -> None:
        """Forget an endpoint whose job never came to be."""
        with self._changed:
            watched = self._watched.get(name)
        if watched is not None and watched.child.job_id == job_id:
            self._end(watched, None)
            with self._changed:
                self._past.pop(name, None)

    def resume(self) -> None:
        """Take up what an earlier life of this endpoint had."""
        for path in sorted(self._folder.glob("*.json")):
            try:
                child = msgspec.json.decode(path.read_bytes(), type=Child)
                watched = WatchedChild(child)
            except (OSError, msgspec.DecodeError, OrbitError) as error:
                log.warning("%s can't be read and is removed: %s", path, error)
                path.unlink(missing_ok=True)
                continue
            watched.withdraw_earlier()
            self._watch(watched)

    def status(self, name: str) -> TunnelStatus:
        """Return how an endpoint's tunnel is doing."""
        with self._changed:
            watched, past = self._watched.get(name), self._past.get(name)
        if watched is None:
            return past or {**NO_TUNNEL, "endpoint_name": name}
        return watched.status()

    def error_of(self, job_id: str) -> str | None:
        """Return why the tunnel of a job was given up, if that is why it has ended."""
        with self._changed:
            return self._errors.get(job_id)

    def close(self) -> None:
        """Close the tunnels, and watch no more; what is on disk stays for the next life."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            watched, thread = list(self._watched.values()), self._thread
        if thread is not None:
            thread.join()
        for one in watched:
            with one.lock:
                one.close_tunnel()

    def _watch(self, watched: WatchedChild) -> None:
        with self._changed:
            self._watched[watched.child.name] = watched
            self._past.pop(watched.child.name, None)
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="psij children", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._watched)
                if self._closed:
                    return
                all_watched = list(self._watched.values())
            for watched in all_watched:
                try:
                    self._look(watched)
                except Exception:  # a disk that is away; the next look may succeed
                    log.exception("endpoint %s can't be looked after just now", watched.child.name)
            with self._changed:
                self._changed.wait_for(lambda: self._closed, LOOK)

    def _look(self, watched: WatchedChild) -> None:
        child = watched.child
        try:
            state = self._jobs.state_of(child.job_id)
        except ResourceNotFoundError:
            state = "unknown"
        except OrbitError as error:
            log.info("endpoint %s isn't looked after just now: %s", child.name, error)
            return
        if state in FINAL or state == "unknown":
            self._end(watched, None if child.error else f"its job is {state}")
        elif watched.asks:
            with watched.lock:
                why = None if watched.over else watched.serve(self._bridge_end)
                if why is not None:
                    self._fail(watched, why)

    def _fail(self, watched: WatchedChild, why: str) -> None:
        child = watched.child
        log.error("endpoint %s: %s; its job %s is cancelled", child.name, why, child.job_id)
        child.error = why
        with self._changed:
            self._errors[child.job_id] = why
            while len(self._errors) > KEPT:
                del self._errors[next(iter(self._errors))]
        self._save(child)
        try:
            self._jobs.cancel(child.job_id)
        except OrbitError as error:  # it has ended meanwhile, or the scheduler is away: then it ends by itself
            log.warning("job %s couldn't be cancelled: %s", child.job_id, error)

    def _end(self, watched: WatchedChild, why: str | None) -> None:
        """Clear away what an endpoint leaves, and tell the bridge, which forgets its token."""
        child = watched.child
        with watched.lock:
            if watched.over:
                return
            watched.over = True
            watched.close_tunnel()
            if child.tunnel != "none":
                watched.rendezvous.clear()
            if child.token_id is not None:
                self._token_file(child.name).unlink(missing_ok=True)
        log.info("endpoint %s has ended%s", child.name, f": {why}" if why else "")
        about = {"endpoint_name": child.name, "job_id": child.job_id, "token_id": child.token_id}
        self._tell({**about, "error": child.error})
        (self._folder / f"{child.name}.json").unlink(missing_ok=True)
        with self._changed:
            if self._watched.get(child.name) is watched:
                del self._watched[child.name]
            if child.tunnel != "none":
                last: TunnelStatus = {**NO_TUNNEL, "endpoint_name": child.name, "error": child.error}
                self._past[child.name] = {**last, "status": "failed" if child.error else "done"}
                while len(self._past) > KEPT:
                    del self._past[next(iter(self._past))]

    def _save(self, child: Child) -> None:
        write_whole(self._folder / f"{child.name}.json", msgspec.json.encode(child))
