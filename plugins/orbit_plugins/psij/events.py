"""From a client's one notification callback to its jobs."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .job import Job


class JobEvents:
    """Brings events to the jobs that they are about, those included that come before the job's submit returns."""

    def __init__(self, early_kept: int = 1000) -> None:
        self._lock = threading.Lock()
        self._jobs: weakref.WeakValueDictionary[str, Job] = weakref.WeakValueDictionary()
        self._early: deque[dict[str, Any]] = deque(maxlen=early_kept)
        self._expecting = 0

    def take(self, endpoint: str, plugin: str, topic: str, data: dict[str, Any]) -> None:
        """Take one event in; the callback that is registered with the bridge's client."""
        with self._lock:
            job = self._jobs.get(str(data.get("job_id")))
            if job is None and self._expecting and topic == "job_status":
                self._early.append(data)
        if job is None:
            return
        if topic == "job_output":
            job._wrote(data)
        else:
            job._saw(data)

    @contextmanager
    def expecting(self) -> Iterator[None]:
        """Keep events of unknown jobs for as long as a submit is under way."""
        with self._lock:
            self._expecting += 1
        try:
            yield
        finally:
            with self._lock:
                self._expecting -= 1
                if not self._expecting:
                    self._early.clear()

    def add(self, job: Job) -> None:
        """Bring a job its events, from those on that have come already."""
        with self._lock:
            self._jobs[job.id] = job
            early = [data for data in self._early if data.get("job_id") == job.id]
        for data in early:
            job._saw(data)
